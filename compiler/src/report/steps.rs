//! The steps of a plan: what runs as one call, and why.

use super::Layer;
use crate::plan::{Element, Op, Plan, padded_channels};

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is called, such as `separable` or `stream of 9`.
    pub label: String,
    /// The stages that it computes, indices in [`Network::stages`](crate::network::Network::stages).
    pub stages: Vec<usize>,
    /// Mult-adds per image.
    pub mult_adds: u64,
    /// Its part of the packed weights.
    pub weight_bytes: usize,
    /// Arena bytes of what it writes for later steps; nothing where that is the caller's output.
    pub output_bytes: usize,
    /// The decision and why.
    pub reason: String,
}

/// The steps of a plan, whose layers these are.
pub fn steps(plan: &Plan, layers: &[Layer]) -> Vec<Step> {
    let step = |(index, step): (usize, &crate::plan::Step)| {
        let of_step = || layers.iter().filter(move |layer| layer.step == Some(index));
        let links = step.op.links();
        let stages = if links.is_empty() { vec![step.stage] } else { links.iter().map(|link| link.stage).collect() };
        let output_bytes = match (step.op.output(), &step.op) {
            (Some(map), _) => map.bytes(),
            (None, Op::Dense { n, .. }) if step.op.target().is_some_and(|to| to.arena().is_some()) => {
                padded_channels(*n) * Element::F32.bytes()
            }
            (None, Op::Chain(chain)) if step.op.target().is_some_and(|to| to.arena().is_some()) => {
                chain.last().map_or(0, |link| link.output.bytes())
            }
            _ => 0,
        };
        Step {
            label: step.label(),
            stages,
            mult_adds: step.op.mult_adds(),
            weight_bytes: of_step().map(|layer| layer.weight_bytes).sum(),
            output_bytes,
            reason: step.reason.clone(),
        }
    };
    plan.steps.iter().enumerate().map(step).collect()
}
