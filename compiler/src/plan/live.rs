//! What lies in the arena while each step runs, by name.

use super::{Link, Map, Op, Plan, Target, padded_channels};
use std::collections::BTreeMap;
use std::ops::Range;

/// The step that needs the most, and what is in the arena while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peak {
    /// Index in [`Plan::steps`].
    pub step: usize,
    /// Bytes that hold something; where an output lies over its input, these count once.
    pub bytes: usize,
    /// What it is, from the bottom of the arena up.
    pub parts: Vec<Part>,
}

/// Bytes of the arena that hold something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The ONNX node that computes it, and what it is.
    pub name: String,
    /// Where.
    pub range: Range<usize>,
}

struct Buffer {
    part: Part,
    first: usize,
    last: usize,
}

#[derive(Default)]
struct Buffers {
    all: Vec<Buffer>,
    /// What was written last at an offset.
    at: BTreeMap<usize, usize>,
}

impl Buffers {
    fn write(&mut self, step: usize, name: String, range: Range<usize>) {
        self.at.insert(range.start, self.all.len());
        self.all.push(Buffer { part: Part { name, range }, first: step, last: step });
    }

    fn read(&mut self, step: usize, offset: usize) {
        if let Some(&buffer) = self.at.get(&offset) {
            self.all[buffer].last = step;
        }
    }
}

impl Plan {
    /// The step that needs the most of the arena.
    pub fn peak(&self) -> Peak {
        let mut buffers = Buffers::default();
        for step in 0..self.steps.len() {
            self.visit(step, &mut buffers);
        }
        let live = |step: usize| -> Vec<Part> {
            let alive = buffers.all.iter().filter(|buffer| buffer.first <= step && step <= buffer.last);
            let by_range: BTreeMap<(usize, usize), &Part> =
                alive.map(|buffer| ((buffer.part.range.start, buffer.part.range.end), &buffer.part)).collect();
            by_range.into_values().cloned().collect()
        };
        let peak = |step: usize| Peak { step, bytes: covered(&live(step)), parts: live(step) };
        let most = (0..self.steps.len()).map(peak).max_by_key(|peak| (peak.bytes, std::cmp::Reverse(peak.step)));
        most.unwrap_or(Peak { step: 0, bytes: 0, parts: Vec::new() })
    }

    /// The ONNX node behind a stage, or what kind of stage it is.
    pub fn stage_name(&self, stage: usize) -> &str {
        let Some(stage) = self.network.stages.get(stage) else { return "" };
        stage.origin.last().map_or(stage.kind.name(), String::as_str)
    }

    fn visit(&self, index: usize, buffers: &mut Buffers) {
        let step = &self.steps[index];
        let name = |stage: usize, what: &str| format!("{what} of {}", self.stage_name(stage));
        let links = step.op.links();
        for link in links {
            let Link { epilogue, output, stage, .. } = link;
            epilogue.add.iter().for_each(|map| buffers.read(index, map.offset));
            epilogue.gate.iter().for_each(|&gate| buffers.read(index, gate));
            if let Some(range) = link.scratch() {
                buffers.write(index, "staging rows of the model's input".into(), range);
            }
            if let Some(input) = &link.input {
                buffers.read(index, input.offset);
            }
            if !matches!(link.target(), Some(Target::Output { .. })) {
                buffers.write(index, name(*stage, &described(output)), output.range());
            }
        }
        if !links.is_empty() {
            return;
        }
        if let Op::Dense { input, .. } | Op::ArgMax { input, .. } | Op::Halve { input, .. } = step.op {
            buffers.read(index, input);
        }
        step.op.input().into_iter().for_each(|map| buffers.read(index, map.offset));
        if let Some(map) = step.op.output() {
            match (&step.op, buffers.at.get(&map.offset)) {
                (Op::Copy { channel: 1.., .. }, Some(_)) => buffers.read(index, map.offset),
                _ => buffers.write(index, name(step.stage, &described(map)), map.range()),
            }
        }
        if let Some(Target::Arena(offset)) = step.op.target() {
            let vector = |n: usize| offset..offset + padded_channels(n) * size_of::<f32>();
            match &step.op {
                Op::Dense { n, .. } => buffers.write(index, name(step.stage, "vector"), vector(*n)),
                Op::Export { input, .. } => {
                    buffers.write(index, name(step.stage, "array"), vector(input.shape().iter().product()));
                }
                _ => buffers.read(index, offset),
            }
        }
    }
}

fn described(map: &Map) -> String {
    let Map { height, width, channels, group, ring, .. } = *map;
    let shape = format!("{height}x{width}x{channels}");
    match ring * group {
        _ if map.is_whole() => shape,
        1 => format!("a row of {shape}"),
        rows => format!("{rows} rows of {shape}"),
    }
}

/// Bytes in at least one of the ranges, which are in order of their starts.
fn covered(parts: &[Part]) -> usize {
    let (mut end, mut bytes) = (0, 0);
    for Part { range, .. } in parts {
        bytes += range.end.saturating_sub(range.start.max(end));
        end = end.max(range.end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::{every_network, mobilenet_v1, on_codes};
    use crate::plan::{CostModel, plan};

    /// Nothing lies outside of the arena, and the largest of a small network is what its shapes say.
    #[test]
    fn the_peak_is_inside_the_arena() {
        for (seed, network) in every_network().into_iter().enumerate() {
            for network in [on_codes(&network, seed as u64), network] {
                let plan = plan(network, &CostModel::microcontroller()).unwrap();
                let peak = plan.peak();
                assert!(peak.bytes <= plan.arena_bytes && peak.bytes > plan.arena_bytes / 4, "{peak:#?}\n{plan}");
                assert!(peak.parts.iter().all(|part| part.range.end <= plan.arena_bytes), "{peak:#?}\n{plan}");
            }
        }
    }

    #[test]
    fn parts_are_named_by_node_and_rows() {
        let plan = plan(mobilenet_v1(0.25, 96, 10), &CostModel::microcontroller()).unwrap();
        let peak = plan.peak();
        assert!(
            peak.parts.iter().any(|part| part.name.contains("rows of") && part.name.contains(" of node")),
            "{peak:#?}"
        );
    }
}
