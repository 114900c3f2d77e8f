//! What a row of outputs says: probabilities, the best classes, agreement with another row.

/// Whether a row is a distribution already.
pub fn is_distribution(row: &[f32]) -> bool {
    let sum: f64 = row.iter().map(|&x| f64::from(x)).sum();
    row.iter().all(|x| (0.0..=1.0).contains(x)) && (sum - 1.0).abs() < 0.02
}

/// The softmax of a row.
pub fn softmax(row: &[f32]) -> Vec<f32> {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = row.iter().map(|&x| f64::from(x - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|x| (x / sum) as f32).collect()
}

/// Indices of the `count` largest values, best first; the first of equals first, NaN last.
pub fn top(row: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    let key = |i: &usize| if row[*i].is_nan() { f32::NEG_INFINITY } else { row[*i] };
    order.sort_by(|a, b| key(b).total_cmp(&key(a)).then(a.cmp(b)));
    order.truncate(count);
    order
}

/// A bar of `width` cells for a share of the whole, in eighths of a cell.
pub fn bar(share: f32, width: usize) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f32).round() as usize;
    let mut bar: String = "█".repeat(eighths / 8);
    if bar.chars().count() < width {
        bar.push(PARTS[eighths % 8]);
        bar.push_str(&" ".repeat(width - bar.chars().count()));
    }
    bar
}

/// How far outputs are from what they should be, over all rows seen.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Rows compared.
    pub rows: usize,
    /// Rows with the same best class.
    pub top1: usize,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Largest difference over the largest magnitude of its row.
    pub max_rel: f64,
}

impl Agreement {
    /// Compares one row. A NaN on one side only counts as an infinite difference.
    pub fn add(&mut self, actual: &[f32], expected: &[f64]) {
        let magnitude = expected.iter().map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f64::max);
        let difference = |(&a, &e): (&f32, &f64)| {
            let a = f64::from(a);
            match (a.is_nan(), e.is_nan()) {
                (true, true) => 0.0,
                (false, false) if a == e => 0.0,
                (false, false) => (a - e).abs(),
                _ => f64::INFINITY,
            }
        };
        let abs = actual.iter().zip(expected).map(difference).fold(0.0, f64::max);
        let abs = if actual.len() == expected.len() { abs } else { f64::INFINITY };
        self.rows += 1;
        self.max_abs = self.max_abs.max(abs);
        self.max_rel = self.max_rel.max(if abs == 0.0 { 0.0 } else { abs / magnitude.max(f64::MIN_POSITIVE) });
        let rounded: Vec<f32> = expected.iter().map(|&x| x as f32).collect();
        self.top1 += usize::from(top(actual, 1) == top(&rounded, 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions() {
        assert!(is_distribution(&[0.25, 0.75]));
        assert!(!is_distribution(&[0.25, 0.25]));
        assert!(!is_distribution(&[-0.5, 1.5]));
        assert!(!is_distribution(&[f32::NAN, 1.0]));
        assert!(is_distribution(&softmax(&[1000.0, 999.0, -5.0])));
    }

    #[test]
    fn order_of_classes() {
        assert_eq!(top(&[1.0, 3.0, f32::NAN, 3.0, 2.0], 3), [1, 3, 4]);
        assert_eq!(top(&[1.0], 5), [0]);
    }

    #[test]
    fn bars_are_of_one_width() {
        for share in [0.0, 0.001, 0.5, 0.99, 0.999, 1.0, 2.0, f32::NAN] {
            assert_eq!(bar(share, 10).chars().count(), 10, "{share}");
        }
        assert_eq!(bar(0.5, 4), "██  ");
    }

    #[test]
    fn agreement() {
        let mut seen = Agreement::default();
        seen.add(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!(seen, Agreement { rows: 1, top1: 1, max_abs: 0.0, max_rel: 0.0 });
        seen.add(&[4.0, 3.0], &[3.0, 4.0]);
        assert_eq!(seen, Agreement { rows: 2, top1: 1, max_abs: 1.0, max_rel: 0.25 });
        seen.add(&[f32::NAN, 1.0], &[0.0, 1.0]);
        assert_eq!(seen.max_rel, f64::INFINITY);
        let mut short = Agreement::default();
        short.add(&[1.0], &[1.0, 2.0]);
        assert_eq!(short.max_abs, f64::INFINITY);
    }
}
