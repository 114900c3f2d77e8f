//! The least memory that any order of rows needs, whatever the planner does: a bound to measure plans by.
//!
//! What is assumed: every row of a map is computed once, as a whole, and kept from then until the last row that is computed of
//! it is done. Which rows come when is left open. The bound looks at one path of the network, each of whose stages reads
//! first what the one before it writes, and at one moment: some row of some map of the path, the *mark*, is being computed as
//! the `c`-th of its map. Then so many rows of each map in front must have been computed, and only so many of these can be
//! dead:
//!
//! - `c` rows of a result need at least [`Rows::needed`] rows of what they are computed of;
//! - `c` rows of a result release at most [`Rows::released`] rows of it.
//!
//! Computing more rows of a map than is needed costs its memory and, row for row, saves none further up, until so many are
//! computed that they need all there is in front ([`Rows::saturated`]); from then on what is in front may be dead. So the least at
//! a moment is the smallest of so many sums: one for each map that could be saturated, with nothing in front of it, and one for
//! none. Every order of rows passes every moment, so the largest of these over all moments holds for all.
//!
//! Of what a sum reads later, as a residual, rows stay until they are added. Other readers beside the path, and what the path
//! reads beside, are left out: that only makes the bound smaller.

use super::check::Check;
use super::facts::UNIT;
use super::groups::whole;
use super::integers::{added, gate, is_stem};
use super::{LinkOp, Reads};
use crate::graph::Window;
use crate::network::{Network, Stage};

/// How rows of a stage's result depend on those of what it reads first.
#[derive(Clone, Copy)]
struct Rows {
    /// Rows read, in all, and written.
    height: [usize; 2],
    span: usize,
    stride: usize,
    /// Rows of the border above and below, as far as windows reach.
    pads: [usize; 2],
    /// Rows below all windows.
    unread: usize,
    /// Every row is read for every row written.
    all: bool,
    /// Windows leave out rows, or begin in the border: nothing is said of what is released.
    vague: bool,
}

impl Rows {
    fn new(window: &Window, height: [usize; 2], all: bool) -> Self {
        let [kernel, stride, dilation] = [window.kernel[0], window.stride[0], window.dilation[0]].map(|n| n.max(1));
        let above = usize::try_from(window.pads[0]).unwrap_or(0);
        let reach = height[1].saturating_sub(1).saturating_mul(stride).saturating_add(kernel);
        let below = height[0].saturating_add(above);
        let (pads, unread) = ([above, reach.saturating_sub(below)], below.saturating_sub(reach));
        let vague = dilation > 1 || kernel < stride || pads.iter().any(|&pad| pad > kernel - stride);
        Self { height, span: kernel, stride, pads, unread, all, vague }
    }

    /// Rows that any `count` rows of the result need, at least: those of one block at the border are fewest, since each block
    /// needs `span - stride` more than `stride` for each row, less what hangs over.
    fn needed(&self, count: usize) -> usize {
        let least = match self.height {
            _ if count == 0 => 0,
            [read, _] if self.all => read,
            _ if self.vague => 0,
            [read, written] if count >= written => read.min(written * self.stride),
            _ => (count * self.stride + self.span - self.stride).saturating_sub(self.pads[0].max(self.pads[1])),
        };
        least.min(self.height[0])
    }

    /// Rows that only some `count` rows of the result read, at most: those of one block at the border are most.
    fn released(&self, count: usize) -> usize {
        let [read, written] = self.height;
        let of_windows = match count {
            _ if count >= written || self.vague => read,
            _ if self.all || count == 0 => 0,
            _ => (count * self.stride).saturating_sub(self.pads[0].min(self.pads[1]).min(self.span - self.stride)),
        };
        of_windows.saturating_add(self.unread).min(read)
    }

    /// The fewest rows of the result beyond which more need nothing more.
    fn saturated(&self) -> usize {
        let [_, written] = self.height;
        if self.all {
            return written;
        }
        (0..=written).find(|&count| self.needed(count) >= self.needed(written)).unwrap_or(written)
    }

    /// Rows of the result that any `count` rows of what is read suffice for, at most.
    fn possible(&self, count: usize) -> usize {
        let [read, written] = self.height;
        match count {
            _ if count >= read || self.vague => written,
            _ if self.all => 0,
            _ => {
                let hanging = count + self.pads[0].max(self.pads[1]);
                hanging.checked_sub(self.span).map_or(0, |rest| rest / self.stride + 1).min(written)
            }
        }
    }
}

/// A map of a path.
struct Level {
    stage: usize,
    row_bytes: usize,
    height: usize,
    /// How the stage that writes it depends on the map before.
    rows: Rows,
    /// The map of the path that is added to it, and so may lie where it does.
    adds: Option<usize>,
    /// Whether a row may be written over one that it is computed of.
    over: bool,
}

/// What no order of rows can do without, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bound {
    /// Bytes of the arena.
    pub bytes: usize,
    /// Index in [`Network::stages`] of the stage that is computed at the moment.
    pub stage: usize,
    /// How many rows of its result there are then, with the one being computed.
    pub rows: usize,
}

/// Bytes that are in use at some moment, whatever the order of rows. Without the model's input and outputs, which are the
/// caller's.
pub(super) fn lower_bound(network: &Network, check: &Check) -> Bound {
    let mut best = Bound::default();
    let mut taken = vec![false; network.stages.len()];
    for first in 0..network.stages.len() {
        if !taken[first] {
            let found = of_path(&path(network, check, first, &mut taken));
            best = if found.bytes > best.bytes { found } else { best };
        }
    }
    best
}

/// The maps from a stage's on, of which each is what the next one is computed of first.
fn path(network: &Network, check: &Check, first: usize, taken: &mut [bool]) -> Vec<Level> {
    let start = &network.stages[first];
    let mut ids = Vec::new();
    let mut levels = Vec::new();
    let follows = |stage: &Stage| !is_stem(network, stage) && LinkOp::of(&stage.kind).is_some();
    if follows(start) {
        let id = start.inputs[0];
        let map = whole(&network.maps[id.0 as usize], 1);
        let rows = Rows::new(&UNIT, [0, map.height], false);
        let (row_bytes, height) = (map.row_bytes(), map.height);
        levels.push(Level { stage: first, row_bytes, height, rows, adds: None, over: true });
        ids.push(id);
    }
    let mut next = Some(first);
    while let Some(index) = next.filter(|&index| !std::mem::replace(&mut taken[index], true)) {
        let stage = &network.stages[index];
        if check.at_output(stage.output).is_some() {
            break;
        }
        let map = whole(&network.maps[stage.output.0 as usize], 1);
        let input = if ids.is_empty() { 0 } else { network.maps[stage.inputs[0].0 as usize].height };
        let profile = stage.kind.profile();
        let op = LinkOp::of(&stage.kind).filter(|_| !is_stem(network, stage));
        let all = op.as_ref().is_some_and(|op| op.traits().reads == Reads::Whole)
            || gate(network, stage).is_some()
            || matches!(profile.shape, crate::network::Shape::Vector);
        let window = profile.window.unwrap_or(UNIT);
        let adds = added(network, stage).and_then(|id| ids.iter().position(|&other| other == id));
        let over = added(network, stage).is_some() || matches!(op, Some(LinkOp::Elementwise));
        levels.push(Level {
            stage: index,
            row_bytes: map.row_bytes(),
            height: map.height,
            rows: Rows::new(&window, [input, map.height], all),
            adds,
            over,
        });
        ids.push(stage.output);
        let reads = |stage: &Stage| stage.inputs.first() == ids.last() && follows(stage);
        next = (index + 1..network.stages.len()).find(|&other| !taken[other] && reads(&network.stages[other]));
    }
    levels
}

fn of_path(levels: &[Level]) -> Bound {
    let mut most = Bound::default();
    for mark in 0..levels.len() {
        for rows in 1..=levels[mark].height {
            let bytes = at(levels, mark, rows);
            if bytes > most.bytes {
                most = Bound { bytes, stage: levels[mark].stage, rows };
            }
        }
    }
    most
}

/// What is in use while the `count`-th row of map `mark` is computed, at least.
fn at(levels: &[Level], mark: usize, count: usize) -> usize {
    let added_later = |map: usize| (map + 1..levels.len()).find(|&sum| levels[sum].adds == Some(map));
    // Rows of each map that are computed before and that can be read by what is computed.
    let mut before = vec![0; levels.len()];
    before[mark] = count - 1;
    for map in mark + 1..levels.len() {
        before[map] = levels[map].rows.possible(before[map - 1]);
    }
    let own = if levels[mark].over { 0 } else { levels[mark].row_bytes };
    let (mut least, mut sum) = (usize::MAX, own);
    let mut needed = count;
    for map in (0..mark).rev() {
        let next = &levels[map + 1];
        let height = levels[map].height;
        needed = next.rows.needed(needed);
        before[map] = needed;
        let kept = |computed: usize| {
            let read = next.rows.released(before[map + 1]);
            let added = added_later(map).map_or(height, |sum| before[sum]);
            computed.saturating_sub(read.min(added)).saturating_mul(levels[map].row_bytes)
        };
        if map > 0 {
            least = least.min(sum.saturating_add(kept(needed.max(levels[map].rows.saturated()))));
        }
        sum = sum.saturating_add(kept(needed));
    }
    least.min(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Random, every_network, on_codes, random_network};
    use crate::plan::{CostModel, Goal, Optimise, plan};
    use std::collections::BTreeMap;

    fn window(kernel: usize, stride: usize, pads: [i64; 2]) -> Window {
        Window {
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pads: [pads[0], pads[0], pads[1], pads[1]],
        }
    }

    /// The rows that row `row` of a result is computed of, by the definition of a window.
    fn under(window: &Window, row: usize, height: usize) -> u32 {
        let first = (row * window.stride[0]) as i64 - window.pads[0];
        (first..first + window.kernel[0] as i64)
            .filter(|row| (0..height as i64).contains(row))
            .fold(0, |set, row| set | 1 << row)
    }

    fn windows() -> impl Iterator<Item = (Window, usize, usize)> {
        let pads = [[0, 0], [1, 1], [0, 1], [1, 0]];
        let all = [1, 2, 3, 5].into_iter().flat_map(move |kernel| [1, 2].map(|stride| (kernel, stride)));
        let all = all.flat_map(move |(kernel, stride)| pads.map(|pads| window(kernel, stride, pads)));
        all.flat_map(|window| {
            (1..=7_usize).filter_map(move |height| {
                let padded = height + (window.pads[0] + window.pads[2]) as usize;
                Some((window, height, padded.checked_sub(window.kernel[0])? / window.stride[0] + 1))
            })
        })
    }

    /// Against all sets of rows.
    #[test]
    fn rows_are_needed_released_and_possible_as_counted() {
        for (window, height, written) in windows() {
            let rows = Rows::new(&window, [height, written], false);
            let reads: Vec<u32> = (0..written).map(|row| under(&window, row, height)).collect();
            for set in 0_u32..1 << written {
                let count = set.count_ones() as usize;
                let of = |inside: bool| {
                    (0..written).filter(|row| (set >> row & 1 == 1) == inside).fold(0, |all, row| all | reads[row])
                };
                let said = format!("{window:?} over {height}, {count} rows");
                assert!(rows.needed(count) <= of(true).count_ones() as usize, "{said}");
                let all = (1_u32 << height) - 1;
                assert!(rows.released(count) >= (all & !of(false)).count_ones() as usize, "{said}");
            }
            for set in 0_u32..1 << height {
                let possible = reads.iter().filter(|&&read| read & !set == 0).count();
                assert!(rows.possible(set.count_ones() as usize) >= possible, "{window:?} over {height}");
            }
        }
    }

    /// The least memory of any order, found by trying all: maps of a few rows, each computed of the one before.
    fn best_order(levels: &[Level], windows: &[Window]) -> usize {
        let mut first = vec![0];
        levels.iter().for_each(|level| first.push(first[first.len() - 1] + level.height));
        let total = first[levels.len()];
        let mut sources = vec![0_u32; total];
        let mut owner = vec![0; total];
        for (map, level) in levels.iter().enumerate() {
            for row in 0..level.height {
                owner[first[map] + row] = map;
                if map > 0 {
                    sources[first[map] + row] = under(&windows[map], row, levels[map - 1].height) << first[map - 1];
                }
                if let Some(added) = level.adds {
                    sources[first[map] + row] |= 1 << (first[added] + row);
                }
            }
        }
        let last = levels.len() - 1;
        let live = |done: u32, being: usize| {
            let dead = |row: usize| {
                let waits = (0..total).any(|reader| sources[reader] >> row & 1 == 1 && done >> reader & 1 == 0);
                !waits && owner[row] != last
            };
            let kept = (0..total).filter(|&row| done >> row & 1 == 1 && owner[row] != last && !dead(row));
            let own = if levels[owner[being]].over { 0 } else { levels[owner[being]].row_bytes };
            kept.map(|row| levels[owner[row]].row_bytes).sum::<usize>() + own
        };
        // Sets of computed rows in order of how many they are, each with the least of the largest use on the way.
        let mut states = BTreeMap::from([(0_u32, 0_usize)]);
        for _ in 0..total {
            let mut next: BTreeMap<u32, usize> = BTreeMap::new();
            for (&done, &most) in &states {
                for row in (0..total).filter(|&row| done >> row & 1 == 0 && sources[row] & !done == 0) {
                    let most = most.max(live(done, row));
                    let entry = next.entry(done | 1 << row).or_insert(usize::MAX);
                    *entry = most.min(*entry);
                }
            }
            states = next;
        }
        states.into_values().min().unwrap_or(0)
    }

    #[test]
    fn no_order_of_rows_needs_less() {
        let mut random = Random(7);
        let (mut met, mut drawn) = (0, 0);
        while drawn < 60 {
            let mut height = random.within(2, 6);
            let (mut levels, mut all) = (Vec::new(), vec![UNIT]);
            let rows = Rows::new(&UNIT, [0, height], false);
            levels.push(Level { stage: 0, row_bytes: random.within(1, 9), height, rows, adds: None, over: false });
            for map in 1..=random.within(2, 4) {
                let kernel = [1, 3, 3][random.within(0, 2)];
                let stride = if kernel == 3 { random.within(1, 2) } else { 1 };
                let pad = (kernel / 2) as i64;
                let window =
                    window(kernel, stride, [pad, if stride == 2 && height.is_multiple_of(2) { pad - 1 } else { pad }]);
                let written = (height + (window.pads[0] + window.pads[2]) as usize - kernel) / stride + 1;
                let rows = Rows::new(&window, [height, written], false);
                let adds = (map > 1 && written == levels[map - 2].height && random.within(0, 1) == 1).then(|| map - 2);
                let row_bytes = random.within(1, 9);
                levels.push(Level { stage: map, row_bytes, height: written, rows, adds, over: adds.is_some() });
                all.push(window);
                height = written;
            }
            if levels.iter().map(|level| level.height).sum::<usize>() > 15 {
                continue;
            }
            drawn += 1;
            let (bound, best) = (of_path(&levels).bytes, best_order(&levels, &all));
            let shape: Vec<_> = levels.iter().map(|l| (l.height, l.row_bytes, l.adds)).collect();
            assert!(bound <= best, "{bound} > {best}: {shape:?} {all:?}");
            met += usize::from(bound == best);
        }
        assert!(met >= 10, "the bound is met by {met} of {drawn}");
    }

    #[test]
    fn no_plan_needs_less() {
        let cost =
            CostModel { goal: Goal { optimise: Optimise::Memory, max_arena: None }, ..CostModel::microcontroller() };
        let drawn = (0..30).map(random_network);
        for (seed, network) in every_network().into_iter().chain(drawn).enumerate() {
            for network in [on_codes(&network, seed as u64), network] {
                let plan = plan(network, &cost).unwrap();
                assert!(plan.lower_bound <= plan.arena_bytes, "{} > {}\n{plan}", plan.lower_bound, plan.arena_bytes);
            }
        }
    }
}
