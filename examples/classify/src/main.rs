//! Placeholder until the macro exists.
fn main() {}
