//! IEEE binary16, the element type of ports that are asked to be that.

use core::fmt;

use crate::Element;
use crate::element::Sealed;
use crate::image::{Fill, ImageError};

/// A number of IEEE binary16 (half precision), as its bits. Arithmetic is for `f32`, to which every such number converts
/// exactly.
///
/// ```
/// use mobilenet_runtime::{Element, F16};
///
/// let half = F16::from_f32(0.1);
/// assert_eq!(half.to_bits(), 0x2e66);
/// assert_eq!(half.to_f32(), 0.099975586);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct F16(u16);

impl F16 {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// The number of these bits.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// The nearest number, ties to even; what is too large becomes infinite.
    #[must_use]
    pub const fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = (bits >> 16) as u16 & 0x8000;
        let bits = bits & 0x7fff_ffff;
        let half = if bits > 0x7f80_0000 {
            0x7e00
        } else if bits >= 0x477f_f000 {
            0x7c00
        } else if bits >= 0x3880_0000 {
            (bits - 0x3800_0000 + 0xfff + ((bits >> 13) & 1)) >> 13
        } else if bits > 0x3300_0000 {
            // Below 2^-14 there are whole numbers of 2^-24.
            let shift = 126 - (bits >> 23);
            let all = (bits & 0x7f_ffff) | 0x80_0000;
            let (rest, middle) = (all & ((1 << shift) - 1), 1 << (shift - 1));
            let whole = all >> shift;
            whole + (rest > middle || (rest == middle && whole & 1 != 0)) as u32
        } else {
            0
        };
        Self(sign | half as u16)
    }

    /// The same number.
    #[must_use]
    pub const fn to_f32(self) -> f32 {
        let sign = (self.0 as u32 & 0x8000) << 16;
        let (exponent, fraction) = ((self.0 as u32 >> 10) & 31, self.0 as u32 & 0x3ff);
        if exponent == 0 {
            let value = fraction as f32 * f32::from_bits(0x3380_0000);
            return if sign != 0 { -value } else { value };
        }
        let exponent = if exponent == 31 { 255 } else { exponent + 112 };
        f32::from_bits(sign | exponent << 23 | fraction << 13)
    }
}

/// As the numbers compare: NaN is equal to nothing.
impl PartialEq for F16 {
    fn eq(&self, other: &Self) -> bool {
        self.to_f32() == other.to_f32()
    }
}

impl PartialOrd for F16 {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        self.to_f32().partial_cmp(&other.to_f32())
    }
}

impl fmt::Debug for F16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(f)
    }
}

impl Sealed for F16 {}
impl Element for F16 {
    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn to_f32(self) -> f32 {
        self.to_f32()
    }

    fn fill(input: &mut [Self], fill: &Fill<'_>) -> Result<(), ImageError> {
        fill.run(input)
    }
}

#[cfg(test)]
mod tests {
    use super::F16;

    /// By the definition: sign, 5 bits of exponent, 10 of fraction.
    #[test]
    fn every_number_is_what_its_bits_say_and_survives() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
            let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
            let value = F16::from_bits(bits).to_f32();
            match exponent {
                31 if fraction != 0.0 => {
                    assert!(value.is_nan() && F16::from_f32(value).to_f32().is_nan());
                    continue;
                }
                31 => assert_eq!(f64::from(value), sign * f64::INFINITY),
                0 => assert_eq!(f64::from(value), sign * fraction / 16_777_216.0),
                _ => assert_eq!(f64::from(value), sign * (1024.0 + fraction) * 2f64.powi(exponent - 25)),
            }
            assert_eq!(F16::from_f32(value).to_bits(), bits, "{value}");
        }
    }

    /// Around the middle of every two neighbours.
    #[test]
    fn the_nearest_is_taken_and_ties_go_to_even() {
        for bits in 0..0x7bff_u16 {
            let (low, high) = (F16::from_bits(bits).to_f32(), F16::from_bits(bits + 1).to_f32());
            // (Exact: neighbours are 2^-24 apart or more.)
            let middle = f32::midpoint(low, high);
            let (below, above) = (f32::from_bits(middle.to_bits() - 1), f32::from_bits(middle.to_bits() + 1));
            let even = if bits & 1 == 0 { bits } else { bits + 1 };
            for (value, right) in [(below, bits), (middle, even), (above, bits + 1)] {
                assert_eq!(F16::from_f32(value).to_bits(), right, "{value}");
                assert_eq!(F16::from_f32(-value).to_bits(), right | 0x8000, "-{value}");
            }
        }
        for (value, right) in [(65519.9, 0x7bff), (65520.0, 0x7c00), (f32::INFINITY, 0x7c00), (f32::MIN_POSITIVE, 0)] {
            assert_eq!(F16::from_f32(value).to_bits(), right, "{value}");
        }
        assert!(F16::from_f32(f32::NAN).to_f32().is_nan());
    }
}
