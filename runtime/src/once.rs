//! A `static` that is handed out once, as a unique reference.

use core::cell::UnsafeCell;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in a `static` that can be taken once, as `&'static mut`: how firmware without a heap gets its arena.
///
/// ```
/// use mobilenet_runtime::{Arena, TakeOnce};
///
/// static ARENA: TakeOnce<Arena<4096>> = TakeOnce::new(Arena::new());
///
/// let arena: &'static mut Arena<4096> = ARENA.take().expect("the first caller gets it");
/// assert!(ARENA.take().is_none());
/// # arena.bytes_mut()[0] = 1;
/// ```
pub struct TakeOnce<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `take` is the only access and hands out at most one reference, to one thread, which `T: Send` allows.
unsafe impl<T: Send> Sync for TakeOnce<T> {}

impl<T> TakeOnce<T> {
    /// Holds `value` until it is taken.
    pub const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value, to the first caller; `None` to every later one.
    #[expect(clippy::mut_from_ref, reason = "the flag makes the reference unique")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: the swap lets one caller pass, once, and nothing else reads or writes the value; it lives as long as
        // `&'static self`.
        Some(unsafe { &mut *self.value.get() })
    }
}

impl<T> fmt::Debug for TakeOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeOnce").field("taken", &self.taken.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn one_thread_of_many_gets_it() {
        static CELL: TakeOnce<u32> = TakeOnce::new(7);
        let threads: [_; 8] = core::array::from_fn(|_| std::thread::spawn(|| CELL.take().map(|value| *value)));
        let values: std::vec::Vec<_> = threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect();
        assert_eq!(values, [7]);
        assert!(CELL.take().is_none());
    }
}
