//! The printed result.

use std::fmt::Write;

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This project's path that the ratios are of.
    Ours,
    /// Another path of this project.
    AlsoOurs,
    /// Somebody else's.
    Peer,
}

/// One row's samples in nanoseconds.
#[derive(Debug, Clone)]
pub struct Row {
    /// What ran.
    pub name: String,
    /// Whose it is.
    pub side: Side,
    /// Latencies, all rounds together.
    pub samples: Vec<u64>,
    /// Largest difference from the reference output, relative to its largest magnitude.
    pub error: f64,
    /// Extra words: rounding, why it is missing.
    pub note: String,
}

impl Row {
    /// A contender that could not be measured.
    pub fn missing(name: &str, side: Side, error: &anyhow::Error) -> Self {
        let note = format!("left out: {}", format!("{error:#}").lines().last().unwrap_or_default());
        Self { name: name.to_string(), side, samples: Vec::new(), error: 0.0, note }
    }

    /// The median latency in milliseconds.
    pub fn median(&self) -> Option<f64> {
        median(&self.samples).map(|ns| ns / 1e6)
    }
}

/// The median, if there is a sample.
pub fn median(samples: &[u64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2] as f64),
        n => Some((sorted[n / 2 - 1] + sorted[n / 2]) as f64 / 2.0),
    }
}

/// A Markdown table, fastest first: `peak` in mult-adds per nanosecond and thread, measured in the same rounds.
pub fn render(title: &str, mult_adds: u64, threads: usize, peak: Option<f64>, rows: &[Row]) -> String {
    let mut text = format!("### {title}\n\n");
    if let Some(peak) = peak {
        let floor = mult_adds as f64 / peak / threads as f64 / 1e6;
        let _ = writeln!(text, "FMA peak of one core: {peak:.1} GMAC/s, so {floor:.3} ms at the least.\n");
    }
    let ours = rows.iter().find(|r| r.side == Side::Ours).and_then(Row::median);
    text.push_str("| | median ms | best ms | ours / it | of peak | error | |\n|---|---|---|---|---|---|---|\n");
    let mut order: Vec<&Row> = rows.iter().collect();
    order.sort_by(|a, b| a.median().unwrap_or(f64::MAX).total_cmp(&b.median().unwrap_or(f64::MAX)));
    for row in order {
        let Some(median) = row.median() else {
            let _ = writeln!(text, "| {} | | | | | | {} |", row.name, row.note);
            continue;
        };
        let best = row.samples.iter().min().map_or(0.0, |&ns| ns as f64 / 1e6);
        let ratio = ours.map_or_else(String::new, |o| format!("{:.2}", o / median));
        let share = peak.map_or_else(String::new, |p| {
            format!("{:.0} %", 100.0 * mult_adds as f64 / (median * 1e6) / p / threads as f64)
        });
        let name = if row.side == Side::Peer { row.name.clone() } else { format!("**{}**", row.name) };
        let _ = writeln!(
            text,
            "| {name} | {median:.3} | {best:.3} | {ratio} | {share} | {:.0e} | {} |",
            row.error, row.note
        );
    }
    let fastest = rows.iter().filter(|r| r.side == Side::Peer).filter_map(|r| r.median()).reduce(f64::min);
    if let (Some(ours), Some(fastest)) = (ours, fastest) {
        let _ = writeln!(text, "\nOurs over the fastest peer: **{:.3}**.", ours / fastest);
    }
    text
}
