//! The measurements as text.

use super::{CODE_LIMIT, Outcome, Peer, SMALL, Target};

/// The table of one model, a line per target; where there is no measurement, why.
pub(super) fn render(model: &str, targets: &[Target], outcomes: &[Outcome]) -> String {
    let mut lines = vec![[model, "max error", "code", "weights", "arena", "stack"].map(str::to_owned)];
    let mut notes = String::new();
    for (Target { name, .. }, outcome) in targets.iter().zip(outcomes) {
        let mut blank = |reason: &str| {
            notes += &format!("{name}: {reason}\n");
            [name, "-", "-", "-", "-", "-"].map(str::to_owned)
        };
        lines.push(match outcome {
            Outcome::Ran(row) => {
                let [code, weights, arena, stack] = [row.code, row.weights, row.arena, row.stack].map(grouped);
                [(*name).to_owned(), format!("{:.1e}", row.error), code, weights, arena, stack]
            }
            Outcome::Exempt => blank("the board's memory is too small for this model"),
            Outcome::Absent(reason) | Outcome::Failed(reason) => blank(reason),
        });
    }
    columns(&lines) + &notes
}

/// The code of a model on the target [`SMALL`], in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The model.
    pub model: String,
    /// Ours.
    pub ours: usize,
    /// The peer's, or why there is none.
    pub theirs: Result<usize, String>,
}

/// A line per model.
pub fn comparisons(rows: &[Comparison]) -> String {
    let title = format!("code, {SMALL}");
    let mut lines = vec![[&title, "ours", Peer::NAME].map(str::to_owned)];
    let mut notes = format!("ours is to stay below {}\n", grouped(CODE_LIMIT));
    for Comparison { model, ours, theirs } in rows {
        let shown = theirs.as_ref().map_or_else(
            |reason| {
                notes += &format!("{model}: {reason}\n");
                "-".to_owned()
            },
            |&bytes| grouped(bytes),
        );
        lines.push([model.clone(), grouped(*ours), shown]);
    }
    columns(&lines) + &notes
}

/// The first column flush left, the others flush right.
fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            text += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}

/// With a comma between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let mut text = digits[..first].to_owned();
    for at in (first..digits.len()).step_by(3) {
        text.push(',');
        text += &digits[at..at + 3];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::c::Toolchain;
    use crate::targets::Row;
    use mobilenet_compiler::emit::c::Target as Emit;

    #[test]
    fn a_missing_row_says_why() {
        let row = Row { error: 1.24e-6, code: 10_830, weights: 857_792, arena: 98_304, stack: 900 };
        let targets =
            ["here", "there"].map(|name| Target { name, emit: Emit::default(), toolchain: Toolchain::host("gcc") });
        let text = render("net", &targets, &[Outcome::Ran(row), Outcome::Absent("no compiler".into())]);
        assert_eq!(
            text,
            "net    max error    code  weights   arena  stack\n\
             here      1.2e-6  10,830  857,792  98,304    900\n\
             there          -       -        -       -      -\n\
             there: no compiler\n"
        );
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
