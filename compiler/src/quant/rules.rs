//! One function per rule of the contract, on single codes.

use crate::graph::{Activation, Quant};

/// The code of a number: divided by the scale, clamped, rounded half to even, plus the zero point. NaN gives the smallest code.
pub fn quantize(x: f32, to: Quant) -> i64 {
    store(x / to.scale, to, to.range())
}

/// The number of a code.
pub fn dequantize(code: i64, from: Quant) -> f32 {
    (code - i64::from(from.zero)) as f32 * from.scale
}

/// A number in quanta becomes a code: clamped so that the code lies in `clamp`, rounded half to even, plus the zero point.
fn store(quanta: f32, to: Quant, clamp: [i32; 2]) -> i64 {
    let [lo, hi] = clamp.map(|bound| (bound - to.zero) as f32);
    // `max` first: it turns NaN into the lower bound.
    i64::from(to.zero) + quanta.max(lo).min(hi).round_ties_even() as i64
}

/// What an accumulator of convolutions and fully connected layers is multiplied by: f32, in this order.
pub fn multiplier(x: f32, weight: f32, y: f32) -> f32 {
    x * weight / y
}

/// What the sum of a mean over `count` codes is multiplied by.
pub fn mean_multiplier(x: f32, y: f32, count: usize) -> f32 {
    x / (y * count as f32)
}

/// An exact accumulator becomes a code: rounded to f32, times the multiplier, stored.
pub fn requantize(accumulator: i64, multiplier: f32, to: Quant, clamp: [i32; 2]) -> i64 {
    store(accumulator as f32 * multiplier, to, clamp)
}

/// The exact accumulator of taps `(x, w)`: products of what is left of the zero points, plus the bias.
pub fn accumulate(taps: impl Iterator<Item = (i64, i64)>, x_zero: i32, w_zero: i32, bias: i32) -> i64 {
    taps.fold(i64::from(bias), |sum, (x, w)| sum + (x - i64::from(x_zero)) * (w - i64::from(w_zero)))
}

/// The integer bias of a float one: the nearest multiple of `x * weight`, half to even, at most what i32 holds.
pub fn bias(value: f64, x: f32, weight: f32) -> i32 {
    let quanta = (value / (f64::from(x) * f64::from(weight))).round_ties_even();
    quanta.clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32
}

/// The sum of two codes: both to numbers, added, quantised.
pub fn add(a: (i64, Quant), b: (i64, Quant), to: Quant, clamp: [i32; 2]) -> i64 {
    store((dequantize(a.0, a.1) + dequantize(b.0, b.1)) / to.scale, to, clamp)
}

/// The product of two codes: both to numbers, multiplied, quantised.
pub fn mul(a: (i64, Quant), b: (i64, Quant), to: Quant, clamp: [i32; 2]) -> i64 {
    store(dequantize(a.0, a.1) * dequantize(b.0, b.1) / to.scale, to, clamp)
}

/// The mean of `count` codes from their exact sum, each without its zero point.
pub fn mean(sum: i64, count: usize, from: Quant, to: Quant, clamp: [i32; 2]) -> i64 {
    requantize(sum, mean_multiplier(from.scale, to.scale, count), to, clamp)
}

/// An activation of a number, each operation rounded to f32; exponentials and the tangent are rounded once, from f64.
pub fn activate(activation: Activation, x: f32) -> f32 {
    let wide = f64::from(x);
    match activation {
        Activation::Clamp { lo, hi } => {
            let raised = if x < lo { lo } else { x };
            if raised > hi { hi } else { raised }
        }
        Activation::HardSwish => x * (x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0),
        Activation::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
        Activation::Sigmoid => (1.0 / (1.0 + (-wide).exp())) as f32,
        Activation::Swish => (wide / (1.0 + (-wide).exp())) as f32,
        Activation::Tanh => wide.tanh() as f32,
        Activation::LeakyRelu { alpha } => {
            if x < 0.0 {
                alpha * x
            } else {
                x
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::DType;

    const fn u8s(scale: f32, zero: i32) -> Quant {
        Quant { dtype: DType::U8, scale, zero }
    }

    const fn i8s(scale: f32, zero: i32) -> Quant {
        Quant { dtype: DType::I8, scale, zero }
    }

    #[test]
    fn numbers_become_codes_half_to_even_and_saturated() {
        let q = u8s(2.0, 128);
        // 1/2, 3/2, 5/2 and their negatives: the even neighbour.
        let halves = [1.0, 3.0, 5.0, -1.0, -3.0, -5.0].map(|x| quantize(x, q));
        assert_eq!(halves, [128, 130, 130, 128, 126, 126]);
        assert_eq!(
            [1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN].map(|x| quantize(x, q)),
            [255, 0, 255, 0, 0]
        );
        let q = i8s(0.5, -128);
        assert_eq!([0.0, 127.5, 127.24, 200.0, -0.3].map(|x| quantize(x, q)), [-128, 127, 126, 127, -128]);
        // In f32 0.35 / 0.1 is 3.5, which goes to 4; the exact quotient of these two floats is 3.49999989.
        assert_eq!(quantize(0.35, u8s(0.1, 0)), 4);
    }

    #[test]
    fn codes_become_numbers() {
        assert_eq!(dequantize(255, u8s(0.25, 3)), 63.0);
        assert_eq!(dequantize(-128, i8s(0.25, 127)), -63.75);
        assert_eq!(dequantize(7, u8s(0.1, 7)), 0.0);
    }

    #[test]
    fn accumulators_are_exact_at_the_extremes() {
        let taps = |x: i64, w: i64, k: usize| std::iter::repeat_n((x, w), k);
        // 255 * -128 * 1024, and the same plus a bias near the end of i32.
        assert_eq!(accumulate(taps(255, -128, 1024), 0, 0, 0), -33_423_360);
        assert_eq!(accumulate(taps(255, -128, 1024), 0, 0, i32::MIN), -2_180_907_008);
        assert_eq!(accumulate(taps(255, 127, 1024), 0, 0, 2_147_268_894), 2_180_431_134);
        assert_eq!(accumulate(taps(0, 255, 3), 255, 0, 5), -195_070);
        assert_eq!(accumulate(taps(-128, 0, 2), 127, 255, 0), 130_050);
    }

    #[test]
    fn accumulators_are_rounded_to_floats_first() {
        let to = u8s(1.0, 0);
        // 2^24 + 1 is no f32: it becomes 2^24, and 2^24 * 2^-18 = 64.
        assert_eq!(requantize((1 << 24) + 1, 2f32.powi(-18), to, [0, 255]), 64);
        // 2^25 + 2 lies halfway between 2^25 and 2^25 + 4; times 2^-26 that is half a quantum and no more: 0.
        assert_eq!(requantize((1 << 25) + 2, 2f32.powi(-26), to, [0, 255]), 0);
        assert_eq!(requantize((1 << 25) + 3, 2f32.powi(-26), to, [0, 255]), 1);
    }

    #[test]
    fn accumulators_saturate_at_the_clamp() {
        let to = i8s(1.0, -10);
        let codes = [i64::from(i32::MIN), -1000, -117, 5, 137, i64::from(i32::MAX)];
        assert_eq!(codes.map(|a| requantize(a, 1.0, to, [-128, 127])), [-128, -128, -127, -5, 127, 127]);
        assert_eq!(codes.map(|a| requantize(a, 1.0, to, [-10, 50])), [-10, -10, -10, -5, 50, 50]);
        // Ties on both sides of the zero point.
        assert_eq!([-3, -1, 1, 3, 5].map(|a| requantize(a, 0.5, to, [-128, 127])), [-12, -10, -10, -8, -8]);
    }

    #[test]
    fn the_multiplier_is_rounded_after_each_operation() {
        // Rounded once, or divided first, both are 0x3d2f8afa and 0x3d088888.
        assert_eq!(multiplier(0.1, 0.3, 0.7).to_bits(), 0x3d2f_8af9);
        assert_eq!(multiplier(0.1, 0.1, 0.3).to_bits(), 0x3d08_8889);
        assert_eq!(multiplier(0.5, 0.25, 2.0), 0.0625);
        assert_eq!(mean_multiplier(0.5, 0.25, 4), 0.5);
    }

    #[test]
    fn float_biases_are_multiples() {
        assert_eq!([0.75, 1.25, -0.75, 0.3].map(|b| bias(b, 0.5, 1.0)), [2, 2, -2, 1]);
        assert_eq!([1e30, -1e30].map(|b| bias(b, 0.5, 1.0)), [i32::MAX, i32::MIN]);
    }

    #[test]
    fn sums_and_products_are_floats_in_between() {
        let (a, b, to) = (u8s(0.5, 10), i8s(0.25, -4), u8s(1.0, 100));
        // (20 - 10) / 2 + (6 + 4) / 4 = 7.5, half to even 8.
        assert_eq!(add((20, a), (6, b), to, [0, 255]), 108);
        // (18 - 10) / 2 + 10 / 4 = 6.5, half to even 6.
        assert_eq!(add((18, a), (6, b), to, [0, 255]), 106);
        assert_eq!(add((255, a), (127, b), to, [0, 255]), 255);
        assert_eq!(add((0, a), (-128, b), u8s(0.01, 0), [0, 255]), 0);
        // 5 * 2.5 = 12.5, half to even 12.
        assert_eq!(mul((20, a), (6, b), to, [0, 255]), 112);
        assert_eq!(mul((255, a), (127, b), to, [0, 255]), 255);
        assert_eq!(mul((0, a), (127, b), to, [0, 255]), 0);
    }

    #[test]
    fn means_come_from_the_exact_sum() {
        let q = i8s(1.0, -128);
        // 2 and 3: 2.5, half to even; 3 and 4: 3.5; all 49 at the top.
        assert_eq!(mean(5, 2, q, q, [-128, 127]), -126);
        assert_eq!(mean(7, 2, q, q, [-128, 127]), -124);
        assert_eq!(mean(49 * 255, 49, q, q, [-128, 127]), 127);
    }

    #[test]
    fn activations_of_numbers() {
        let swish = |x| activate(Activation::HardSwish, x);
        assert_eq!([-4.0, -3.0, 0.0, 3.0, 4.0, 1.5].map(swish), [0.0, 0.0, 0.0, 3.0, 4.0, 1.125]);
        assert_eq!(activate(Activation::Sigmoid, 0.0), 0.5);
        assert_eq!(activate(Activation::LeakyRelu { alpha: 0.25 }, -2.0), -0.5);
        assert_eq!(activate(Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }, 1.0), 0.75);
        assert_eq!(activate(Activation::clamp(0.0, 6.0), 7.0), 6.0);
    }
}
