//! Where buffers live: one arena, reused by liveness, a step's output allowed to eat its input from below.

use std::collections::BTreeMap;

/// Alignment of every buffer, bytes.
pub(super) const ALIGN: usize = 64;

/// A buffer and the steps (both inclusive) during which it holds something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer {
    pub bytes: usize,
    pub first: usize,
    pub last: usize,
}

/// A step whose output may share memory with its input, because the rows below those that are still needed are dead:
/// allowed whenever `offset(input) >= offset(output) + lead`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overlap {
    pub input: usize,
    pub output: usize,
    pub lead: isize,
}

/// Orders tried at most, so that a hostile depth stays cheap.
const MAX_PIVOTS: usize = 12;

/// Offsets per buffer and the size of the arena. Each order begins at one buffer (placed at 0), walks back from it and
/// then forward, and puts every buffer at the lowest offset that is free during its life; the smallest arena wins.
pub(super) fn place(buffers: &[Buffer], overlaps: &[Overlap]) -> (Vec<usize>, usize) {
    let conflicts = conflicts(buffers, overlaps);
    let mut pivots: Vec<usize> = (0..buffers.len()).collect();
    pivots.sort_by_key(|&b| (std::cmp::Reverse(buffers[b].bytes), b));
    pivots.truncate(MAX_PIVOTS);
    let mut best: Option<(Vec<usize>, usize)> = None;
    for &pivot in &pivots {
        for scratch_last in [false, true] {
            let placed = in_order(buffers, &conflicts, &order(buffers, pivot, scratch_last));
            if best.as_ref().is_none_or(|b| placed.1 < b.1) {
                best = Some(placed);
            }
        }
    }
    best.unwrap_or_default()
}

/// A pair that is alive at once: how far `other` must stay away.
#[derive(Clone, Copy)]
struct Conflict {
    other: usize,
    rule: Rule,
}

#[derive(Clone, Copy)]
enum Rule {
    Disjoint,
    /// This buffer is the input: it may begin at `other + lead` or later.
    Input(isize),
    /// This buffer is the output: it may begin at `other - lead` or earlier.
    Output(isize),
}

fn conflicts(buffers: &[Buffer], overlaps: &[Overlap]) -> Vec<Vec<Conflict>> {
    let mut by_start: Vec<usize> = (0..buffers.len()).collect();
    by_start.sort_by_key(|&b| (buffers[b].first, b));
    let mut conflicts = vec![Vec::new(); buffers.len()];
    let leads: BTreeMap<(usize, usize), isize> = overlaps.iter().map(|o| ((o.input, o.output), o.lead)).collect();
    let mut live: Vec<usize> = Vec::new();
    for &b in &by_start {
        live.retain(|&other| buffers[other].last >= buffers[b].first);
        for &other in &live {
            let (mine, its) = match (leads.get(&(b, other)), leads.get(&(other, b))) {
                (Some(&lead), _) => (Rule::Input(lead), Rule::Output(lead)),
                (None, Some(&lead)) => (Rule::Output(lead), Rule::Input(lead)),
                (None, None) => (Rule::Disjoint, Rule::Disjoint),
            };
            conflicts[b].push(Conflict { other, rule: mine });
            conflicts[other].push(Conflict { other: b, rule: its });
        }
        live.push(b);
    }
    conflicts
}

fn order(buffers: &[Buffer], pivot: usize, scratch_last: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    let centre = buffers[pivot].first;
    order.sort_by_key(|&b| {
        let Buffer { first, last, .. } = buffers[b];
        let distance = if first <= centre { (0, centre - first) } else { (1, first - centre) };
        let scratch = first == last;
        (b != pivot, scratch && scratch_last, distance, scratch, b)
    });
    order
}

fn in_order(buffers: &[Buffer], conflicts: &[Vec<Conflict>], order: &[usize]) -> (Vec<usize>, usize) {
    let mut offsets: Vec<Option<usize>> = vec![None; buffers.len()];
    let mut total = 0;
    for &b in order {
        let size = buffers[b].bytes as isize;
        let mut forbidden: Vec<(isize, isize)> = Vec::new();
        for conflict in &conflicts[b] {
            let Some(at) = offsets[conflict.other] else { continue };
            let (at, other_size) = (at as isize, buffers[conflict.other].bytes as isize);
            let (mut low, mut high) = (at - size + 1, at + other_size);
            match conflict.rule {
                Rule::Disjoint => {}
                Rule::Input(lead) => high = high.min(at.saturating_add(lead)),
                Rule::Output(lead) => low = low.max(at.saturating_sub(lead) + 1),
            }
            if low < high {
                forbidden.push((low, high));
            }
        }
        forbidden.sort_unstable();
        let mut offset = 0;
        for (low, high) in forbidden {
            if offset >= low && offset < high {
                offset = (high as usize).next_multiple_of(ALIGN) as isize;
            }
        }
        offsets[b] = Some(offset as usize);
        total = total.max(offset as usize + buffers[b].bytes);
    }
    (offsets.into_iter().map(Option::unwrap_or_default).collect(), total.next_multiple_of(ALIGN))
}
