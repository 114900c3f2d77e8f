//! Stages to kernels: what runs, in which blocks, on which buffers. Offsets are indices of buffers and sections here;
//! [`plan`](super::plan) replaces them once all are placed.

use super::arena::{ALIGN, Buffer, Overlap};
use super::check::{Check, clamp};
use super::cost::{Choice, CostModel, Shape};
use super::decisions::Decisions;
use super::display::{self, cycles, thousands};
use super::pack::Section;
use super::{Kernel, Map, Step, Target, padded_channels, stem_scratch_bytes};
use crate::diagnostic::{Error, Problem};
use crate::graph::{Activation, Window};
use crate::network::{Conv, Depthwise, MapId, Network, Piece, Pointwise, Stage, StageKind};

/// Steps with indices for offsets, and what the indices mean.
pub(super) struct Draft<'a> {
    pub steps: Vec<Step>,
    /// Modelled cycles of what the decisions differ in.
    pub cycles: f64,
    pub buffers: Vec<Buffer>,
    pub overlaps: Vec<Overlap>,
    pub sections: Vec<Section<'a>>,
}

/// Lowers a network that [`Check`] has accepted.
pub(super) fn lower<'a>(
    network: &'a Network,
    check: &Check,
    cost: &CostModel,
    decisions: Decisions,
) -> Result<Draft<'a>, Error> {
    let draft =
        Draft { steps: Vec::new(), cycles: 0.0, buffers: Vec::new(), overlaps: Vec::new(), sections: Vec::new() };
    let most = network.stages.iter().skip(decisions.depth).map(|stage| stage_bytes(network, stage)).max().unwrap_or(0);
    let maps = vec![None; network.maps.len()];
    let mut lowering = Lowering { network, check, cost, decisions, slack_from: most / 2, draft, maps };
    let streamed = if decisions.depth > 0 { decisions.depth + 1 } else { 0 };
    if streamed > 0 {
        lowering.stream(streamed).map_err(|problem| problem.at(check.node(0), check.op(0)))?;
    }
    for (index, stage) in network.stages.iter().enumerate().skip(streamed) {
        lowering.stage(index, stage).map_err(|problem| problem.at(check.node(index), check.op(index)))?;
    }
    lowering.export()?;
    let mut draft = lowering.draft;
    let last_step = draft.steps.len().saturating_sub(1);
    draft.overlaps.retain(|o| draft.buffers[o.input].last == draft.buffers[o.output].first);
    for buffer in &mut draft.buffers {
        buffer.last = buffer.last.min(last_step);
    }
    Ok(draft)
}

pub(super) struct Lowering<'a, 'c> {
    pub network: &'a Network,
    pub check: &'c Check,
    pub cost: &'c CostModel,
    pub decisions: Decisions,
    /// Blocks may be slower than the fastest in stages that read and write at least this many bytes.
    pub slack_from: u64,
    pub draft: Draft<'a>,
    pub maps: Vec<Option<Map>>,
}

impl<'a> Lowering<'a, '_> {
    fn stage(&mut self, index: usize, stage: &'a Stage) -> Result<(), Problem> {
        let (input, output) = (stage.inputs[0], stage.output);
        match &stage.kind {
            StageKind::Stem(conv) => {
                let map = self.row_map(output)?;
                let kernel = self.stem_kernel(conv, stage.epilogue.activation, map)?;
                self.push(
                    kernel,
                    index,
                    format!("reads the input where it lies, {} at a time", display::rows(map.group)),
                );
            }
            StageKind::Separable { depthwise, activation, pointwise } => {
                self.separable(index, depthwise, pointwise, [*activation, stage.epilogue.activation])?;
            }
            StageKind::Depthwise(depthwise) => {
                let rows = self.row_map_rows(output);
                self.depthwise(index, output, depthwise, rows, stage.note.clone())?;
            }
            StageKind::Pointwise(pointwise) => self.pointwise(index, input, pointwise, &stage.note)?,
            StageKind::Conv(conv) => {
                let input = self.read(input)?;
                let output = self.row_map(output)?;
                let section = Section::Conv { conv, channels: input.channels, layout: crate::network::Layout::Nhwc };
                let kernel = Kernel::Conv {
                    input,
                    window: conv.window,
                    weights: self.section(section),
                    clamp: clamp(stage.epilogue.activation)?,
                    output,
                };
                self.overlap(&input, &output, |q| first_row(&conv.window, q * output.group));
                self.push(kernel, index, stage.note.clone());
            }
            StageKind::GlobalAveragePool => {
                let input = self.read(input)?;
                let output = self.vector(output)?;
                self.push(Kernel::GlobalAveragePool { input, output }, index, "one pass over the map".into());
            }
            StageKind::Dense(dense) => {
                let map = self.read(input)?;
                let taps = map.height * map.width * map.channels;
                let clamp = clamp(stage.epilogue.activation)?;
                let (weights, bias) = (&dense.weights[..], &dense.bias[..]);
                if self.check.dense_as_conv(self.network, stage) {
                    let window =
                        Window { kernel: [map.height, map.width], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };
                    let weights = self.section(Section::Matrix { weights, bias, taps });
                    let output = self.new_map(output, 1)?;
                    let reason = "a convolution of the whole map, which skips its padding lanes";
                    self.push(Kernel::Conv { input: map, window, weights, clamp, output }, index, reason.into());
                } else {
                    let weights = self.section(Section::Dense { weights, bias, input: map });
                    let output = self.vector(output)?;
                    let kernel =
                        Kernel::Dense { input: map.offset, k: taps, n: dense.bias.len(), weights, clamp, output };
                    self.push(kernel, index, "weights in the order of the map's memory".into());
                }
            }
            StageKind::Softmax { log } => {
                let at = if self.check.at_output(output) {
                    Target::Output
                } else {
                    let map = self.read(input)?;
                    self.maps[output.0 as usize] = Some(map);
                    Target::Arena(map.offset)
                };
                let n = self.network.maps[output.0 as usize].channels;
                self.push(Kernel::Softmax { at, n, log: *log }, index, "in place".into());
            }
            StageKind::Import => {
                let output = self.row_map(output)?;
                self.push(Kernel::Import { input: self.check.source, output }, index, stage.note.clone());
            }
            kind => return Err(Problem::new(format!("{} stages can't be compiled yet", kind.name()))),
        }
        Ok(())
    }

    fn separable(
        &mut self,
        index: usize,
        depthwise: &'a Depthwise,
        pointwise: &'a Pointwise,
        activations: [Activation; 2],
    ) -> Result<(), Problem> {
        let stage = &self.network.stages[index];
        let out = self.network.maps[stage.output.0 as usize];
        let k = depthwise.bias.len();
        let shape = Shape::new(depthwise, &out);
        let (fixed, large) = (self.check.summed(stage.output), stage_bytes(self.network, stage) >= self.slack_from);
        let slack = if large && !fixed { self.decisions.slack } else { 0.0 };
        let fastest = self.cost.rows(&shape, slack, shape.height);
        let rows = if fixed { fastest } else { self.decisions.blocks.apply(fastest, shape.height) };
        let (fused, split) = (self.cost.fused(&shape, rows), self.cost.split(&shape, rows));
        let costs = format!("{} cycles fused, {} split", cycles(fused), cycles(split));
        let chosen = match self.decisions.separable {
            Choice::Auto => fused <= split,
            Choice::Always => true,
            Choice::Never => false,
        };
        self.draft.cycles += if chosen { fused } else { split };
        if !chosen {
            let middle = self.anonymous_map(out.height, out.width, k, rows)?;
            let reason = format!("split from its pointwise half: {costs}");
            self.depthwise_into(index, depthwise, activations[0], middle, reason.clone())?;
            let output = self.new_map(stage.output, rows)?;
            self.touch(&middle);
            self.matrix_step(index, middle, pointwise, output, reason)?;
            return Ok(());
        }
        let input = self.read(stage.inputs[0])?;
        let output = self.new_map(stage.output, rows)?;
        let scratch_bytes = bytes(rows, out.width, k)?;
        let scratch = self.buffer(scratch_bytes)?;
        let kernel = self.separable_kernel(depthwise, pointwise, activations, input, output, scratch)?;
        self.overlap(&input, &output, |q| first_row(&depthwise.window, (q + 1) * rows));
        let block = thousands(scratch_bytes as u64);
        self.push(kernel, index, format!("fused in blocks of {} ({block} B): {costs}", display::rows(rows)));
        Ok(())
    }

    pub fn stem_kernel(&mut self, conv: &'a Conv, activation: Activation, output: Map) -> Result<Kernel, Problem> {
        let source = self.check.source;
        let scratch = stem_scratch_bytes(source.channels, &conv.window, output.width).ok_or_else(too_large)?;
        Ok(Kernel::Stem {
            input: source,
            window: conv.window,
            weights: self.section(Section::Conv { conv, channels: source.channels, layout: source.layout }),
            pad_values: conv.pad_values.to_vec(),
            clamp: clamp(activation)?,
            output,
            scratch: self.buffer(scratch)?,
        })
    }

    pub fn separable_kernel(
        &mut self,
        depthwise: &'a Depthwise,
        pointwise: &'a Pointwise,
        activations: [Activation; 2],
        input: Map,
        output: Map,
        scratch: usize,
    ) -> Result<Kernel, Problem> {
        let taps = depthwise.window.kernel[0] * depthwise.window.kernel[1];
        let first = Section::Matrix { weights: &depthwise.weights, bias: &depthwise.bias, taps };
        let second = Section::Matrix { weights: &pointwise.weights, bias: &pointwise.bias, taps: input.channels };
        Ok(Kernel::Separable {
            input,
            window: depthwise.window,
            depthwise: self.section(first),
            depthwise_clamp: clamp(activations[0])?,
            pointwise: self.section(second),
            clamp: clamp(activations[1])?,
            output,
            scratch,
        })
    }

    fn depthwise(
        &mut self,
        index: usize,
        output: MapId,
        depthwise: &'a Depthwise,
        rows: usize,
        reason: String,
    ) -> Result<(), Problem> {
        let output = self.new_map(output, rows)?;
        self.depthwise_into(index, depthwise, self.network.stages[index].epilogue.activation, output, reason)
    }

    fn depthwise_into(
        &mut self,
        index: usize,
        depthwise: &'a Depthwise,
        activation: Activation,
        output: Map,
        reason: String,
    ) -> Result<(), Problem> {
        let input = self.read(self.network.stages[index].inputs[0])?;
        let taps = depthwise.window.kernel[0] * depthwise.window.kernel[1];
        let section = Section::Matrix { weights: &depthwise.weights, bias: &depthwise.bias, taps };
        let kernel = Kernel::Depthwise {
            input,
            window: depthwise.window,
            weights: self.section(section),
            clamp: clamp(activation)?,
            output,
        };
        self.overlap(&input, &output, |q| first_row(&depthwise.window, q * output.group));
        self.push(kernel, index, reason);
        Ok(())
    }

    fn pointwise(&mut self, index: usize, input: MapId, pointwise: &'a Pointwise, note: &str) -> Result<(), Problem> {
        let stage = &self.network.stages[index];
        let input = self.read(input)?;
        if self.check.pointwise_as_dense(self.network, stage) {
            let (weights, bias) = (&pointwise.weights[..], &pointwise.bias[..]);
            let section = Section::Matrix { weights, bias, taps: input.channels };
            let kernel = Kernel::Dense {
                input: input.offset,
                k: input.channels,
                n: bias.len(),
                weights: self.section(section),
                clamp: clamp(stage.epilogue.activation)?,
                output: self.vector(stage.output)?,
            };
            self.push(kernel, index, "a pointwise convolution of one pixel is a dense layer".into());
            return Ok(());
        }
        let output = self.new_map(stage.output, input.group)?;
        self.matrix_step(index, input, pointwise, output, note.into())
    }

    fn matrix_step(
        &mut self,
        index: usize,
        input: Map,
        pointwise: &'a Pointwise,
        output: Map,
        reason: String,
    ) -> Result<(), Problem> {
        let section = Section::Matrix { weights: &pointwise.weights, bias: &pointwise.bias, taps: input.channels };
        let clamp = clamp(self.network.stages[index].epilogue.activation)?;
        let kernel = Kernel::Pointwise { input, weights: self.section(section), clamp, output };
        self.overlap(&input, &output, |q| q * output.group);
        self.push(kernel, index, reason);
        Ok(())
    }

    /// Writes the output out where no stage did.
    fn export(&mut self) -> Result<(), Problem> {
        let Some(&Piece { map: output, layout, .. }) = self.network.outputs.first().and_then(|o| o.pieces.first())
        else {
            return Ok(());
        };
        if !self.check.at_output(output) {
            let last = self.network.stages.len().saturating_sub(1);
            let kernel = Kernel::Export { input: self.read(output)?, layout };
            self.push(kernel, last, "the last stage works in the arena".into());
        }
        Ok(())
    }

    pub fn push(&mut self, kernel: Kernel, stage: usize, reason: String) {
        self.draft.steps.push(Step { kernel, stage, reason });
    }

    fn section(&mut self, section: Section<'a>) -> usize {
        self.draft.sections.push(section);
        self.draft.sections.len() - 1
    }

    /// A buffer that holds something from the step now being made on.
    pub fn buffer(&mut self, bytes: usize) -> Result<usize, Problem> {
        let bytes = bytes.checked_next_multiple_of(ALIGN).filter(|&b| b <= i32::MAX as usize).ok_or_else(too_large)?;
        let step = self.draft.steps.len();
        self.draft.buffers.push(Buffer { bytes: bytes.max(ALIGN), first: step, last: step });
        Ok(self.draft.buffers.len() - 1)
    }

    fn anonymous_map(&mut self, height: usize, width: usize, channels: usize, group: usize) -> Result<Map, Problem> {
        let offset = self.buffer(bytes(height, width, channels)?)?;
        let group = group.clamp(1, height);
        Ok(Map { offset, height, width, channels, group, ring: height.div_ceil(group) })
    }

    pub fn new_map(&mut self, id: MapId, group: usize) -> Result<Map, Problem> {
        let feature = self.network.maps[id.0 as usize];
        let map = self.anonymous_map(feature.height, feature.width, feature.channels, group)?;
        self.maps[id.0 as usize] = Some(map);
        Ok(map)
    }

    /// A map written a few rows at a time by a kernel without a block.
    fn row_map(&mut self, id: MapId) -> Result<Map, Problem> {
        self.new_map(id, self.row_map_rows(id))
    }

    pub fn row_map_rows(&self, id: MapId) -> usize {
        let map = self.network.maps[id.0 as usize];
        let row = map.width.saturating_mul(padded_channels(map.channels)).saturating_mul(4);
        self.cost.streaming_rows(map.height, row)
    }

    /// A vector, in the caller's output where it can be.
    fn vector(&mut self, id: MapId) -> Result<Target, Problem> {
        if self.check.at_output(id) {
            return Ok(Target::Output);
        }
        Ok(Target::Arena(self.new_map(id, 1)?.offset))
    }

    fn read(&mut self, id: MapId) -> Result<Map, Problem> {
        let map =
            self.maps[id.0 as usize].ok_or_else(|| Problem::new("the stage reads a map that is not in memory"))?;
        self.touch(&map);
        Ok(map)
    }

    fn touch(&mut self, map: &Map) {
        self.draft.buffers[map.offset].last = self.draft.steps.len();
        self.draft.cycles += self.cost.spill(map.bytes());
    }

    /// Lets `output` begin below `input` by as little as the order of rows allows: once block `q` is being written, input
    /// rows below `still_needed(q)` are dead.
    fn overlap(&mut self, input: &Map, output: &Map, still_needed: impl Fn(usize) -> usize) {
        let row_in = input.width * padded_channels(input.channels) * 4;
        let row_out = output.width * padded_channels(output.channels) * 4;
        let mut lead = -((input.height * row_in + output.height * row_out) as isize);
        for q in 0..output.height.div_ceil(output.group) {
            let row = still_needed(q);
            if row < input.height {
                let written = ((q + 1) * output.group).min(output.height) * row_out;
                let live = row / input.group * input.group * row_in;
                lead = lead.max(written as isize - live as isize);
            }
        }
        self.draft.overlaps.push(Overlap { input: input.offset, output: output.offset, lead });
    }
}

/// Bytes of the maps that a stage reads and writes.
pub(super) fn stage_bytes(network: &Network, stage: &Stage) -> u64 {
    let maps = stage.inputs.iter().chain([&stage.output]).map(|map| network.maps[map.0 as usize]);
    maps.map(|map| (map.height as u64).saturating_mul(map.width as u64).saturating_mul(map.channels as u64 * 4))
        .fold(0, u64::saturating_add)
}

/// First input row under the window of an output row.
pub(super) fn first_row(window: &Window, row: usize) -> usize {
    row.saturating_mul(window.stride[0]).saturating_sub(window.pads[0] as usize)
}

pub(super) fn bytes(height: usize, width: usize, channels: usize) -> Result<usize, Problem> {
    let row = width.checked_mul(padded_channels(channels)).and_then(|n| n.checked_mul(4));
    row.and_then(|n| n.checked_mul(height)).ok_or_else(too_large)
}

fn too_large() -> Problem {
    Problem::new("the stage needs a buffer of more than 2 GiB").hint("compile for a smaller input resolution")
}
