//! When two rows of outputs agree.

/// The largest deviation allowed, as a share of the expected row's largest magnitude.
pub const TOLERANCE: f64 = 1e-4;

/// Index of the largest value, the first of equals.
pub fn top(row: &[f64]) -> Option<usize> {
    (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]))
}

/// The largest absolute deviation as a share of the expected row's largest magnitude; infinite where one row holds
/// something the other can't be compared with.
pub fn deviation(expected: &[f64], found: &[f64]) -> f64 {
    if expected.len() != found.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().fold(1e-6, |m: f64, x| m.max(x.abs()));
    expected.iter().zip(found).fold(0.0, |worst: f64, (e, f)| {
        let off = (e - f).abs() / scale;
        if off.is_nan() { f64::INFINITY } else { worst.max(off) }
    })
}

/// Says how `found` differs from `expected`, if it does: by more than [`TOLERANCE`], or in its top class.
///
/// # Errors
/// A sentence with the figures.
pub fn agree(expected: &[f64], found: &[f64]) -> Result<(), String> {
    within(expected, found)?;
    let (wanted, got) = (top(expected), top(found));
    if wanted != got {
        return Err(format!("the top class is {got:?} instead of {wanted:?}"));
    }
    Ok(())
}

/// Like [`agree`] without looking at the top class, for outputs that are no classification.
///
/// # Errors
/// A sentence with the figures.
pub fn within(expected: &[f64], found: &[f64]) -> Result<(), String> {
    if expected.len() != found.len() {
        return Err(format!("{} values instead of {}", found.len(), expected.len()));
    }
    let off = deviation(expected, found);
    if off > TOLERANCE {
        let at = (0..expected.len())
            .max_by(|&a, &b| (expected[a] - found[a]).abs().total_cmp(&(expected[b] - found[b]).abs()))
            .unwrap_or(0);
        return Err(format!(
            "off by {off:.2e} of the row's largest magnitude, most at {at}: {} instead of {}",
            found[at], expected[at]
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_top() {
        assert_eq!(top(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(top(&[]), None);
    }

    #[test]
    fn deviation_is_relative_to_the_row() {
        assert!((deviation(&[10.0, -20.0], &[10.0, -20.2]) - 0.01).abs() < 1e-12);
        assert_eq!(deviation(&[1.0], &[f64::NAN]), f64::INFINITY);
        assert_eq!(deviation(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }

    #[test]
    fn a_changed_top_class_is_a_disagreement() {
        assert!(agree(&[1.0, 1.000_001], &[1.000_002, 1.0]).is_err());
        assert!(agree(&[1.0, 2.0], &[1.0, 2.000_1]).is_ok());
        assert!(within(&[1.0, 2.0], &[1.0, 2.001]).is_err());
    }
}
