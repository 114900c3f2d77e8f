//! 8-bit codes of inputs and outputs, and the numbers they stand for.

/// How codes stand for numbers: `(code - zero_point) * scale`, as ONNX's `DequantizeLinear` has it.
///
/// ```
/// # use mobilenet_runtime::Quantization;
/// const OUTPUT: Quantization = Quantization { scale: 0.5, zero_point: -1 };
/// assert_eq!(OUTPUT.dequantize(5_i8), 3.0);
/// assert_eq!(OUTPUT.quantize::<i8>(3.1), 5);
/// assert_eq!(OUTPUT.quantize::<i8>(1e9), 127);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantization {
    /// What one code more is worth.
    pub scale: f32,
    /// The code of 0.
    pub zero_point: i32,
}

impl Quantization {
    /// The code nearest to a number, of two the even one, within the range of the type. NaN becomes the smallest.
    #[must_use]
    pub fn quantize<T: Code>(&self, x: f32) -> T {
        // Adding this leaves no fraction, rounded half to even.
        const WHOLE: f32 = 12_582_912.0;
        let [lo, hi] = T::RANGE.map(|bound| (bound - self.zero_point) as f32);
        let quanta = (x / self.scale).max(lo).min(hi);
        T::of((quanta + WHOLE - WHOLE) as i32 + self.zero_point)
    }

    /// The number that a code stands for.
    #[must_use]
    pub fn dequantize<T: Code>(&self, code: T) -> f32 {
        (code.number() - self.zero_point) as f32 * self.scale
    }
}

/// The types of codes: `u8` and `i8`.
pub trait Code: sealed::Code {}

impl Code for u8 {}
impl Code for i8 {}

mod sealed {
    pub trait Code: Copy {
        const RANGE: [i32; 2];
        /// The code, which is in range.
        fn of(number: i32) -> Self;
        fn number(self) -> i32;
    }

    macro_rules! code {
        ($($of:ty)*) => {$(
            impl Code for $of {
                const RANGE: [i32; 2] = [<$of>::MIN as i32, <$of>::MAX as i32];
                fn of(number: i32) -> Self {
                    number as Self
                }
                fn number(self) -> i32 {
                    self.into()
                }
            }
        )*};
    }
    code!(u8 i8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_code_and_ends_saturate() {
        let q = Quantization { scale: 2.0, zero_point: 128 };
        assert_eq!([1.0, 3.0, 5.0, -1.0, -3.0, -5.0].map(|x| q.quantize::<u8>(x)), [128, 130, 130, 128, 126, 126]);
        assert_eq!([1e30, f32::NEG_INFINITY, f32::NAN].map(|x| q.quantize::<u8>(x)), [255, 0, 0]);
        let q = Quantization { scale: 0.5, zero_point: -128 };
        assert_eq!([0.0, 127.5, 127.24, 200.0, -0.3].map(|x| q.quantize::<i8>(x)), [-128, 127, 126, 127, -128]);
        // In f32 0.35 / 0.1 is 3.5, which goes to 4.
        assert_eq!(Quantization { scale: 0.1, zero_point: 0 }.quantize::<u8>(0.35), 4);
        assert_eq!(q.dequantize(127_i8), 127.5);
    }
}
