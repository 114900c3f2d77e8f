//! Stages to steps: what runs, in which blocks, on which buffers. Offsets are indices of buffers and sections here;
//! [`plan`](super::plan) replaces them once all are placed.

use super::arena::{ALIGN, Buffer, Overlap};
use super::check::{Check, known};
use super::cost::CostModel;
use super::decisions::{Decisions, Run};
use super::groups::{Groups, whole};
use super::integers::{self, Packed};
use super::pack::Section;
use super::units::{self, Unit};
use super::{Choice, Epilogue, Link, LinkOp, Map, Op, Source, Step, Target, UNIT};
use crate::diagnostic::{Error, Problem};
use crate::graph::Activation;
use crate::network::integer::{Integer, IntegerKind};
use crate::network::{self, Dense, MapId, Network, Stage, StageKind};
use std::ops::Range;

/// Steps with indices for offsets, and what the indices mean.
pub(super) struct Draft<'a> {
    pub steps: Vec<Step>,
    /// Modelled cycles of what the decisions differ in.
    pub cycles: f64,
    pub buffers: Vec<Buffer>,
    pub overlaps: Vec<Overlap>,
    pub sections: Vec<Section<'a>>,
}

/// What all drafts of a network share.
pub(super) struct Shared<'a, 'c> {
    pub network: &'a Network,
    pub check: &'c Check,
    pub cost: &'c CostModel,
    pub groups: Groups,
    /// Layers on codes.
    pub packed: Vec<Option<Packed>>,
    /// Units with separables fused, and without.
    units: [Vec<Unit>; 2],
}

impl<'a, 'c> Shared<'a, 'c> {
    /// With rows per block as they are at the standard resolution, if there is one for the network.
    pub fn new(
        network: &'a Network,
        check: &'c Check,
        cost: &'c CostModel,
        standard: Option<&(Network, Check)>,
    ) -> Result<Self, Problem> {
        let packed = integers::pack(network, cost.packing)?;
        let groups = match standard {
            Some((network, check)) => Groups::new(network, check, cost),
            None => Groups::new(network, check, cost),
        };
        Ok(Self { network, check, cost, groups, packed, units: units_of(network, check) })
    }

    /// The same at the standard resolution.
    pub fn at_standard<'n>(&self, (network, check): &'n (Network, Check)) -> Shared<'n, 'n>
    where
        'c: 'n,
    {
        let groups = Groups::new(network, check, self.cost);
        let (cost, packed) = (self.cost, self.packed.clone());
        Shared { network, check, cost, groups, packed, units: units_of(network, check) }
    }

    /// Units as decided.
    pub fn units(&self, decisions: &Decisions) -> &[Unit] {
        &self.units[usize::from(decisions.separable == Choice::Never)]
    }
}

fn units_of(network: &Network, check: &Check) -> [Vec<Unit>; 2] {
    [Choice::Always, Choice::Never].map(|fuse| units::form(network, check, fuse))
}

/// Lowers a network that [`Check`] has accepted.
pub(super) fn lower<'a>(shared: &Shared<'a, '_>, decisions: &Decisions) -> Result<Draft<'a>, Error> {
    let Shared { network, cost, .. } = *shared;
    let units = shared.units(decisions);
    let mut lowering = Lowering::new(shared, units, shared.groups.rows(network, units, cost, decisions));
    let mut first = 0;
    let alone = Run { units: 1, slack: decisions.slack };
    for run in decisions.runs.iter().copied().chain(std::iter::repeat(alone)) {
        if first >= units.len() {
            break;
        }
        let end = (first + run.units).min(units.len());
        lowering.units(units, first..end)?;
        first = end;
    }
    lowering.finish()?;
    let mut draft = lowering.draft;
    let last_step = draft.steps.len().saturating_sub(1);
    draft.overlaps.retain(|o| draft.buffers[o.input].last == draft.buffers[o.output].first);
    for buffer in &mut draft.buffers {
        buffer.last = buffer.last.min(last_step);
    }
    Ok(draft)
}

pub(super) struct Lowering<'a, 's> {
    pub shared: &'s Shared<'a, 's>,
    /// Rows per group of each map.
    pub rows: Vec<usize>,
    /// The last unit that reads each map.
    pub last_reader: Vec<usize>,
    /// The unit that is being lowered.
    pub unit: usize,
    pub draft: Draft<'a>,
    pub maps: Vec<Option<Map>>,
    /// Buffers of outputs that are put together in the arena.
    pub arrays: Vec<Option<usize>>,
}

impl<'a, 's> Lowering<'a, 's> {
    pub fn new(shared: &'s Shared<'a, 's>, units: &[Unit], rows: Vec<usize>) -> Self {
        let network = shared.network;
        let draft =
            Draft { steps: Vec::new(), cycles: 0.0, buffers: Vec::new(), overlaps: Vec::new(), sections: Vec::new() };
        let mut last_reader = vec![0; network.maps.len()];
        for (index, unit) in units.iter().enumerate() {
            for map in unit.stages.iter().flat_map(|&stage| &network.stages[stage].inputs) {
                last_reader[map.0 as usize] = index;
            }
        }
        let maps = vec![None; network.maps.len()];
        let arrays = vec![None; network.outputs.len()];
        Self { shared, rows, last_reader, unit: 0, draft, maps, arrays }
    }

    /// Units that run as one chain, or one alone.
    pub fn units(&mut self, units: &[Unit], which: Range<usize>) -> Result<(), Problem> {
        let check = self.shared.check;
        self.unit = which.end - 1;
        let (result, at) = match &units[which] {
            [unit] => (self.run(unit), unit.last()),
            stream => (self.stream(stream), stream[0].first()),
        };
        result.map_err(|problem| problem.at(check.node(at), check.op(at)))
    }

    fn run(&mut self, unit: &Unit) -> Result<(), Problem> {
        let index = unit.first();
        let network = self.shared.network;
        let stage = &network.stages[index];
        let (input, output) = (stage.inputs[0], stage.output);
        match &stage.kind {
            StageKind::Dense(dense) => self.dense(index, dense)?,
            StageKind::Pointwise(pointwise) if self.shared.check.pointwise_as_dense(network, stage) => {
                let map = self.read(input)?;
                let (weights, bias) = (&pointwise.weights[..], &pointwise.bias[..]);
                let weights = self.section(Section::Matrix { weights, bias, taps: map.channels });
                let epilogue = self.epilogue(&stage.epilogue)?;
                let (output, _) = self.vector(output)?;
                let dense = Op::Dense { input: map.offset, k: map.channels, n: bias.len(), weights, epilogue, output };
                self.push(dense, index, "a pointwise convolution of one pixel is a dense layer".into());
            }
            StageKind::GlobalAveragePool => {
                let map = self.read(input)?;
                let plain = stage.epilogue == network::Epilogue::NONE;
                let (to, output) = if plain { self.vector(output)? } else { self.vector_in_arena(output)? };
                let op = LinkOp::Mean { to };
                let mean = self.link(index, Some(map), output)?;
                self.push_chain(vec![Link { op, ..mean }], "one pass over the map".into());
                if !plain {
                    self.rest_of_epilogue(index, output)?;
                }
            }
            StageKind::Softmax { log } => {
                let (at, n) = self.in_place(stage)?;
                self.push(Op::Softmax { at, outer: 1, n, inner: 1, log: *log }, index, "in place".into());
            }
            StageKind::LpNormalize { p, epsilon } => {
                let (at, n) = self.in_place(stage)?;
                let (p, epsilon) = (*p, *epsilon);
                self.push(
                    Op::LpNormalize { at, outer: 1, n, inner: 1, p: p.into(), epsilon },
                    index,
                    "in place".into(),
                );
            }
            StageKind::Integer(Integer { kind: IntegerKind::GlobalAveragePool, .. }) => {
                let map = self.read(input)?;
                let output = self.new_map(output)?;
                let mean = self.link(index, Some(map), output)?;
                let op = LinkOp::Mean { to: Target::Arena(output.offset) };
                self.push_chain(vec![Link { op, ..mean }], "one pass over the map".into());
            }
            StageKind::Import => {
                let codes = integers::stored_in(&network.maps[output.0 as usize]);
                let output = self.new_map(output)?;
                let source = Source::Image(self.shared.check.source);
                self.push(Op::Import { source, output, codes }, index, stage.note.clone());
            }
            StageKind::Quantise | StageKind::Dequantise => {
                let of = [input, output].map(|map| integers::stored_in(&network.maps[map.0 as usize]));
                let Some(codes) = of[0].or(of[1]) else { return Err(Problem::new("codes without a scale")) };
                let input = self.read(input)?;
                let output = self.new_map(output)?;
                self.push(Op::Convert { input, output, codes }, index, stage.note.clone());
            }
            StageKind::Concat | StageKind::Integer(Integer { kind: IntegerKind::Concat, .. }) => {
                let output = self.new_map(output)?;
                let mut channel = 0;
                for &operand in &stage.inputs {
                    let input = self.read(operand)?;
                    self.touch(&output);
                    self.push(Op::Copy { input, output, channel }, index, "an operand of a concatenation".into());
                    channel += input.channels;
                }
            }
            _ => self.chain(unit)?,
        }
        self.export(network.stages[unit.last()].output)
    }

    fn dense(&mut self, index: usize, dense: &'a Dense) -> Result<(), Problem> {
        let network = self.shared.network;
        let stage = &network.stages[index];
        let map = self.read(stage.inputs[0])?;
        let taps = map.height * map.width * map.channels;
        let (weights, bias) = (&dense.weights[..], &dense.bias[..]);
        if self.shared.check.dense_as_conv(network, stage) {
            let added = stage.epilogue.add.map(|map| self.read(map)).transpose()?;
            let output = self.new_map(stage.output)?;
            let mut conv = self.link(index, Some(map), output)?;
            conv.epilogue.add = added;
            self.push_chain(vec![conv], "a convolution of the whole map, which skips its padding lanes".into());
            return Ok(());
        }
        let weights = self.section(Section::Dense { weights, bias, input: map });
        let reason = "weights in the order of the map's memory".to_string();
        let n = bias.len();
        if stage.epilogue.add.is_some() {
            let (to, output) = self.vector_in_arena(stage.output)?;
            let epilogue = Epilogue::activation(Activation::NONE);
            self.push(Op::Dense { input: map.offset, k: taps, n, weights, epilogue, output: to }, index, reason);
            return self.rest_of_epilogue(index, output);
        }
        let epilogue = self.epilogue(&stage.epilogue)?;
        let (output, _) = self.vector(stage.output)?;
        self.push(Op::Dense { input: map.offset, k: taps, n, weights, epilogue, output }, index, reason);
        Ok(())
    }

    /// What a step that has no epilogue leaves to do, over its result.
    fn rest_of_epilogue(&mut self, index: usize, result: Map) -> Result<(), Problem> {
        let stage = &self.shared.network.stages[index];
        let mut epilogue = self.epilogue(&stage.epilogue)?;
        epilogue.add = stage.epilogue.add.map(|map| self.read(map)).transpose()?;
        self.touch(&result);
        let output = self.new_map(stage.output)?;
        let (op, window, input, reason) = (LinkOp::Elementwise, UNIT, Some(result), String::new());
        let (weights, codes) = (None, None);
        let link = Link { op, input, window, weights, epilogue, codes, output, stage: index, reason };
        self.push_chain(vec![link], "what follows the sums".into());
        Ok(())
    }

    /// A vector that is overwritten: that of the only reader, else a copy.
    fn in_place(&mut self, stage: &Stage) -> Result<(Target, usize), Problem> {
        let network = self.shared.network;
        let n = network.maps[stage.output.0 as usize].channels;
        if let Some(target) = self.shared.check.at_output(stage.output) {
            return Ok((target, n));
        }
        let input = self.read(stage.inputs[0])?;
        let shared_vector =
            self.shared.check.readers(stage.inputs[0]) > 1 || self.shared.check.is_output(stage.inputs[0]);
        let map = if shared_vector {
            let copy = self.new_map(stage.output)?;
            let index = network.stages.iter().position(|other| std::ptr::eq(other, stage)).unwrap_or_default();
            self.push(Op::Copy { input, output: copy, channel: 0 }, index, "the vector is read elsewhere, too".into());
            self.touch(&copy);
            copy
        } else {
            self.maps[stage.output.0 as usize] = Some(input);
            input
        };
        Ok((Target::Arena(map.offset), n))
    }

    /// A stage's epilogue without its residual and its gate.
    pub fn epilogue(&mut self, of: &'a network::Epilogue) -> Result<Epilogue, Problem> {
        let slopes = of.slopes.as_ref().map(|slopes| self.section(Section::Vectors(vec![slopes])));
        let affine = of.affine.as_ref();
        let affine = affine.map(|affine| self.section(Section::Vectors(vec![&affine.scale, &affine.offset])));
        Ok(Epilogue { gate: None, add: None, activation: known(of.activation)?, slopes, affine })
    }

    pub fn push(&mut self, op: Op, stage: usize, reason: String) {
        self.draft.steps.push(Step { op, stage, reason });
    }

    pub fn section(&mut self, section: Section<'a>) -> usize {
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

    /// A map as it will lie in memory, not yet anywhere.
    pub fn shape_of(&self, id: MapId) -> Map {
        whole(&self.shared.network.maps[id.0 as usize], self.rows[id.0 as usize])
    }

    pub fn new_map(&mut self, id: MapId) -> Result<Map, Problem> {
        let shape = self.shape_of(id);
        let map = Map { offset: self.buffer(shape.bytes())?, ..shape };
        self.maps[id.0 as usize] = Some(map);
        Ok(map)
    }

    /// A vector, in the caller's output where it can be, and the map of one pixel that stands for it.
    pub fn vector(&mut self, id: MapId) -> Result<(Target, Map), Problem> {
        match self.shared.check.at_output(id) {
            Some(target) => Ok((target, self.shape_of(id))),
            None => self.vector_in_arena(id),
        }
    }

    fn vector_in_arena(&mut self, id: MapId) -> Result<(Target, Map), Problem> {
        let map = self.new_map(id)?;
        Ok((Target::Arena(map.offset), map))
    }

    pub fn read(&mut self, id: MapId) -> Result<Map, Problem> {
        let map =
            self.maps[id.0 as usize].ok_or_else(|| Problem::new("the stage reads a map that is not in memory"))?;
        self.touch(&map);
        Ok(map)
    }

    pub fn touch(&mut self, map: &Map) {
        self.draft.buffers[map.offset].last = self.draft.steps.len();
        self.draft.cycles += self.shared.cost.spill(map.bytes());
    }
}

pub(super) fn too_large() -> Problem {
    Problem::new("the stage needs a buffer of more than 2 GiB").hint("compile for a smaller input resolution")
}
