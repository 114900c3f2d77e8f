//! Which stages run as one chain: those between which a map need not exist whole.

use super::LinkOp;
use super::check::Check;
use super::cost::Choice;
use crate::network::integer::{Integer, IntegerKind};
use crate::network::{Epilogue, MapId, Network, Stage, StageKind};

/// Stages that run as one step: each reads first what the one before it writes, and nothing else reads that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Indices in [`Network::stages`]; at least one.
    pub stages: Vec<usize>,
}

impl Unit {
    pub fn first(&self) -> usize {
        self.stages[0]
    }

    pub fn last(&self) -> usize {
        self.stages[self.stages.len() - 1]
    }
}

/// All stages in units, in an order in which they can run.
pub(super) fn form(network: &Network, check: &Check, fuse: Choice) -> Vec<Unit> {
    let mut taken = vec![false; network.stages.len()];
    let mut units = Vec::new();
    for first in 0..network.stages.len() {
        if taken[first] {
            continue;
        }
        let mut stages = vec![first];
        while let Some(next) = follower(network, check, &stages).filter(|_| fuse != Choice::Never) {
            stages.push(next);
        }
        stages.iter().for_each(|&stage| taken[stage] = true);
        units.push(Unit { stages });
    }
    units.sort_by_key(Unit::last);
    units
}

/// The stage that joins these: an expansion's depthwise convolution, the pointwise one behind a depthwise one or a scaling, the
/// mean of a pointwise one's result.
fn follower(network: &Network, check: &Check, stages: &[usize]) -> Option<usize> {
    let last = &network.stages[*stages.last()?];
    let next = check.only_reader(last.output)?;
    let reader = &network.stages[next];
    let first = &network.stages[*stages.first()?];
    let on_codes = matches!(reader.kind, StageKind::Integer(_));
    let sum = matches!(last.kind, StageKind::Integer(Integer { kind: IntegerKind::Add, .. }));
    let joins = match (LinkOp::of(&last.kind)?, LinkOp::of(&reader.kind)?) {
        // On codes sums and tables are stages of their own.
        (_, LinkOp::Elementwise) => on_codes,
        (LinkOp::Depthwise | LinkOp::Elementwise, LinkOp::Pointwise) => true,
        (LinkOp::Pointwise, LinkOp::Depthwise) => stages.len() == 1 && expands(network, last),
        (LinkOp::Elementwise, LinkOp::Depthwise) => {
            on_codes
                && stages.len() == 2
                && matches!(LinkOp::of(&first.kind), Some(LinkOp::Pointwise))
                && expands(network, first)
        }
        (LinkOp::Pointwise, LinkOp::Mean { .. }) => stages.len() == 1 && !on_codes && reader.epilogue == Epilogue::NONE,
        _ => false,
    };
    // What follows a sum begins anew, with a ring of its own expansion.
    let alone = !(check.is_vector(network, last.output) || sum && on_codes);
    (joins && alone && reader.inputs.first() == Some(&last.output)).then_some(next)
}

fn expands(network: &Network, stage: &Stage) -> bool {
    let channels = |map: MapId| network.maps[map.0 as usize].channels;
    channels(stage.output) > channels(stage.inputs[0])
}
