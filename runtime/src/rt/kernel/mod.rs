//! The kernels: bodies over [`Simd`](super::isa::Simd), inlined into one outer function per instruction set.
//! (Unoptimised, which `build.rs` tells, they are calls instead: inlined frames would not fit small stacks.)
//!
//! All of them work on raw pointers into the arena, because a stage's output may overlap rows of its input that are no
//! longer needed; [`Run`](super::Run) checks every extent before it calls them.

// Vectors of a tile are named by index: the same one picks weights, sums and addresses.
#![allow(clippy::needless_range_loop)]

pub(crate) mod conv;
pub(crate) mod dense;
pub(crate) mod depthwise;
pub(crate) mod epilogue;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod stem;
mod taps;
mod view;

pub(crate) use view::{View, moved, padded_channels};
