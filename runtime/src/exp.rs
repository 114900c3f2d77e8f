//! `e^x` without a math library.

/// `e^x` for `x <= 0`, within 2 units in the last place; 0 below -87, NaN for NaN.
pub(crate) fn exp_of_negative(x: f32) -> f32 {
    if x < -87.0 {
        return 0.0;
    }
    // x = n ln 2 + r, |r| <= ln 2 / 2, ln 2 in two parts so that n times the first is exact.
    let n = ((x * core::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0).max(-126.0);
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let power = series.into_iter().fold(1.0 / 5040.0, |sum, term| sum * r + term);
    power * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

/// `exp(x - max) / sum` in place.
pub(crate) fn softmax_row(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = exp_of_negative(*x - max);
        sum += *x;
    }
    for x in row {
        *x /= sum;
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_standard_library() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp_of_negative(x)) - exact).abs() / exact;
            assert!(error < 2.4e-7, "exp({x}) is off by {error:e}");
        }
        assert_eq!(exp_of_negative(f32::NEG_INFINITY), 0.0);
        assert!(exp_of_negative(f32::NAN).is_nan());
    }

    #[test]
    fn nan_spreads_over_the_row() {
        let mut row = [1.0, f32::NAN, 2.0];
        softmax_row(&mut row);
        assert!(row.iter().all(|x| x.is_nan()));
    }
}
