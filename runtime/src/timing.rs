//! How long a model takes here.

use std::time::{Duration, Instant};
use std::vec::Vec;

use crate::Model;

/// What [`latency`] measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Of the fastest inference.
    pub best: Duration,
    /// Half of the inferences took at most this long.
    pub median: Duration,
}

/// Times `rounds` inferences (at least one) of the whole batch, after one that is not counted.
pub fn latency<M: Model>(input: &M::InputArray, arena: &mut M::Arena, rounds: usize) -> Latency {
    let mut output = M::new_output();
    let mut once = || {
        let start = Instant::now();
        M::run(core::hint::black_box(input), &mut output, arena);
        core::hint::black_box(&mut output);
        start.elapsed()
    };
    once();
    let mut times: Vec<_> = (0..rounds.max(1)).map(|_| once()).collect();
    times.sort_unstable();
    Latency { best: times[0], median: times[times.len() / 2] }
}
