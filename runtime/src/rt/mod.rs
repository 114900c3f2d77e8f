//! What `mobilenet_model!` expands to calls into: the stage descriptors and entry points. Not public API.
//!
//! A [`Run`] executes stages over one arena and one blob of packed weights. Every method checks its descriptor against
//! both before a kernel runs and panics where they disagree; descriptors from the compiler never do. Nothing here is
//! generic over user types, so that everything is compiled with this crate's own optimisation level.

mod check;
mod image;
mod isa;
mod kernel;
mod run;
mod scores;
mod share;
mod softmax;
mod spec;
#[cfg(all(test, feature = "std"))]
#[allow(clippy::single_range_in_vec_init)]
mod testing;

#[cfg(feature = "alloc")]
pub use alloc::boxed::Box;

pub use crate::arena::Aligned;
pub use run::{LinkKind, Run};
pub(crate) use softmax::softmax;
pub use spec::*;

/// Version of the contract between emitted code and this crate.
pub const ABI: u32 = 4;

/// Name of the instruction set that inference runs on: `portable`, `avx2`, `avxvnni`, `avx512`, `avx512vnni`, `neon` or `simd128`.
pub fn isa() -> &'static str {
    isa::kernels().name
}
