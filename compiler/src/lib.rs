//! Compiles ONNX MobileNets to shape-static Rust and C.
//!
//! Data flows one way: [`onnx`] → [`graph`] → [`passes`] → [`network`] → [`plan`] → [`emit`].
//! See `ARCHITECTURE.md` for what each stage owns.

pub mod diagnostic;
pub mod emit;
pub mod graph;
pub mod locate;
pub mod naming;
pub mod network;
pub mod onnx;
pub mod options;
pub mod passes;
pub mod plan;
pub mod reference;

pub use diagnostic::{Error, Problem};
pub use options::Options;
