//! How long the steps took on a machine, and what share of its peak that is.

use super::Report;
use serde_json::{Value, json};
use std::time::Duration;

/// Medians over many inferences, one thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What built the code.
    pub compiler: String,
    /// Whose kernels ran, `c` or `rust`.
    pub via: &'static str,
    /// Inferences.
    pub runs: usize,
    /// Images per inference.
    pub batch: usize,
    /// Of whole inferences, without clocks.
    pub median: Duration,
    /// The shortest of these.
    pub best: Duration,
    /// One per step of the plan.
    pub steps: Vec<Duration>,
    /// Multiply-adds per second of a loop that does nothing else.
    pub peak: f64,
}

impl Measured {
    /// Multiply-adds per second of a whole batch.
    pub fn rate(&self, mult_adds: u64, time: Duration) -> f64 {
        mult_adds as f64 * self.batch as f64 / time.as_secs_f64().max(1e-9)
    }

    /// That rate over the peak.
    pub fn share_of_peak(&self, mult_adds: u64, time: Duration) -> f64 {
        self.rate(mult_adds, time) / self.peak
    }

    /// The share that a step has of the time of all.
    pub fn share_of_time(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.steps.iter().sum::<Duration>().as_secs_f64().max(1e-12)
    }

    /// Latency, speed and peak on one line.
    pub fn summary(&self, report: &Report) -> String {
        let ms = |time: Duration| 1e3 * time.as_secs_f64();
        let of = report.facts.mult_adds;
        format!(
            "{:.3} ms median, {:.3} ms best of {} runs; {:.1} GMAC/s, {:.1} % of the peak of {:.1} GMAC/s; one thread, {}",
            ms(self.median),
            ms(self.best),
            self.runs,
            self.rate(of, self.median) / 1e9,
            100.0 * self.share_of_peak(of, self.median),
            self.peak / 1e9,
            crate::text::printable(&self.compiler),
        )
    }

    pub(super) fn to_json(&self, report: &Report) -> Value {
        let step = |(step, time): (&super::Step, &Duration)| {
            json!({
                "milliseconds": 1e3 * time.as_secs_f64(),
                "share_of_time": self.share_of_time(*time),
                "share_of_peak": (step.mult_adds > 0).then(|| self.share_of_peak(step.mult_adds, *time)),
            })
        };
        json!({
            "compiler": self.compiler,
            "via": self.via,
            "runs": self.runs,
            "median_milliseconds": 1e3 * self.median.as_secs_f64(),
            "best_milliseconds": 1e3 * self.best.as_secs_f64(),
            "peak_gmacs_per_second": self.peak / 1e9,
            "share_of_peak": self.share_of_peak(report.facts.mult_adds, self.median),
            "steps": report.steps.iter().zip(&self.steps).map(step).collect::<Vec<_>>(),
        })
    }
}
