//! What is done to arrays of scores beside softmax.

/// Calls `f` for every column of an array `[outer][n][inner]`: its first value and what follows it, `inner` apart.
pub(crate) fn each(x: &mut [f32], n: usize, inner: usize, mut f: impl FnMut(&mut [f32])) {
    assert!(n > 0 && inner > 0, "an array of {n} times {inner}");
    let len = n.saturating_mul(inner);
    assert!(x.len().is_multiple_of(len), "{} values are no whole number of {n} times {inner}", x.len());
    for array in x.chunks_exact_mut(len) {
        for column in 0..inner {
            f(&mut array[column..len - (inner - 1 - column)]);
        }
    }
}

/// Divides every `stride`-th value by the norm of them all.
pub(crate) fn normalize(x: &mut [f32], stride: usize, p: u32, epsilon: f32) {
    let values = x.iter().step_by(stride);
    let sum = |value: fn(f32) -> f32| values.fold(0.0f32, |sum, &x| sum + value(x));
    let norm = if p == 1 { sum(f32::abs) } else { square_root(sum(|x| x * x)) };
    let norm = if norm < epsilon { epsilon } else { norm };
    let scale = if norm == 0.0 { 0.0 } else { 1.0 / norm };
    x.iter_mut().step_by(stride).for_each(|x| *x *= scale);
}

/// Newton's method from half the exponent; `core` has no square root.
fn square_root(x: f32) -> f32 {
    if x <= 0.0 || !x.is_finite() {
        return x;
    }
    let x = f64::from(x);
    let mut y = f64::from_bits((x.to_bits() >> 1) + (1023 << 51));
    for _ in 0..5 {
        y = 0.5 * (y + x / y);
    }
    y as f32
}

/// Index of the largest value, of several the first or the `last`; NaN is behind every number.
pub(crate) fn largest(values: impl Iterator<Item = f32>, last: bool) -> i64 {
    let (mut best, mut most) = (0, f32::NAN);
    for (index, value) in values.enumerate() {
        let unset = most.is_nan() && (last || !value.is_nan());
        if value > most || (last && value == most) || unset {
            (best, most) = (index as i64, value);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_follow_libm() {
        let mut x = 1e-44f32;
        while x < 1e38 {
            assert_eq!(square_root(x), x.sqrt(), "{x}");
            x *= if cfg!(miri) { 13.7 } else { 1.37 };
        }
        assert_eq!(square_root(0.0), 0.0);
        assert!(square_root(f32::NAN).is_nan());
    }

    #[test]
    fn the_first_or_last_of_the_largest() {
        let nan = f32::NAN;
        for (values, first, last) in [
            (&[1.0, 3.0, 3.0, 2.0][..], 1, 2),
            (&[nan, -1.0, nan], 1, 1),
            (&[nan, nan], 0, 1),
            (&[f32::NEG_INFINITY; 3], 0, 2),
        ] {
            assert_eq!(largest(values.iter().copied(), false), first, "{values:?}");
            assert_eq!(largest(values.iter().copied(), true), last, "{values:?}");
        }
    }

    #[test]
    fn columns_have_norm_one() {
        let mut x = [3.0, 0.0, 4.0, 0.0, 1.0, 2.0, -1.0, 2.0];
        each(&mut x, 2, 2, |column| normalize(column, 2, 2, 0.0));
        let half = 0.5f32.sqrt();
        for (x, want) in x.iter().zip([0.6, 0.0, 0.8, 0.0, half, half, -half, half]) {
            assert!((x - want).abs() < 1e-6, "{x} != {want}");
        }
        let mut x = [1.0, -3.0];
        each(&mut x, 2, 1, |row| normalize(row, 1, 1, 8.0));
        assert_eq!(x, [0.125, -0.375]);
    }
}
