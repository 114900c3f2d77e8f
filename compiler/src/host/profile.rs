//! Emitted code that tells how long each of its steps takes, beside a loop that shows what the processor could do.

use super::{Compiled, Compiler, HostError};
use crate::plan::Plan;
use std::time::{Duration, Instant};

type Take = unsafe extern "C" fn(*mut u64);
type Peak = unsafe extern "C" fn(u64) -> u64;

/// A model built with clocks around its steps.
pub struct Profiled {
    compiled: Compiled,
    take: Take,
    peak: Peak,
    steps: usize,
}

impl Compiler {
    /// As [`Compiler::compile`], with clocks around the steps.
    ///
    /// # Errors
    ///
    /// What the emitter, the compiler or the loader reports.
    pub fn profile(&self, plan: &Plan) -> Result<Profiled, HostError> {
        let mut files = self.emit(plan, true)?;
        files.insert("profile.h", include_str!("profile/profile.h"));
        files.insert("profile.c", include_str!("profile/profile.c"));
        let steps = plan.steps.len();
        let hooks = ["-DNET_CONFIG=\"profile.h\"".to_string()];
        let compiled = self.clone().and_flags(hooks).forced("net").build(&files, "net", plan)?;
        // SAFETY: profile.c defines the functions with these types.
        let (take, peak) = unsafe { (compiled.symbol("net_profile_take")?, compiled.symbol("net_profile_peak")?) };
        Ok(Profiled { compiled, take, peak, steps })
    }
}

impl Profiled {
    /// One inference; the time of each step of the plan, over the whole batch.
    ///
    /// # Errors
    ///
    /// As [`Compiled::run`].
    pub fn run(&mut self, input: &[u8]) -> Result<Vec<Duration>, HostError> {
        self.compiled.run(input)?;
        let mut nanoseconds = vec![0; self.steps.max(1)];
        // SAFETY: the buffer has as many elements as the code was told to write.
        unsafe { (self.take)(nanoseconds.as_mut_ptr()) };
        nanoseconds.truncate(self.steps);
        Ok(nanoseconds.into_iter().map(Duration::from_nanos).collect())
    }

    /// Multiply-adds per second of a loop that does nothing else, with the vectors that the kernels use.
    pub fn peak(&self, rounds: u64) -> f64 {
        let start = Instant::now();
        // SAFETY: the function computes in registers.
        let of_a_round = unsafe { (self.peak)(rounds) };
        rounds as f64 * of_a_round as f64 / start.elapsed().as_secs_f64().max(1e-9)
    }
}
