//! Depth-first execution: which of the possible plans is the one wanted, and where streams may begin and end.

use super::arena;
use super::bound::{Bound, lower_bound};
use super::check::Check;
use super::cost::{Choice, CostModel};
use super::decisions::{Decisions, Run};
use super::display::{cycles, thousands};
use super::integers::{gate, is_stem};
use super::lower::{Draft, Shared, lower};
use super::standard::at_standard;
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

impl<'a> Candidate<'a> {
    fn new(shared: &Shared<'a, '_>, decisions: &Decisions) -> Result<Self, Error> {
        Ok(Self { placed: placed(lower(shared, decisions)?)?, decisions: decisions.clone() })
    }

    fn arena(&self) -> usize {
        self.placed.2
    }

    fn cycles(&self) -> f64 {
        self.placed.0.cycles
    }
}

/// All plans of a network that could be chosen.
struct Candidates<'a> {
    all: Vec<Candidate<'a>>,
    /// Which of them the default may take, whatever they need: those that are fast enough at the standard resolution.
    balanced: Vec<bool>,
}

impl<'a> Candidates<'a> {
    fn new(shared: &Shared<'a, '_>, standard: Option<&(Network, Check)>) -> Result<Self, Error> {
        let at_standard = standard.map(|standard| shared.at_standard(standard));
        let scaled = at_standard.as_ref().map(Self::of).transpose()?;
        let own = Self::of(shared)?;
        let Some(scaled) = scaled else {
            let mut balanced = fast_enough(&own, shared.cost);
            allow_whole(&own, &mut balanced);
            return Ok(Self { all: own, balanced });
        };
        let chosen = fast_enough(&scaled, shared.cost);
        let mut balanced = vec![false; own.len()];
        allow_whole(&own, &mut balanced);
        let mut all = own;
        for (candidate, _) in scaled.into_iter().zip(chosen).filter(|(_, chosen)| *chosen) {
            all.push(Candidate::new(shared, &as_possible(shared, &candidate.decisions))?);
            balanced.push(true);
        }
        Ok(Self { all, balanced })
    }

    fn of<'n>(shared: &Shared<'n, '_>) -> Result<Vec<Candidate<'n>>, Error> {
        let cost = shared.cost;
        let streams = !matches!((cost.stream, cost.separable), (Choice::Never, _) | (_, Choice::Never));
        let mut all = vec![Candidate::new(shared, &Decisions::whole(cost))?];
        for decisions in search::cuts(shared, streams) {
            all.push(Candidate::new(shared, &decisions)?);
        }
        let streamed = |candidate: &Candidate| candidate.decisions.runs.iter().any(|run| run.units > 1);
        if cost.stream == Choice::Always && all.iter().any(streamed) {
            all.retain(streamed);
        }
        Ok(all)
    }

    /// Which of them a goal wants.
    fn wanted(&self, goal: Goal) -> Result<usize, Problem> {
        let fits = |&at: &usize| goal.max_arena.is_none_or(|most| self.all[at].arena() <= most);
        let all = || (0..self.all.len()).filter(fits);
        let least = all().map(|at| self.all[at].cycles()).fold(f64::INFINITY, f64::min);
        let fastest = || all().filter(|&at| self.all[at].cycles() <= least * AS_FAST);
        let best = |a: &usize, b: &usize| smaller(&self.all[*a], &self.all[*b]);
        let found = match goal.optimise {
            Optimise::Memory => all().min_by(best),
            Optimise::Speed => fastest().min_by(best),
            Optimise::Balanced => all().filter(|&at| self.balanced[at]).min_by(best).or_else(|| fastest().min_by(best)),
        };
        found.ok_or_else(|| too_small(&self.all, goal.max_arena))
    }
}

/// At any resolution whole maps may be taken: where maps are small, they need the least.
fn allow_whole(all: &[Candidate], balanced: &mut [bool]) {
    let allowed = all.iter().zip(balanced).filter(|(candidate, _)| candidate.decisions.runs.is_empty());
    allowed.for_each(|(_, allowed)| *allowed = true);
}

/// Which of some plans need little more time than the fastest.
fn fast_enough(all: &[Candidate], cost: &CostModel) -> Vec<bool> {
    let fastest = all.iter().map(Candidate::cycles).fold(f64::INFINITY, f64::min);
    let limit = if cost.stream == Choice::Always { f64::INFINITY } else { fastest * cost.tolerance };
    all.iter().map(|candidate| candidate.cycles() <= limit).collect()
}

/// Takes of all plans that are worth something the one that the goal wants.
pub(super) fn choose<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
) -> Result<(Decisions, Placed<'a>), Error> {
    let standard = at_standard(network);
    let shared = Shared::new(network, check, cost, standard.as_ref())?;
    let mut candidates = Candidates::new(&shared, standard.as_ref())?;
    let chosen = candidates.wanted(cost.goal)?;
    let Candidate { decisions, placed: mut best } = candidates.all.swap_remove(chosen);
    compare_with_whole(&mut best, &shared)?;
    Ok((decisions, best))
}

/// A plan that could be chosen, and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeOff {
    /// Size of the arena.
    pub arena_bytes: usize,
    /// Modelled cycles of what decisions change.
    pub cycles: f64,
    /// The streams, each by the first and the last of its stages in [`Network::stages`].
    pub streams: Vec<[usize; 2]>,
    /// Which preferences choose it.
    pub chosen_for: Vec<Optimise>,
}

/// Memory against modelled time.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeOffs {
    /// From the smallest arena to the fastest plan: each is faster than all before it, or chosen for something.
    pub plans: Vec<TradeOff>,
    /// What no order of rows can do without.
    pub bound: Bound,
}

pub(super) fn trade_offs(network: &Network, check: &Check, cost: &CostModel) -> Result<TradeOffs, Error> {
    let standard = at_standard(network);
    let shared = Shared::new(network, check, cost, standard.as_ref())?;
    let candidates = Candidates::new(&shared, standard.as_ref())?;
    let chosen = Optimise::ALL.map(|optimise| candidates.wanted(Goal { optimise, max_arena: None }).ok());
    let mut order: Vec<usize> = (0..candidates.all.len()).collect();
    order.sort_by(|&a, &b| smaller(&candidates.all[a], &candidates.all[b]));
    let (mut plans, mut fastest) = (Vec::new(), f64::INFINITY);
    for at in order {
        let candidate = &candidates.all[at];
        let wants = Optimise::ALL.into_iter().zip(chosen).filter(|(_, chosen)| *chosen == Some(at));
        let chosen_for: Vec<Optimise> = wants.map(|(optimise, _)| optimise).collect();
        if candidate.cycles() < fastest || !chosen_for.is_empty() {
            fastest = fastest.min(candidate.cycles());
            let (arena_bytes, cycles) = (candidate.arena(), candidate.cycles());
            plans.push(TradeOff { arena_bytes, cycles, streams: streams(&shared, &candidate.decisions), chosen_for });
        }
    }
    Ok(TradeOffs { plans, bound: lower_bound(network, check) })
}

/// First and last stage of each stream.
fn streams(shared: &Shared, decisions: &Decisions) -> Vec<[usize; 2]> {
    let (units, mut first, mut streams) = (shared.units(decisions), 0, Vec::new());
    for run in &decisions.runs {
        let end = (first + run.units).min(units.len());
        if run.units > 1 {
            streams.push([units[first].first(), units[end - 1].last()]);
        }
        first = end;
    }
    streams
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
    let standard = at_standard(network);
    let shared = Shared::new(network, check, cost, standard.as_ref())?;
    let decisions = as_possible(&shared, decisions);
    let mut plan = placed(lower(&shared, &decisions)?)?;
    compare_with_whole(&mut plan, &shared)?;
    Ok((decisions, plan))
}

/// Decisions with runs as long as the network allows.
fn as_possible(shared: &Shared, decisions: &Decisions) -> Decisions {
    let units = shared.units(decisions);
    let (mut runs, mut first) = (Vec::new(), 0);
    for run in decisions.runs.iter().take_while(|_| decisions.separable != Choice::Never) {
        let end = (first + run.units).min(units.len());
        while first < end {
            let longest = ends(shared, units, first).into_iter().rfind(|&possible| possible <= end);
            let units = longest.map_or(1, |end| end - first);
            runs.push(Run { units, ..*run });
            first += units;
        }
    }
    Decisions { runs, ..decisions.clone() }
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
