//! The kernels of `mobilenet-runtime` as a static library, for the C of `mobilenetc build --kernels runtime`.
//!
//! `include/mobilenet_runtime.h` documents the interface. An [`Inference`] names the memory that steps work on and keeps
//! the first error. No panic leaves the library: with the feature `std` a refused descriptor is an error code,
//! without it (or where panics abort) the program is stopped.
#![cfg_attr(not(any(feature = "std", test)), no_std)]

mod descriptors;
mod inference;
mod layout;
#[cfg(not(any(feature = "std", test)))]
mod panic;
mod steps;
#[cfg(all(test, feature = "std"))]
mod tests;

pub use descriptors::{Chain, Source, Stem};
pub use inference::{Inference, Status};
