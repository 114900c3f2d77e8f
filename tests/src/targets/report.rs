//! All there is to say about one model.

use super::{CODE_LIMIT, Comparison, Model, Outcome, Peer, Row, SMALL, Target, outcomes, peer, table};
use crate::compare::TOLERANCE;
use std::path::Path;

/// The table of one model and what is amiss in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The table.
    pub table: String,
    /// Its code beside the peer's, where the target for that is among those asked for.
    pub comparison: Option<Comparison>,
    /// Tools that are not installed.
    pub absent: Vec<String>,
    /// What failed, and what is beyond its bound.
    pub wrong: Vec<String>,
}

/// Measures a model on `targets`; builds in `folder`.
pub fn report(model: &Model, targets: &[Target], peer: &Result<Peer, String>, folder: &Path) -> Report {
    let outcomes = outcomes(model, targets, folder);
    let mut report = Report {
        table: table::render(&model.name, targets, &outcomes),
        comparison: None,
        absent: Vec::new(),
        wrong: Vec::new(),
    };
    for (target, outcome) in targets.iter().zip(outcomes) {
        match outcome {
            Outcome::Ran(row) => {
                report
                    .wrong
                    .extend(row.beyond(target).map(|text| format!("{} on {}: {text}", model.name, target.name)));
                if target.name == SMALL {
                    let code = |peer: &Peer| peer::code_of(model, peer, target, &folder.join("peer"));
                    let theirs = peer.as_ref().map_err(String::clone).and_then(code);
                    report.comparison = Some(Comparison { model: model.name.clone(), ours: row.code, theirs });
                }
            }
            Outcome::Exempt => {}
            Outcome::Absent(reason) => report.absent.push(reason),
            Outcome::Failed(reason) => report.wrong.push(reason),
        }
    }
    report
}

impl Row {
    /// What is beyond its bound.
    fn beyond(&self, target: &Target) -> Option<String> {
        const STACK_LIMIT: usize = 64 << 10;
        if self.error.is_nan() || self.error > TOLERANCE {
            Some(format!("off by {:.1e} of the largest magnitude", self.error))
        } else if target.name == SMALL && self.code >= CODE_LIMIT {
            Some(format!("{} bytes of code, {CODE_LIMIT} or more", self.code))
        } else if self.stack >= STACK_LIMIT {
            Some(format!("{} bytes of stack or more", self.stack))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::all;

    #[test]
    fn each_bound_holds() {
        let [small, other] = [true, false].map(|is| all().into_iter().find(|target| (target.name == SMALL) == is));
        let (small, other) = (small.expect("one"), other.expect("one"));
        let good = Row { error: 1e-6, code: CODE_LIMIT - 1, weights: 4, arena: 64, stack: 512 };
        assert_eq!(good.beyond(&small), None);
        assert!(Row { error: f64::NAN, ..good }.beyond(&small).is_some());
        assert!(Row { error: 2e-4, ..good }.beyond(&small).is_some());
        assert!(Row { stack: 64 << 10, ..good }.beyond(&small).is_some());
        let large = Row { code: CODE_LIMIT, ..good };
        assert!(large.beyond(&small).is_some());
        assert_eq!(large.beyond(&other), None);
    }
}
