//! What `mobilenet_model!` expands to calls into: the stage descriptors and entry points. Not public API.

mod spec;

#[cfg(feature = "alloc")]
pub use alloc::boxed::Box;

pub use crate::arena::Aligned;
pub use spec::*;

/// Version of the contract between emitted code and this crate.
pub const ABI: u32 = 1;
