//! Which units run as one chain, and in how many rows: a search over all ways to cut the network into runs.
//!
//! A run is weighed alone, with the maps that pass it by: what it needs of the arena and what it costs. The arena of a plan is
//! about that of its largest run, its cycles the sum of all. So, for a bound on the largest, the fastest cut is a shortest
//! path, and with the bound lowered step by step the paths are all cuts that are worth anything. These are then planned
//! for real.

use super::arena;
use super::decisions::{Decisions, Run};
use super::lower::{Lowering, Shared};
use super::stream::ends;
use super::units::Unit;
use crate::network::MapId;
use std::ops::Range;

/// Shares by which fewer rows per block may cost more; the last takes single rows.
const SLACKS: [f64; 7] = [0.0, 0.005, 0.015, 0.04, 0.12, 0.5, f64::INFINITY];

/// Two cuts whose largest runs differ by less are not both planned.
const APART: f64 = 0.995;

/// A run as part of a cut.
#[derive(Clone, Copy)]
struct Edge {
    first: usize,
    run: Run,
    /// What it needs of the arena, with what passes it by.
    bytes: usize,
    cycles: f64,
}

/// Ways to cut the network into runs, from the fastest to the one whose largest run is smallest.
pub(super) fn cuts(shared: &Shared, streams: bool) -> Vec<Decisions> {
    let base = Decisions::whole(shared.cost);
    let units = shared.units(&base);
    let edges = edges(shared, units, streams);
    let mut cuts = Vec::new();
    let (mut bound, mut kept) = (usize::MAX, f64::INFINITY);
    let mut last = None;
    while let Some(path) = fastest(&edges, units.len(), bound) {
        let largest = path.iter().map(|edge| edge.bytes).max().unwrap_or(0);
        let decisions = Decisions { runs: path.iter().map(|edge| edge.run).collect(), ..base.clone() };
        if (largest as f64) < kept * APART {
            kept = largest as f64;
            cuts.push(decisions);
            last = None;
        } else {
            last = Some(decisions);
        }
        let Some(next) = largest.checked_sub(1) else { break };
        bound = next;
    }
    cuts.extend(last);
    cuts
}

/// All runs, by their last unit.
fn edges(shared: &Shared, units: &[Unit], streams: bool) -> Vec<Vec<Edge>> {
    let mut by_end: Vec<Vec<Edge>> = vec![Vec::new(); units.len() + 1];
    let rows = |run: Run, count: usize| {
        let decisions = Decisions { runs: vec![run; count], ..Decisions::whole(shared.cost) };
        shared.groups.rows(shared.network, units, shared.cost, &decisions)
    };
    let life = Life::new(shared, units);
    for slack in SLACKS {
        let alone = rows(Run { units: 1, slack }, units.len());
        let together = rows(Run { units: units.len().max(2), slack }, 1);
        for first in 0..units.len() {
            let ends = if streams { ends(shared, units, first) } else { Vec::new() };
            for end in [first + 1].into_iter().chain(ends) {
                let rows = if end == first + 1 { &alone } else { &together };
                let Some((bytes, cycles)) = weigh(shared, units, first..end, rows, &life) else { continue };
                let run = Run { units: end - first, slack };
                let as_good = |edge: &Edge| edge.first == first && edge.bytes <= bytes && edge.cycles <= cycles;
                if !by_end[end].iter().any(as_good) {
                    by_end[end].push(Edge { first, run, bytes, cycles });
                }
            }
        }
    }
    by_end
}

/// The cut of fewest cycles all of whose runs need at most so many bytes.
fn fastest(edges: &[Vec<Edge>], units: usize, bound: usize) -> Option<Vec<Edge>> {
    let mut best: Vec<Option<(f64, usize, Option<Edge>)>> = vec![None; units + 1];
    best[0] = Some((0.0, 0, None));
    for end in 1..=units {
        for edge in edges[end].iter().filter(|edge| edge.bytes <= bound) {
            let Some((cycles, largest, _)) = best[edge.first] else { continue };
            let found = (cycles + edge.cycles, largest.max(edge.bytes));
            if best[end].is_none_or(|(cycles, largest, _)| found < (cycles, largest)) {
                best[end] = Some((found.0, found.1, Some(*edge)));
            }
        }
    }
    let (mut path, mut at) = (Vec::new(), units);
    while at > 0 {
        let edge = best[at]?.2?;
        path.push(edge);
        at = edge.first;
    }
    path.reverse();
    Some(path)
}

/// From which unit to which each map is of use, where it is in the arena.
struct Life(Vec<Option<(usize, usize)>>);

impl Life {
    fn new(shared: &Shared, units: &[Unit]) -> Self {
        let Shared { network, check, .. } = *shared;
        let mut of = vec![None; network.maps.len()];
        for (index, unit) in units.iter().enumerate() {
            for &stage in &unit.stages {
                let stage = &network.stages[stage];
                let in_arena = check.at_output(stage.output).is_none();
                of[stage.output.0 as usize] = in_arena.then_some((index, index));
                for input in &stage.inputs {
                    if let Some((_, last)) = &mut of[input.0 as usize] {
                        *last = index;
                    }
                }
            }
        }
        Self(of)
    }

    /// Maps that are there before a run begins and not yet read for the last time.
    fn before(&self, run: &Range<usize>) -> impl Iterator<Item = (MapId, usize)> {
        let alive = |(map, life): (usize, &Option<(usize, usize)>)| {
            let (written, last) = (*life)?;
            (written < run.start && last >= run.start).then_some((MapId(map as u32), last))
        };
        self.0.iter().enumerate().filter_map(alive)
    }
}

/// Bytes of the arena that a run needs, and its modelled cycles.
fn weigh(shared: &Shared, units: &[Unit], run: Range<usize>, rows: &[usize], life: &Life) -> Option<(usize, f64)> {
    let mut lowering = Lowering::new(shared, units, rows.to_vec());
    let read = |map: MapId| {
        let mut stages = units[run.clone()].iter().flat_map(|unit| &unit.stages);
        stages.any(|&stage| shared.network.stages[stage].inputs.contains(&map))
    };
    let mut kept = Vec::new();
    for (map, last) in life.before(&run) {
        let placed = lowering.new_map(map).ok()?;
        if last >= run.end || !read(map) {
            kept.push(placed.offset);
        }
    }
    lowering.units(units, run).ok()?;
    let mut draft = lowering.draft;
    kept.into_iter().for_each(|buffer| draft.buffers[buffer].last = usize::MAX);
    draft.overlaps.retain(|o| draft.buffers[o.input].last == draft.buffers[o.output].first);
    let total = draft.buffers.iter().try_fold(0_isize, |sum, buffer| sum.checked_add_unsigned(buffer.bytes));
    total?;
    let (_, bytes) = arena::place(&draft.buffers, &draft.overlaps);
    Some((bytes, draft.cycles))
}
