//! 8-bit arithmetic to the bit: the second oracle of every test.
//!
//! [`rules`] is the contract of `docs/quantization.md`, one function per rule, in i64, f32 and f64. Nothing of the plan or of the
//! kernels uses it.

pub mod rules;
