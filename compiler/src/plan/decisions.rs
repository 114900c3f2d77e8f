//! What is decided once for a whole plan, as a value: what [`plan`](super::plan) chose, and what else it could have chosen.

use super::cost::{Choice, CostModel};

/// Decisions that a plan follows; the rest follows from the cost model.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisions {
    /// How the units, stages that always run as one chain, are joined, from the first on. Each of those behind the last run
    /// is alone.
    pub runs: Vec<Run>,
    /// The slack of units that no run has.
    pub slack: f64,
    /// Rows per block next to those of the cost model.
    pub blocks: Blocks,
    /// Fused or split separables outside of a stream.
    pub separable: Choice,
}

/// Units that run depth-first as one chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// How many; a single one keeps its maps whole.
    pub units: usize,
    /// How much more than the fastest, as a share of the modelled cycles, fewer rows per block may cost.
    pub slack: f64,
}

/// Rows per block next to those of the cost model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blocks {
    /// The same.
    #[default]
    Modelled,
    /// Half as many, at least one.
    Halved,
    /// Twice as many, at most all.
    Doubled,
}

impl Blocks {
    /// Rows per block in a map of `height` rows where the model would take `rows`.
    pub(super) fn apply(self, rows: usize, height: usize) -> usize {
        match self {
            Self::Modelled => rows,
            Self::Halved => (rows / 2).max(1),
            Self::Doubled => rows.saturating_mul(2).min(height).max(1),
        }
    }
}

impl Decisions {
    /// Whole maps in the fastest blocks that `cost` knows.
    pub(super) fn whole(cost: &CostModel) -> Self {
        Self { runs: Vec::new(), slack: 0.0, blocks: Blocks::Modelled, separable: cost.separable }
    }

    /// Units that run by rows with the first one, which reads the model's input.
    pub fn depth(&self) -> usize {
        self.runs.first().map_or(0, |run| run.units.saturating_sub(1))
    }

    /// The same with so many units behind the first in its stream, and no other stream.
    #[must_use]
    pub fn with_depth(&self, depth: usize) -> Self {
        let runs = vec![Run { units: depth + 1, slack: self.slack }];
        Self { runs: if depth == 0 { Vec::new() } else { runs }, ..self.clone() }
    }

    /// A handful of others, each apart from these in one thing, with its name; not all need differ in what they come to.
    pub fn alternatives(&self) -> Vec<(String, Self)> {
        let mut all = vec![("all maps whole".to_string(), self.with_depth(0))];
        for depth in [2, 4, 6, 12] {
            all.push((format!("stem and {depth} separables by rows"), self.with_depth(depth)));
        }
        let fastest = self.runs.iter().map(|run| Run { slack: 0.0, ..*run }).collect();
        all.push(("fastest rows per block".into(), Self { runs: fastest, slack: 0.0, ..self.clone() }));
        all.push(("rows per block halved".into(), Self { blocks: Blocks::Halved, ..self.clone() }));
        all.push(("rows per block doubled".into(), Self { blocks: Blocks::Doubled, ..self.clone() }));
        let (fused, split) = (Choice::Always, Choice::Never);
        all.push(("separables fused".into(), Self { separable: fused, ..self.clone() }));
        all.push(("separables split".into(), Self { separable: split, ..self.with_depth(0) }));
        all
    }
}
