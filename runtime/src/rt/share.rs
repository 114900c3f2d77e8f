//! Work shared out over the threads that help the current inference; without the feature, all of it done here.

use core::ops::Range;

#[cfg(not(feature = "threads"))]
pub(crate) fn parts() -> usize {
    1
}

/// Calls `work` with all of `0..units`.
#[cfg(not(feature = "threads"))]
#[inline(always)]
pub(crate) fn split(units: usize, work: impl Fn(Range<usize>) + Sync) {
    work(0..units);
}

/// Threads that work on this inference.
#[cfg(feature = "threads")]
pub(crate) fn parts() -> usize {
    crate::threads::with_crew(|crew| crew.map_or(1, |crew| crew.threads()))
}

/// Parts per thread, so that a thread whose core is busy otherwise gets less to do.
#[cfg(feature = "threads")]
const SHARES: usize = 4;

/// Calls `work` with ranges that make up `0..units`, a few per thread, and returns when all have been done.
#[cfg(feature = "threads")]
pub(crate) fn split(units: usize, work: impl Fn(Range<usize>) + Sync) {
    crate::threads::with_crew(|crew| match crew {
        Some(crew) if units > 1 => {
            let parts = (crew.threads() * SHARES).min(units);
            crew.share(parts, &|part| work(units * part / parts..units * (part + 1) / parts));
        }
        _ => work(0..units),
    });
}

/// A value that threads may share although it holds pointers: they point into the arena and the weights, and every
/// thread writes to a part of its own.
pub(crate) struct Shared<T>(T);

// SAFETY: as the type's description says.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }
}
