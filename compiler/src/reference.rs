//! The oracle: executes the unoptimised graph naively, accumulating in f64.
