//! What is under way, on standard error, where that is a terminal; gone when it is done.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const REDRAW: Duration = Duration::from_millis(120);

static HUSHED: AtomicBool = AtomicBool::new(false);

/// From now on nothing is shown.
pub fn hush() {
    HUSHED.store(true, Ordering::Relaxed);
}

/// A line that says what is under way.
pub struct Progress(ProgressBar);

impl Progress {
    /// Work of unknown length.
    pub fn new(what: impl Into<String>) -> Self {
        Self::start(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}", what.into())
    }

    /// Work of so many parts.
    pub fn of(what: impl Into<String>, parts: usize) -> Self {
        Self::start(ProgressBar::new(parts as u64), "{spinner} {msg} {pos} of {len}, {elapsed}", what.into())
    }

    fn start(bar: ProgressBar, template: &str, what: String) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
        }
        bar.set_message(what);
        if HUSHED.load(Ordering::Relaxed) {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.enable_steady_tick(REDRAW);
        Self(bar)
    }

    /// Says what is under way now.
    pub fn say(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// One part is done.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
