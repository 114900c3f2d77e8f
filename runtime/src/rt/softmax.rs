//! Softmax and its logarithm with an exponential of their own: `core` has none, and the C back end computes the same.
//!
//! `exp(x)`, for `x` clamped to `-104..=89`: `n = round(x * log2(e))` by adding and subtracting `1.5 * 2^23` (the integer
//! is the difference of the bit patterns), `r = x - n * 0.693359375 - n * -2.12194440e-4` (the logarithm of 2 in two
//! parts), the Taylor polynomial of degree 7 in `r` by Horner's rule, scaled by `2^h` and `2^(n - h)`, `h = n >> 1`.
//! Multiplications and additions stay separate.

/// `1 / k!`, highest power first.
pub(crate) const TAYLOR: [f32; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
/// Added and subtracted, rounds to a whole number.
pub(crate) const ROUND: f32 = 12_582_912.0;
/// The logarithm of 2 in two parts.
pub(crate) const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `e^x` to about 1e-7 relative, NaN for NaN.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let rounded = x * core::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN2[0] - n * LN2[1];
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = p * r + c;
    }
    // In two halves, because 2^n itself may lie outside the normal numbers. For NaN any factor will do.
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    p * power(n >> 1) * power(n.wrapping_sub(n >> 1))
}

/// `2^n` for `n` in `-126..=127`.
#[inline(always)]
fn power(n: i32) -> f32 {
    f32::from_bits((n as u32).wrapping_add(127) << 23)
}

/// The natural logarithm of a normal `s >= 1`: exponent and mantissa for a first guess, two steps of Halley's method on
/// `e^y = s`.
fn ln(s: f32) -> f32 {
    let bits = s.to_bits();
    let mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    let exponent = (bits >> 23) as i32 - 127;
    let mut y = (exponent as f32 + (mantissa - 1.0)) * core::f32::consts::LN_2;
    for _ in 0..2 {
        let e = exp(y);
        y += 2.0 * (s - e) / (s + e);
    }
    y
}

/// Replaces `x` by its softmax, or by the logarithm of it.
pub(crate) fn softmax(x: &mut [f32], log: bool) {
    let max = x.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
    let mut sums = [0.0f32; 8];
    for chunk in x.chunks_mut(8) {
        for (x, sum) in chunk.iter_mut().zip(&mut sums) {
            let shifted = *x - max;
            let e = exp(shifted);
            *sum += e;
            *x = if log { shifted } else { e };
        }
    }
    let sum = sums.iter().sum::<f32>();
    if log {
        let shift = ln(sum);
        x.iter_mut().for_each(|x| *x -= shift);
    } else {
        let scale = 1.0 / sum;
        x.iter_mut().for_each(|x| *x *= scale);
    }
}

/// The same for every `stride`-th value.
pub(crate) fn strided(x: &mut [f32], stride: usize, log: bool) {
    if stride == 1 {
        return softmax(x, log);
    }
    let max = x.iter().step_by(stride).fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
    let mut sums = [0.0f32; 8];
    for (i, x) in x.iter_mut().step_by(stride).enumerate() {
        let shifted = *x - max;
        let e = exp(shifted);
        sums[i % 8] += e;
        *x = if log { shifted } else { e };
    }
    let sum = sums.iter().sum::<f32>();
    let (shift, scale) = if log { (ln(sum), 1.0) } else { (0.0, 1.0 / sum) };
    x.iter_mut().step_by(stride).for_each(|x| *x = (*x - shift) * scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_and_logarithm_follow_libm() {
        let mut x = -103.0f32;
        while x < 88.7 {
            let want = f64::from(x).exp();
            let error = (f64::from(exp(x)) - want).abs();
            assert!(error <= 2.5e-7 * want + 1.5e-45, "exp({x}) = {} != {want}", exp(x));
            x += if cfg!(miri) { 1.37 } else { 0.0137 };
        }
        for s in [1.0f32, 1.0001, 1.5, 2.0, 3.7, 10.0, 1000.0, 1e6] {
            assert!((f64::from(ln(s)) - f64::from(s).ln()).abs() < 4e-7 * f64::from(s).ln().max(1.0), "ln({s})");
        }
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn softmax_sums_to_one_and_its_logarithm_agrees() {
        let logits: [f32; 11] = core::array::from_fn(|i| (i as f32 * 1.7).rem_euclid(9.0) - 4.0);
        let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        let (mut plain, mut log) = (logits, logits);
        softmax(&mut plain, false);
        softmax(&mut log, true);
        for i in 0..logits.len() {
            let want = f64::from(logits[i]).exp() / total;
            assert!((f64::from(plain[i]) - want).abs() < 1e-6 * want);
            assert!((f64::from(log[i]) - want.ln()).abs() < 2e-6);
        }
        let mut bad = [0.0, f32::NAN, 1.0];
        softmax(&mut bad, false);
        assert!(bad.iter().all(|x| x.is_nan()));
    }
}
