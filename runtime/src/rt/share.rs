//! Work shared among the threads that help the current inference; without the feature, all of it done here.

use core::ops::Range;

/// Threads that work on this inference.
#[cfg(not(feature = "threads"))]
pub(crate) fn threads() -> usize {
    1
}

/// Calls `work` with all of `0..units`.
#[cfg(not(feature = "threads"))]
#[inline(always)]
pub(crate) fn split(units: usize, work: impl Fn(Range<usize>) + Sync) {
    work(0..units);
}

/// Calls `work` for all of `0..units`, with nobody's memory.
#[cfg(not(feature = "threads"))]
#[inline(always)]
pub(crate) fn apart(units: usize, _bytes: usize, work: impl Fn(Range<usize>, Option<*mut u8>) + Sync) {
    work(0..units, None);
}

/// Memory beside the arena: none.
#[cfg(not(feature = "threads"))]
pub(crate) fn memory(_bytes: usize) -> Option<*mut u8> {
    None
}

/// Threads that work on this inference.
#[cfg(feature = "threads")]
pub(crate) fn threads() -> usize {
    crate::threads::with_crew(|crew| crew.map_or(1, |crew| crew.threads()))
}

/// Parts per thread, so that a thread whose core is busy otherwise gets less to do.
#[cfg(feature = "threads")]
const SHARES: usize = 4;

/// Calls `work` with ranges that make up `0..units`, a few per thread, and returns when all have been done. A thread gets
/// ranges that follow each other as long as it can.
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

/// Calls `work` with ranges that make up `0..units`, one per thread and each of two units at least, and with `bytes` of memory that
/// no other call has; without memory where one thread does all.
#[cfg(feature = "threads")]
pub(crate) fn apart(units: usize, bytes: usize, work: impl Fn(Range<usize>, Option<*mut u8>) + Sync) {
    let bytes = bytes.next_multiple_of(ALIGN);
    crate::threads::with_crew(|crew| match crew {
        Some(crew) if units >= 4 => {
            let parts = crew.threads().min(units / 2);
            // SAFETY: this thread leads the crew, which has nothing to do now; every part uses bytes of its own.
            let memory = unsafe { Shared::new(crew.memory(parts * bytes)) };
            crew.share(parts, &|part| {
                // SAFETY: there are that many bytes.
                let mine = unsafe { memory.get().add(part * bytes) };
                work(units * part / parts..units * (part + 1) / parts, Some(mine));
            });
        }
        _ => work(0..units, None),
    });
}

/// Alignment of each thread's memory: what neighbouring cores don't fetch together.
#[cfg(feature = "threads")]
const ALIGN: usize = 128;

/// Memory beside the arena, until the next call; none where one thread does all.
#[cfg(feature = "threads")]
pub(crate) fn memory(bytes: usize) -> Option<*mut u8> {
    // SAFETY: this thread leads the crew, which has nothing to do now.
    crate::threads::with_crew(|crew| crew.map(|crew| unsafe { crew.memory(bytes) }))
}

/// A value that threads may share although it holds pointers.
pub(crate) struct Shared<T>(T);

// SAFETY: as `Shared::new` asks.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// Whoever reads the value on another thread uses its pointers, and what else in it is not [`Sync`], for parts of its own or for
    /// reading what nobody writes meanwhile.
    pub(crate) unsafe fn new(value: T) -> Self {
        Self(value)
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }
}
