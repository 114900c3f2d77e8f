//! Working memory of a model, and a way to hand out a `static` one.

use core::fmt;

#[cfg(feature = "alloc")]
use crate::element::Zeroable;
#[cfg(feature = "alloc")]
use alloc::boxed::Box;

/// The working memory of one inference at a time: all intermediate maps of a model live here, nothing is allocated
/// while it runs. `BYTES` is the model's [`ARENA_BYTES`](crate::Model::ARENA_BYTES).
///
/// A model leaves no state in it: arenas may be reused, shared between runs of the same model, and need no clearing.
/// One arena per thread lets a model run on several threads at once.
///
/// ```
/// use mobilenet_runtime::Arena;
///
/// let mut arena = Arena::<256>::new();
/// assert_eq!(arena.bytes_mut().len(), 256);
/// assert_eq!(core::mem::align_of_val(&arena), 64);
/// ```
#[repr(C, align(64))]
pub struct Arena<const BYTES: usize> {
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Arena<BYTES> {
    /// A zeroed arena, for a `static` (it then occupies `.bss`, no flash). On the stack it needs `BYTES` of stack:
    /// [`boxed`](Self::boxed) does not.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; BYTES] }
    }

    /// A zeroed arena on the heap, allocated there directly: a small stack suffices in debug builds, too.
    ///
    /// ```
    /// use mobilenet_runtime::Arena;
    ///
    /// let mut arena = Arena::<{ 64 << 20 }>::boxed();
    /// assert!(arena.bytes_mut().iter().all(|&byte| byte == 0));
    /// ```
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed() -> Box<Self> {
        Zeroable::boxed()
    }

    /// All bytes; the slice starts at a multiple of 64.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl<const BYTES: usize> Default for Arena<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> fmt::Debug for Arena<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("bytes", &BYTES).finish()
    }
}

/// Data at a multiple of 64 bytes: the packed weights in emitted code.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Aligned<T: ?Sized>(pub T);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arenas_and_weights_are_aligned() {
        static WEIGHTS: &Aligned<[u8]> = &Aligned(*b"seven b");
        assert_eq!(WEIGHTS.0.as_ptr().addr() % 64, 0);
        assert_eq!(&WEIGHTS.0, b"seven b");
        let mut arena = Arena::<100>::new();
        assert_eq!(arena.bytes_mut().as_ptr().addr() % 64, 0);
        assert_eq!(arena.bytes_mut(), [0; 100]);
        assert_eq!(size_of::<Arena<128>>(), 128);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_boxed_arena_is_zeroed_and_aligned() {
        let mut arena = Arena::<4096>::boxed();
        assert_eq!(arena.bytes_mut().as_ptr().addr() % 64, 0);
        assert!(arena.bytes_mut().iter().all(|&byte| byte == 0));
        assert_eq!(Arena::<0>::boxed().bytes_mut(), []);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_boxed_arena_needs_no_stack() {
        let run = || Arena::<{ 32 << 20 }>::boxed().bytes_mut().len();
        let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(run);
        assert_eq!(thread.ok().and_then(|thread| thread.join().ok()), Some(32 << 20));
    }
}
