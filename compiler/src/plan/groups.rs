//! How many rows a map's groups have. Maps whose groups must agree are of one class: what a pointwise convolution or an
//! elementwise operator reads and writes, and a sum and what it may overwrite. A class has the rows that its pointwise
//! convolutions cost least in.

use super::check::Check;
use super::cost::{CostModel, Shape};
use super::decisions::Decisions;
use super::integers::{added, element};
use super::units::Unit;
use super::{LinkOp, Map, Reads};
use crate::network::{FeatureMap, MapId, Network, Stage, StageKind};

/// The classes of a network's maps, and what their rows cost.
pub(super) struct Groups {
    class: Vec<usize>,
    classes: Vec<Class>,
}

#[derive(Default, Clone)]
struct Class {
    height: usize,
    /// A row's bytes in the widest map.
    row_bytes: usize,
    /// Cycles by rows per group, from 1; empty where nothing depends on them.
    costs: Vec<f64>,
    /// Rows at most where a stage shares the second-level cache with the rest of a stream.
    most_streamed: usize,
    /// A map of the class is summed whole.
    summed: bool,
}

/// A map as it lies in memory when all its rows are there.
pub(super) fn whole(feature: &FeatureMap, group: usize) -> Map {
    let FeatureMap { height, width, channels, .. } = *feature;
    let group = group.clamp(1, height.max(1));
    Map { offset: 0, height, width, channels, group, ring: height.div_ceil(group), element: element(feature) }
}

impl Groups {
    pub fn new(network: &Network, check: &Check, cost: &CostModel) -> Self {
        let mut ties = Ties((0..network.maps.len()).collect());
        for stage in &network.stages {
            let converts = matches!(stage.kind, StageKind::Quantise | StageKind::Dequantise);
            if converts || LinkOp::of(&stage.kind).is_some_and(|op| op.traits().reads == Reads::Group) {
                ties.join(stage.inputs[0], stage.output);
            }
            if let Some(add) = added(network, stage) {
                ties.join(add, stage.output);
            }
        }
        let class: Vec<usize> = (0..network.maps.len()).map(|map| ties.root(map)).collect();
        let mut classes = vec![Class { most_streamed: usize::MAX, ..Class::default() }; network.maps.len()];
        for (map, feature) in network.maps.iter().enumerate() {
            let of = &mut classes[class[map]];
            of.height = feature.height;
            of.row_bytes = of.row_bytes.max(whole(feature, 1).row_bytes());
            of.summed |= check.summed(MapId(map as u32));
        }
        for stage in &network.stages {
            let Some(shape) = shape(network, check, stage) else { continue };
            let of = &mut classes[class[stage.output.0 as usize]];
            let costs = cost.by_rows(&shape);
            if of.costs.is_empty() {
                of.costs = costs;
            } else {
                of.costs.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
            }
            of.most_streamed = of.most_streamed.min(cost.most_stream_rows(&shape));
        }
        Self { class, classes }
    }

    /// Whether the class of a map has its rows for good: a mean adds up in their order.
    pub fn fixed(&self, map: MapId) -> bool {
        self.of(map).summed
    }

    fn of(&self, map: MapId) -> &Class {
        &self.classes[self.class[map.0 as usize]]
    }

    /// Rows per group of each map: the fewest that any of the runs, which are all units, wants.
    pub fn rows(&self, network: &Network, units: &[Unit], cost: &CostModel, decisions: &Decisions) -> Vec<usize> {
        let mut of_class = vec![usize::MAX; self.classes.len()];
        let mut next = 0;
        for run in &decisions.runs {
            let streamed = run.units > 1;
            for &stage in units[next..].iter().take(run.units).flat_map(|unit| &unit.stages) {
                let class = self.class[network.stages[stage].output.0 as usize];
                of_class[class] = of_class[class].min(self.rows_of(class, cost, run.slack, streamed));
            }
            next = (next + run.units).min(units.len());
        }
        let rows = |(map, &class): (usize, &usize)| {
            let height = network.maps[map].height.max(1);
            let rows = match of_class[class] {
                usize::MAX => self.rows_of(class, cost, decisions.slack, false),
                rows => rows,
            };
            let as_modelled = self.classes[class].summed || self.classes[class].costs.is_empty();
            if as_modelled { rows } else { decisions.blocks.apply(rows.min(height), height) }
        };
        self.class.iter().enumerate().map(rows).collect()
    }

    fn rows_of(&self, class: usize, cost: &CostModel, slack: f64, streamed: bool) -> usize {
        let class = &self.classes[class];
        if class.summed {
            return match class.costs[..] {
                [] => cost.streaming_rows(class.height, class.row_bytes),
                _ => fewest(&class.costs, 0.0, usize::MAX),
            };
        }
        if class.costs.is_empty() {
            return if slack > 0.01 { 1 } else { cost.streaming_rows(class.height, class.row_bytes) };
        }
        fewest(&class.costs, slack, if streamed { class.most_streamed } else { usize::MAX })
    }
}

/// The fewest rows that cost at most `1 + slack` times the best of at most `most`.
fn fewest(costs: &[f64], slack: f64, most: usize) -> usize {
    let costs = &costs[..most.clamp(1, costs.len())];
    let best = costs.iter().copied().fold(f64::INFINITY, f64::min);
    costs.iter().position(|&cost| cost <= best * (1.0 + slack)).unwrap_or(0) + 1
}

/// What the cost of a pointwise stage depends on, the depthwise one that it alone reads included.
pub(super) fn shape(network: &Network, check: &Check, stage: &Stage) -> Option<Shape> {
    let Some(LinkOp::Pointwise) = LinkOp::of(&stage.kind) else { return None };
    let FeatureMap { height, width, channels, .. } = network.maps[stage.output.0 as usize];
    let input = stage.inputs[0];
    let taps = match check.writer(input).map(|writer| &network.stages[writer].kind) {
        Some(half) if check.readers(input) == 1 && LinkOp::of(half) == Some(LinkOp::Depthwise) => {
            half.profile().window.map_or(0, |window| window.kernel.iter().product())
        }
        _ => 0,
    };
    let from = &network.maps[input.0 as usize];
    Some(Shape { height, width, k: from.channels, n: channels, taps, bytes: element(from).bytes() })
}

/// Disjoint sets of maps.
struct Ties(Vec<usize>);

impl Ties {
    fn root(&mut self, mut map: usize) -> usize {
        while self.0[map] != map {
            self.0[map] = self.0[self.0[map]];
            map = self.0[map];
        }
        map
    }

    fn join(&mut self, a: MapId, b: MapId) {
        let (a, b) = (self.root(a.0 as usize), self.root(b.0 as usize));
        self.0[a.max(b)] = a.min(b);
    }
}
