//! The arena over time: which bytes hold what during which steps.

use crate::network::Network;
use crate::plan::{Element, Link, Map, Op, Plan, Target, padded_channels};
use std::collections::BTreeMap;
use std::ops::Range;

/// What lies in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// A feature map, whole.
    Map,
    /// A map that exists only inside its step, mostly the last of its rows; links may take turns in one buffer.
    Rows,
    /// A vector, or the array of an output.
    Vector,
    /// Rows of the model's input with their borders, beside the first convolution.
    Staging,
}

impl Holds {
    /// In order of the legend.
    pub const ALL: [Self; 4] = [Self::Map, Self::Rows, Self::Vector, Self::Staging];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Rows => "rows",
            Self::Vector => "vector",
            Self::Staging => "staging",
        }
    }
}

/// Bytes of the arena that hold something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// What.
    pub holds: Holds,
    /// Bytes of the arena.
    pub bytes: Range<usize>,
    /// First and last step, both inclusive, indices in [`Plan::steps`].
    pub steps: [usize; 2],
    /// The stages that write it, indices in [`Network::stages`].
    pub stages: Vec<usize>,
    /// What it holds, in words: shapes, or what it is for.
    pub shape: String,
    /// The first ONNX node of each stage; what a stage is, where no node became it.
    pub nodes: Vec<String>,
}

impl Buffer {
    /// The steps in words: `3`, or `3 to 5`.
    pub fn steps_text(&self) -> String {
        let [first, last] = self.steps;
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    }
}

/// All buffers, in the order in which they are first written.
pub fn buffers(plan: &Plan) -> Vec<Buffer> {
    let mut arena = Arena { network: &plan.network, step: 0, buffers: Vec::new(), live: BTreeMap::new() };
    for (index, step) in plan.steps.iter().enumerate() {
        arena.step = index;
        match &step.op {
            Op::Chain(chain) => arena.chain(&chain.links),
            Op::Dense { input, k, n, output, .. } => {
                arena.read(*input..input + k * 4);
                arena.vector(*output, *n, step.stage);
            }
            Op::Copy { input, output, .. } | Op::Convert { input, output, .. } => {
                arena.read(input.range());
                arena.map(output, step.stage);
            }
            Op::Import { output, .. } => arena.map(output, step.stage),
            Op::Activate { at, n, .. } => arena.touch(*at, *n),
            Op::Softmax { at, outer, n, inner, .. } | Op::LpNormalize { at, outer, n, inner, .. } => {
                arena.touch(*at, outer * n * inner);
            }
            Op::ArgMax { input, outer, n, inner, .. } => arena.read(*input..input + outer * n * inner * 4),
            Op::Halve { input, n, .. } => arena.read(*input..input + n * 4),
            Op::Export { input, output, .. } => {
                arena.read(input.range());
                arena.vector(*output, input.height * input.width * input.channels, step.stage);
            }
        }
    }
    arena.buffers
}

struct Arena<'a> {
    network: &'a Network,
    step: usize,
    buffers: Vec<Buffer>,
    /// By their first byte, those that nothing has been written over.
    live: BTreeMap<usize, usize>,
}

impl Arena<'_> {
    /// What a chain reads is there before it writes; links read each other's rows within the step.
    fn chain(&mut self, links: &[Link]) {
        for (at, link) in links.iter().enumerate() {
            link.input.iter().filter(|_| at == 0).chain(&link.epilogue.add).for_each(|map| self.read(map.range()));
            let gate = link.epilogue.gate.map(|gate| gate..gate + padded_channels(link.output.channels) * 4);
            gate.into_iter().for_each(|gate| self.read(gate));
        }
        for (at, link) in links.iter().enumerate() {
            let last = at + 1 == links.len();
            if let Some(scratch) = link.scratch() {
                self.write(Holds::Staging, scratch, link.stage, "rows of the input with their borders".into());
            }
            match link.target() {
                Some(Target::Output { .. }) => {}
                Some(Target::Arena(offset)) => {
                    let map = Map { offset, ..link.output };
                    self.write(Holds::Vector, map.range(), link.stage, shape(&map));
                }
                None if last => self.map(&link.output, link.stage),
                None => {
                    let output = &link.output;
                    let shape = match output.is_whole() {
                        true => shape(output),
                        false => format!("{} of the rows of {}", output.group * output.ring, shape(output)),
                    };
                    self.write(Holds::Rows, output.range(), link.stage, shape);
                }
            }
        }
    }

    fn map(&mut self, map: &Map, stage: usize) {
        let one = map.height == 1 && map.width == 1;
        self.write(if one { Holds::Vector } else { Holds::Map }, map.range(), stage, shape(map));
    }

    fn vector(&mut self, target: Target, n: usize, stage: usize) {
        if let Some(start) = target.arena() {
            let bytes = start..start + padded_channels(n) * Element::F32.bytes();
            self.write(Holds::Vector, bytes, stage, format!("{n} values"));
        }
    }

    /// What is worked on in place.
    fn touch(&mut self, at: Target, n: usize) {
        at.arena().into_iter().for_each(|start| self.read(start..start + n * Element::F32.bytes()));
    }

    fn read(&mut self, bytes: Range<usize>) {
        for (_, &index) in self.live.range(..bytes.end) {
            let buffer = &mut self.buffers[index];
            if buffer.bytes.end > bytes.start {
                buffer.steps[1] = self.step;
            }
        }
    }

    fn node(&self, stage: usize) -> String {
        let Some(stage) = self.network.stages.get(stage) else { return String::new() };
        stage.origin.first().cloned().unwrap_or_else(|| stage.kind.profile().words.to_owned())
    }

    fn write(&mut self, holds: Holds, bytes: Range<usize>, stage: usize, shape: String) {
        let node = self.node(stage);
        let same = self.live.get(&bytes.start).copied();
        if let Some(before) = same.map(|index| &mut self.buffers[index])
            && before.holds == holds
            // Blocks in which links of one step take turns; a map that is put together of several.
            && (before.steps[0] == self.step && holds == Holds::Rows || before.stages == [stage])
        {
            before.bytes.end = before.bytes.end.max(bytes.end);
            before.steps[1] = self.step;
            if before.stages != [stage] {
                before.stages.push(stage);
                before.nodes.push(node);
                before.shape = format!("{}, then {shape}", before.shape);
            }
            return;
        }
        self.live.retain(|_, index| {
            let other = &self.buffers[*index].bytes;
            other.end <= bytes.start || bytes.end <= other.start
        });
        self.live.insert(bytes.start, self.buffers.len());
        self.buffers.push(Buffer {
            holds,
            bytes,
            steps: [self.step; 2],
            stages: vec![stage],
            shape,
            nodes: vec![node],
        });
    }
}

fn shape(map: &Map) -> String {
    let codes = if map.element == Element::F32 { "" } else { " codes" };
    format!("{}x{}x{}{codes}", map.height, map.width, map.channels)
}
