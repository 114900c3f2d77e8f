//! What `mobilenet_model!` expands to calls into: the stage descriptors and entry points. Not public API.

mod spec;

pub use spec::*;

/// Version of the contract between emitted code and this crate.
pub const ABI: u32 = 1;
