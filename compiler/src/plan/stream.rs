//! Depth-first execution: which of the possible plans is the one wanted, and where streams may begin and end.

use super::arena;
use super::check::Check;
use super::cost::{Choice, CostModel};
use super::decisions::{Decisions, Run};
use super::display::{cycles, thousands};
use super::integers::{gate, is_stem};
use super::lower::{Draft, Shared, lower};
use super::units::Unit;
use super::{Goal, LinkOp, MAX_LINKS, Op, Optimise, Reads, Step, search};
use crate::diagnostic::{Error, Problem};
use crate::network::{Network, Stage};
use std::cmp::Ordering;

/// A lowered network, the offset of each of its buffers, and the size of its arena.
pub(super) type Placed<'a> = (Draft<'a>, Vec<usize>, usize);

/// Times that differ by less than this factor, the model can't tell apart.
const AS_FAST: f64 = 1.001;

/// A plan that could be chosen.
struct Candidate<'a> {
    decisions: Decisions,
    placed: Placed<'a>,
}

impl Candidate<'_> {
    fn arena(&self) -> usize {
        self.placed.2
    }

    fn cycles(&self) -> f64 {
        self.placed.0.cycles
    }
}

/// Takes of all cuts that are worth something the one that the goal wants.
pub(super) fn choose<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
) -> Result<(Decisions, Placed<'a>), Error> {
    let shared = Shared::new(network, check, cost)?;
    let streams = !matches!((cost.stream, cost.separable), (Choice::Never, _) | (_, Choice::Never));
    let whole = Decisions::whole(cost);
    let mut candidates = vec![Candidate { placed: placed(lower(&shared, &whole)?)?, decisions: whole }];
    for decisions in search::cuts(&shared, streams) {
        candidates.push(Candidate { placed: placed(lower(&shared, &decisions)?)?, decisions });
    }
    if cost.stream == Choice::Always {
        let streamed = |candidate: &Candidate| candidate.decisions.runs.iter().any(|run| run.units > 1);
        if candidates.iter().any(streamed) {
            candidates.retain(streamed);
        }
    }
    let chosen = wanted(&candidates, cost)?;
    let Candidate { decisions, placed: mut best } = candidates.swap_remove(chosen);
    compare_with_whole(&mut best, &shared)?;
    Ok((decisions, best))
}

/// Which of the candidates the goal wants.
fn wanted(candidates: &[Candidate], cost: &CostModel) -> Result<usize, Error> {
    let Goal { optimise, max_arena } = cost.goal;
    let fits = |candidate: &Candidate| max_arena.is_none_or(|most| candidate.arena() <= most);
    let fastest = candidates.iter().filter(|c| fits(c)).map(Candidate::cycles).fold(f64::INFINITY, f64::min);
    let limit = match optimise {
        _ if cost.stream == Choice::Always => f64::INFINITY,
        Optimise::Memory => f64::INFINITY,
        Optimise::Speed => fastest * AS_FAST,
        Optimise::Balanced => fastest * cost.tolerance,
    };
    let wanted = (0..candidates.len()).filter(|&at| fits(&candidates[at]) && candidates[at].cycles() <= limit);
    let best = wanted.min_by(|&a, &b| smaller(&candidates[a], &candidates[b]));
    best.ok_or_else(|| too_small(candidates, max_arena).into())
}

fn smaller(a: &Candidate, b: &Candidate) -> Ordering {
    a.arena().cmp(&b.arena()).then(a.cycles().total_cmp(&b.cycles()))
}

/// Says which bound could be kept, and at what price.
fn too_small(candidates: &[Candidate], max_arena: Option<usize>) -> Problem {
    let fastest = candidates.iter().map(Candidate::cycles).fold(f64::INFINITY, f64::min);
    let smallest = candidates.iter().min_by(|a, b| smaller(a, b));
    let (Some(most), Some(smallest)) = (max_arena, smallest) else { return super::too_large_problem() };
    let (bytes, time) = (smallest.arena(), smallest.cycles());
    let more = if fastest > 0.0 { 100.0 * (time / fastest - 1.0) } else { 0.0 };
    Problem::new("no plan of the model needs so little memory")
        .of_option("max_arena")
        .expected(
            format!(
                "at least {bytes} bytes of arena, for {} modelled cycles, {more:.1} % more than the fastest plan",
                cycles(time)
            ),
            format!("{most} bytes"),
        )
        .hint("a smaller input resolution needs less")
}

/// Lowers as decided, as far as the network allows.
pub(super) fn follow<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
    decisions: &Decisions,
) -> Result<(Decisions, Placed<'a>), Error> {
    let shared = Shared::new(network, check, cost)?;
    let units = shared.units(decisions);
    let (mut runs, mut first) = (Vec::new(), 0);
    for run in decisions.runs.iter().take_while(|_| decisions.separable != Choice::Never) {
        let end = (first + run.units).min(units.len());
        while first < end {
            let longest = ends(&shared, units, first).into_iter().rfind(|&possible| possible <= end);
            let units = longest.map_or(1, |end| end - first);
            runs.push(Run { units, ..*run });
            first += units;
        }
    }
    let decisions = Decisions { runs, ..decisions.clone() };
    let mut plan = placed(lower(&shared, &decisions)?)?;
    compare_with_whole(&mut plan, &shared)?;
    Ok((decisions, plan))
}

/// Says of the first stream what the same network comes to without any.
fn compare_with_whole(plan: &mut Placed, shared: &Shared) -> Result<(), Error> {
    let (draft, _, arena) = plan;
    let stream = |step: &&mut Step| matches!(&step.op, Op::Chain(_) if step.reason.is_empty());
    let Some(Step { reason, .. }) = draft.steps.iter_mut().find(stream) else { return Ok(()) };
    let (whole, _, whole_arena) = placed(lower(shared, &Decisions::whole(shared.cost))?)?;
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

/// Where streams may end that begin at a unit, each as the unit behind: all between reads what the one in front writes, and nothing
/// outside reads that.
pub(super) fn ends(shared: &Shared, units: &[Unit], first: usize) -> Vec<usize> {
    let Shared { network, check, .. } = *shared;
    let (mut ends, mut links, mut inside, mut open) = (Vec::new(), 0, Vec::new(), 0_usize);
    for (index, unit) in units.iter().enumerate().skip(first) {
        let stages = || unit.stages.iter().map(|&stage| &network.stages[stage]);
        let follows = index == first || network.stages[unit.first()].inputs.first() == inside.last();
        let by_rows = |stage: &Stage| match &stage.kind {
            _ if is_stem(network, stage) => index == first,
            // A gate comes of a whole map.
            _ if gate(network, stage).is_some_and(|gate| inside.contains(&gate)) => false,
            kind => LinkOp::of(kind).is_some_and(|op| op.traits().reads != Reads::Whole),
        };
        let free = |stage: &Stage| !shared.groups.fixed(stage.output) && !check.is_vector(network, stage.output);
        links += unit.stages.len();
        if !follows || links > MAX_LINKS || !stages().all(by_rows) || !stages().all(free) {
            break;
        }
        for stage in stages() {
            let reads = stage.inputs.iter().filter(|map| inside.contains(*map)).count();
            open = open - reads + check.readers(stage.output);
            inside.push(stage.output);
        }
        let last = network.stages[unit.last()].output;
        if index > first && open == check.readers(last) {
            ends.push(index + 1);
        }
        if check.is_output(last) {
            break;
        }
    }
    ends
}
