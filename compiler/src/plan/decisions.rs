//! What is decided once for a whole plan, as a value: what [`plan`](super::plan) chose, and what else it could have chosen.

use super::cost::{Choice, CostModel};

/// Decisions that a plan follows; the rest follows from the cost model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decisions {
    /// Separables that run depth-first behind the stem; 0 keeps all maps whole.
    pub depth: usize,
    /// How much more than the fastest, as a share of the modelled cycles, fewer rows per block may cost where the arena is
    /// largest.
    pub slack: f64,
    /// Rows per block next to those of the cost model.
    pub blocks: Blocks,
    /// Fused or split separables outside of a stream.
    pub separable: Choice,
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
        Self { depth: 0, slack: 0.0, blocks: Blocks::Modelled, separable: cost.separable }
    }

    /// A handful of others, each apart from these in one thing, with its name; not all need differ in what they come to.
    pub fn alternatives(&self) -> Vec<(String, Self)> {
        let mut all = vec![("all maps whole".to_string(), Self { depth: 0, ..*self })];
        for depth in [2, 4, 6, 12].into_iter().filter(|&depth| depth != self.depth) {
            all.push((format!("stem and {depth} separables by rows"), Self { depth, ..*self }));
        }
        all.push(("fastest rows per block".into(), Self { slack: 0.0, ..*self }));
        all.push(("rows per block halved".into(), Self { blocks: Blocks::Halved, ..*self }));
        all.push(("rows per block doubled".into(), Self { blocks: Blocks::Doubled, ..*self }));
        let (fused, split) = (Choice::Always, Choice::Never);
        all.push(("separables fused".into(), Self { separable: fused, ..*self }));
        all.push(("separables split".into(), Self { separable: split, depth: 0, ..*self }));
        all
    }
}
