//! Aligned columns.

use std::fmt;

/// Rows of cells printed in columns. A column is aligned right where its heading starts with `>`.
pub struct Table {
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let right = headings.iter().map(|heading| heading.starts_with('>')).collect();
        let first = headings.iter().map(|heading| heading.trim_start_matches('>').to_string()).collect();
        Self { right, rows: vec![first] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.right.len()).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, &width), &right) in row.iter().zip(&widths).zip(&self.right) {
                match right {
                    true => line.push_str(&format!("  {cell:>width$}")),
                    false => line.push_str(&format!("  {cell:<width$}")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A count with a unit prefix: `569 M`, `4.2 M`, `41.3 k`; three figures from a hundred on, else one decimal.
pub fn short(n: u64) -> String {
    let (value, unit) = match n {
        0..1_000 => return n.to_string(),
        1_000..999_950 => (n as f64 / 1e3, "k"),
        999_950..999_950_000 => (n as f64 / 1e6, "M"),
        _ => (n as f64 / 1e9, "G"),
    };
    match value < 99.95 {
        true => format!("{value:.1} {unit}"),
        false => format!("{value:.0} {unit}"),
    }
}

/// Bytes in the unit that reads best: `3.2 MB`, `55.3 KB`, `96 B` (1 KB is 1,000 bytes).
pub fn bytes(n: usize) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..999_950 => format!("{:.1} KB", n as f64 / 1e3),
        _ => format!("{:.2} MB", n as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["layer", ">size"]);
        table.row(["α".to_string(), "1".to_string()]);
        table.row(["stem".to_string(), "12345".to_string()]);
        assert_eq!(table.to_string(), "  layer   size\n  α          1\n  stem   12345\n");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(short(568_740_352), "569 M");
        assert_eq!(short(4_231_976), "4.2 M");
        assert_eq!(short(999_999), "1.0 M");
        assert_eq!(short(99_960), "100 k");
        assert_eq!(bytes(16_927_904), "16.93 MB");
        assert_eq!(bytes(64), "64 B");
    }
}
