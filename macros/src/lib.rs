//! The mobilenet_model! macro.
