//! The element types of models, and memory that may start as zeros.

use core::fmt;

use crate::image::{Fill, ImageError};
#[cfg(feature = "alloc")]
use alloc::boxed::Box;

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// The type of one element of a model's input or output: `f32`, `u8`, `i8` or [`F16`](crate::F16). Sealed.
pub trait Element: Sealed + Copy + PartialOrd + Default + fmt::Debug + Send + Sync + 'static {
    /// The nearest element: bytes round half to even and saturate, NaN becomes 0.
    fn from_f32(value: f32) -> Self;

    /// The same number as `f32`, exactly.
    fn to_f32(self) -> f32;

    /// Grey of red, green and blue by ITU-R BT.601, `0.299 R + 0.587 G + 0.114 B`; that of bytes is rounded, half up.
    #[doc(hidden)]
    fn luma([red, green, blue]: [Self; 3]) -> f32 {
        0.299 * red.to_f32() + 0.587 * green.to_f32() + 0.114 * blue.to_f32()
    }

    #[doc(hidden)]
    fn fill(input: &mut [Self], fill: &Fill<'_>) -> Result<(), ImageError>;
}

impl Sealed for f32 {}
impl Element for f32 {
    #[inline]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline]
    fn to_f32(self) -> f32 {
        self
    }

    fn fill(input: &mut [Self], fill: &Fill<'_>) -> Result<(), ImageError> {
        fill.run(input)
    }
}

impl Sealed for u8 {}
impl Element for u8 {
    #[inline]
    fn from_f32(value: f32) -> Self {
        round_half_even(value).clamp(0.0, 255.0) as Self
    }

    #[inline]
    fn to_f32(self) -> f32 {
        self.into()
    }

    fn luma([red, green, blue]: [Self; 3]) -> f32 {
        let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
        ((sum + 0x8000) >> 16) as f32
    }

    fn fill(input: &mut [Self], fill: &Fill<'_>) -> Result<(), ImageError> {
        fill.run(input)
    }
}

impl Sealed for i8 {}
impl Element for i8 {
    #[inline]
    fn from_f32(value: f32) -> Self {
        round_half_even(value).clamp(-128.0, 127.0) as Self
    }

    #[inline]
    fn to_f32(self) -> f32 {
        self.into()
    }

    fn fill(input: &mut [Self], fill: &Fill<'_>) -> Result<(), ImageError> {
        fill.run(input)
    }
}

/// Rounds values of magnitude below 2^22; `core` has no rounding of floats. Adding `1.5 * 2^23` leaves a unit of one in
/// the last place.
fn round_half_even(value: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    (value.clamp(-1e6, 1e6) + MAGIC) - MAGIC
}

/// A type whose every element may be zero bytes: the arrays and arenas of models. Sealed.
///
/// [`boxed`](Self::boxed) allocates it without passing through the stack, where `Box::new([0.0; N])` in a debug build
/// first makes the array there.
pub trait Zeroable: Sealed + Sized + Send + 'static {
    /// All zeros, on the heap.
    ///
    /// ```
    /// use mobilenet_runtime::Zeroable;
    ///
    /// let image = <[f32; 3 * 224 * 224]>::boxed();
    /// assert_eq!(image[1000], 0.0);
    /// ```
    #[cfg(feature = "alloc")]
    #[must_use]
    fn boxed() -> Box<Self> {
        let layout = core::alloc::Layout::new::<Self>();
        let bytes = if layout.size() == 0 {
            core::ptr::without_provenance_mut(layout.align())
        } else {
            // SAFETY: the size is not zero.
            unsafe { alloc::alloc::alloc_zeroed(layout) }
        };
        if bytes.is_null() {
            alloc::alloc::handle_alloc_error(layout);
        }
        // SAFETY: allocated here with the layout of `Self` by the allocator of `Box` (or dangling and aligned, for a size
        // of zero), and zero bytes are a valid `Self`: the trait is sealed, its implementors are arrays of numbers.
        unsafe { Box::from_raw(bytes.cast()) }
    }
}

impl<E: Element, const N: usize> Sealed for [E; N] {}
impl<E: Element, const N: usize> Zeroable for [E; N] {}
impl<const BYTES: usize> Sealed for crate::Arena<BYTES> {}
impl<const BYTES: usize> Zeroable for crate::Arena<BYTES> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_half_to_even_and_saturate() {
        let u8s =
            [(-1.0, 0), (0.5, 0), (1.5, 2), (2.5, 2), (254.4, 254), (300.0, 255), (f32::INFINITY, 255), (f32::NAN, 0)];
        for (value, expected) in u8s {
            assert_eq!(u8::from_f32(value), expected, "{value}");
        }
        let i8s = [(-1e9, -128), (-0.5, 0), (-1.5, -2), (126.6, 127), (f32::NEG_INFINITY, -128), (f32::NAN, 0)];
        for (value, expected) in i8s {
            assert_eq!(i8::from_f32(value), expected, "{value}");
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn boxed_arrays_are_zero() {
        assert!(<[f32; 1000]>::boxed().iter().all(|&x| x == 0.0));
        assert_eq!(<[u8; 0]>::boxed().len(), 0);
    }
}
