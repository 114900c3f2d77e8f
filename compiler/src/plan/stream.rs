//! Depth-first execution of the first stages: how deep, in which blocks, and how many rows each map keeps.

use super::arena;
use super::check::Check;
use super::cost::{Choice, CostModel, Shape};
use super::decisions::{Blocks, Decisions};
use super::display::{self, cycles, thousands};
use super::lower::{Draft, Lowering, bytes, first_row, lower};
use super::{Kernel, Map, Step};
use crate::diagnostic::{Error, Problem};
use crate::graph::Window;
use crate::network::{Network, StageKind};

/// Separables in a stream at most: the runtime's limit.
const MAX_DEPTH: usize = 16;

/// A plan may cost this much more than the fastest, where it needs less memory.
const TOLERANCE: f64 = 1.005;

/// Shares by which fewer rows per block may cost more.
const SLACKS: [f64; 6] = [0.0, 0.005, 0.015, 0.03, 0.08, 0.3];

/// A lowered network, the offset of each of its buffers, and the size of its arena.
pub(super) type Placed<'a> = (Draft<'a>, Vec<usize>, usize);

/// Lowers with every depth there is, in larger and in smaller blocks, and takes the smallest arena among the plans whose
/// modelled time is near the best.
pub(super) fn choose<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
) -> Result<(Decisions, Placed<'a>), Error> {
    let deepest = match (cost.stream, cost.separable) {
        (Choice::Never, _) | (_, Choice::Never) => 0,
        _ => depth_limit(network, check),
    };
    let mut drafts = Vec::new();
    for depth in 0..=deepest {
        for slack in SLACKS {
            let decisions = Decisions { depth, slack, blocks: Blocks::Modelled, separable: cost.separable };
            drafts.push((decisions, lower(network, check, cost, decisions)?));
        }
    }
    let limit = match cost.stream {
        Choice::Always => f64::INFINITY,
        _ => drafts.iter().map(|(_, draft)| draft.cycles).fold(f64::INFINITY, f64::min) * TOLERANCE,
    };
    let mut best: Option<(Decisions, Placed)> = None;
    for (decisions, draft) in drafts {
        let unwanted = cost.stream == Choice::Always && deepest > 0 && decisions.depth == 0;
        if draft.cycles > limit || unwanted {
            continue;
        }
        let plan = placed(draft)?;
        if best.as_ref().is_none_or(|(_, best)| plan.2 < best.2) {
            best = Some((decisions, plan));
        }
    }
    let (decisions, mut best) = best.ok_or_else(super::too_large)?;
    compare_with_whole(&mut best, network, check, cost)?;
    Ok((decisions, best))
}

/// Lowers as decided, as far as the network allows.
pub(super) fn follow<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
    decisions: &Decisions,
) -> Result<(Decisions, Placed<'a>), Error> {
    let deepest = if decisions.separable == Choice::Never { 0 } else { depth_limit(network, check) };
    let decisions = Decisions { depth: decisions.depth.min(deepest), ..*decisions };
    let mut plan = placed(lower(network, check, cost, decisions)?)?;
    compare_with_whole(&mut plan, network, check, cost)?;
    Ok((decisions, plan))
}

/// Says of a stream what the same network comes to without.
fn compare_with_whole(plan: &mut Placed, network: &Network, check: &Check, cost: &CostModel) -> Result<(), Error> {
    let (draft, _, arena) = plan;
    let Some(Step { kernel: Kernel::Stream { .. }, reason, .. }) = draft.steps.first_mut() else { return Ok(()) };
    let (whole, _, whole_arena) = placed(lower(network, check, cost, Decisions::whole(cost))?)?;
    *reason = format!(
        "arena {} B, {} cycles; with whole maps {} B, {} cycles",
        thousands(*arena as u64),
        cycles(draft.cycles),
        thousands(whole_arena as u64),
        cycles(whole.cycles),
    );
    Ok(())
}

fn placed(draft: Draft) -> Result<Placed, Error> {
    let total = draft.buffers.iter().try_fold(0_isize, |sum, buffer| sum.checked_add(buffer.bytes as isize));
    total.ok_or_else(super::too_large)?;
    let (offsets, arena_bytes) = arena::place(&draft.buffers, &draft.overlaps);
    Ok((draft, offsets, arena_bytes))
}

/// Separables that follow the stem in a chain without other readers, up to a map that is summed whole.
fn depth_limit(network: &Network, check: &Check) -> usize {
    let mut stages = network.stages.iter();
    let Some(stem) = stages.next().filter(|stage| matches!(stage.kind, StageKind::Stem(_))) else { return 0 };
    let mut map = stem.output;
    let chained = |stage: &&crate::network::Stage| {
        let chained =
            matches!(stage.kind, StageKind::Separable { .. }) && stage.inputs == [map] && check.readers(map) == 1;
        let chained = chained && !check.summed(stage.output);
        map = stage.output;
        chained
    };
    stages.take_while(chained).take(MAX_DEPTH).count()
}

impl Lowering<'_, '_> {
    /// The first `count` stages, a stem and separables, as one step.
    pub fn stream(&mut self, count: usize) -> Result<(), Problem> {
        let stages = &self.network.stages[..count];
        let groups = stages.iter().map(|stage| match &stage.kind {
            StageKind::Separable { depthwise, .. } => {
                let shape = Shape::new(depthwise, &self.network.maps[stage.output.0 as usize]);
                let rows = self.cost.rows(&shape, self.decisions.slack, self.cost.most_stream_rows(&shape));
                self.decisions.blocks.apply(rows, shape.height)
            }
            _ if self.decisions.slack > 0.01 => 1,
            _ => self.row_map_rows(stage.output),
        });
        let groups: Vec<usize> = groups.collect();
        let mut maps = Vec::with_capacity(count);
        for (i, stage) in stages.iter().enumerate() {
            maps.push(match stages.get(i + 1).map(|next| &next.kind) {
                Some(StageKind::Separable { depthwise, .. }) => {
                    let next = self.network.maps[stages[i + 1].output.0 as usize];
                    let feature = self.network.maps[stage.output.0 as usize];
                    let ring = ring(&depthwise.window, feature.height, groups[i], next.height, groups[i + 1]);
                    let rows = ring.saturating_mul(groups[i]).min(feature.height);
                    let offset = self.buffer(bytes(rows, feature.width, feature.channels)?)?;
                    let (height, width, channels) = (feature.height, feature.width, feature.channels);
                    Map { offset, height, width, channels, group: groups[i], ring }
                }
                _ => self.new_map(stage.output, groups[i])?,
            });
        }
        let mut scratch_bytes = 0;
        for (stage, output) in stages.iter().zip(&maps) {
            if let StageKind::Separable { depthwise, .. } = &stage.kind {
                scratch_bytes = scratch_bytes.max(bytes(output.group, output.width, depthwise.bias.len())?);
            }
        }
        let scratch = self.buffer(scratch_bytes)?;
        let rings: usize = maps[..count - 1].iter().map(Map::bytes).sum();
        let mut steps = Vec::with_capacity(count);
        for (index, stage) in stages.iter().enumerate() {
            let output = maps[index];
            let (kernel, reason) = match &stage.kind {
                StageKind::Separable { depthwise, activation, pointwise } => {
                    let shape = Shape::new(depthwise, &self.network.maps[stage.output.0 as usize]);
                    let fused = self.cost.fused(&shape, output.group);
                    self.draft.cycles += fused + self.cost.stream_spill(&maps[index - 1], rings + scratch_bytes);
                    let activations = [*activation, stage.epilogue.activation];
                    let kernel =
                        self.separable_kernel(depthwise, pointwise, activations, maps[index - 1], output, scratch)?;
                    (kernel, format!("fused in blocks of {}: {} cycles", display::rows(output.group), cycles(fused)))
                }
                StageKind::Stem(conv) => {
                    let kernel = self.stem_kernel(conv, stage.epilogue.activation, output)?;
                    (kernel, "reads the input where it lies".into())
                }
                _ => return Err(Problem::new("only a stem and separables can run by rows")),
            };
            steps.push(Step { kernel, stage: index, reason });
        }
        self.push(Kernel::Stream { steps }, 0, String::new());
        Ok(())
    }
}

/// Groups of `group` rows that the producer of a map of `height` rows must keep for a consumer in blocks of `block` rows:
/// from the first row that a block still reads to the end of the group of the last one it needs.
fn ring(window: &Window, height: usize, group: usize, consumer_height: usize, block: usize) -> usize {
    let span = (window.kernel[0] - 1) * window.dilation[0] + 1;
    let mut most = 1;
    for q in 0..consumer_height.div_ceil(block) {
        let last = ((q + 1) * block).min(consumer_height) - 1;
        let end = (last * window.stride[0] + span).saturating_sub(window.pads[0] as usize).min(height);
        let first = first_row(window, q * block).min(height);
        most = most.max(end.div_ceil(group).saturating_sub(first / group));
    }
    most.min(height.div_ceil(group))
}
