//! Depth-first execution of the first stages: how deep, in which blocks, and how many rows each map keeps.

use super::arena;
use super::check::Check;
use super::cost::{Choice, CostModel};
use super::decisions::{Blocks, Decisions};
use super::display::{cycles, thousands};
use super::integers::{gate, is_stem};
use super::lower::{Draft, Shared, lower};
use super::units::Unit;
use super::{Chain, LinkOp, MAX_LINKS, Op, Reads, Step};
use crate::diagnostic::Error;
use crate::network::{Network, Stage};

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
    let shared = Shared::new(network, check, cost)?;
    let depths = match (cost.stream, cost.separable) {
        (Choice::Never, _) | (_, Choice::Never) => Vec::new(),
        _ => depths(&shared, shared.units(&Decisions::whole(cost))),
    };
    let mut drafts = Vec::new();
    for depth in [0].into_iter().chain(depths.iter().copied()) {
        for slack in SLACKS {
            let decisions = Decisions { depth, slack, blocks: Blocks::Modelled, separable: cost.separable };
            drafts.push((decisions, lower(&shared, decisions)?));
        }
    }
    let limit = match cost.stream {
        Choice::Always => f64::INFINITY,
        _ => drafts.iter().map(|(_, draft)| draft.cycles).fold(f64::INFINITY, f64::min) * cost.tolerance,
    };
    let mut best: Option<(Decisions, Placed)> = None;
    for (decisions, draft) in drafts {
        let unwanted = cost.stream == Choice::Always && !depths.is_empty() && decisions.depth == 0;
        if draft.cycles > limit || unwanted {
            continue;
        }
        let plan = placed(draft)?;
        if best.as_ref().is_none_or(|(_, best)| plan.2 < best.2) {
            best = Some((decisions, plan));
        }
    }
    let (decisions, mut best) = best.ok_or_else(super::too_large)?;
    compare_with_whole(&mut best, &shared)?;
    Ok((decisions, best))
}

/// Lowers as decided, as far as the network allows.
pub(super) fn follow<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
    decisions: &Decisions,
) -> Result<(Decisions, Placed<'a>), Error> {
    let shared = Shared::new(network, check, cost)?;
    let possible = match decisions.separable {
        Choice::Never => Vec::new(),
        _ => depths(&shared, shared.units(decisions)),
    };
    let depth = possible.into_iter().rfind(|&depth| depth <= decisions.depth).unwrap_or(0);
    let decisions = Decisions { depth, ..*decisions };
    let mut plan = placed(lower(&shared, decisions)?)?;
    compare_with_whole(&mut plan, &shared)?;
    Ok((decisions, plan))
}

/// Says of a stream what the same network comes to without.
fn compare_with_whole(plan: &mut Placed, shared: &Shared) -> Result<(), Error> {
    let (draft, _, arena) = plan;
    let Some(Step { op: Op::Chain(Chain { links }), reason, .. }) = draft.steps.first_mut() else { return Ok(()) };
    if !reason.is_empty() || links[0].source().is_none() {
        return Ok(());
    }
    let (whole, _, whole_arena) = placed(lower(shared, Decisions::whole(shared.cost))?)?;
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

/// How many units behind the stem can run by rows with it: those whose maps nothing else reads, as far as maps are not summed
/// whole.
fn depths(shared: &Shared, units: &[Unit]) -> Vec<usize> {
    let Shared { network, check, .. } = *shared;
    let starts = units.first().is_some_and(|unit| is_stem(network, &network.stages[unit.first()]));
    let (mut depths, mut links, mut inside, mut open) = (Vec::new(), 0, Vec::new(), 0);
    for (depth, unit) in units.iter().enumerate().take_while(|_| starts) {
        let stages = || unit.stages.iter().map(|&stage| &network.stages[stage]);
        let follows = depth == 0 || network.stages[unit.first()].inputs.first() == inside.last();
        let by_rows = |stage: &Stage| match &stage.kind {
            _ if is_stem(network, stage) => depth == 0,
            // The gate comes of the whole map.
            _ if gate(network, stage).is_some() => false,
            kind => LinkOp::of(kind).is_some_and(|op| op.traits().reads != Reads::Whole),
        };
        links += unit.stages.len();
        let all = |test: &dyn Fn(&Stage) -> bool| stages().all(test);
        let free = |stage: &Stage| !shared.groups.fixed(stage.output) && !check.is_vector(network, stage.output);
        if !follows || links > MAX_LINKS || !all(&by_rows) || !all(&free) {
            break;
        }
        for stage in stages() {
            let reads = stage.inputs.iter().filter(|map| inside.contains(*map)).count();
            open = open - reads + check.readers(stage.output);
            if check.is_output(stage.output) {
                open = usize::MAX / 2;
            }
            inside.push(stage.output);
        }
        let last = &network.stages[unit.last()];
        if depth > 0 && open == check.readers(last.output) {
            depths.push(depth);
        }
    }
    depths
}
