//! What can be read off a plan: sizes, rows, mult-adds, the memory each step touches. What a kind of step or link reads and
//! writes is stated here once.

use super::{
    Chain, Element, Epilogue, ImageSource, Link, LinkOp, Map, Op, Plan, Reads, Source, Step, Target, padded_channels,
};
use crate::graph::{self, Activation, DType, Window};
use crate::network::Output;
use std::ops::Range;

impl Element {
    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::U8 | Self::I8 => 1,
        }
    }

    /// The element type of a tensor, if maps can hold it.
    pub fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::F32 => Some(Self::F32),
            DType::U8 => Some(Self::U8),
            DType::I8 => Some(Self::I8),
            DType::F16 => Some(Self::F16),
            _ => None,
        }
    }

    /// The Rust type.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::F16 => "f16",
        }
    }
}

impl Map {
    /// Bytes of one row, padding lanes included; `usize::MAX` where that overflows.
    pub fn row_bytes(&self) -> usize {
        self.width.saturating_mul(padded_channels(self.channels)).saturating_mul(self.element.bytes())
    }

    /// Bytes of one full group.
    pub fn group_bytes(&self) -> usize {
        self.group.saturating_mul(self.row_bytes())
    }

    /// Bytes the map holds in the arena: all its rows, or its ring.
    pub fn bytes(&self) -> usize {
        if self.is_whole() {
            self.height.saturating_mul(self.row_bytes())
        } else {
            self.ring.saturating_mul(self.group_bytes())
        }
    }

    /// Whether all rows have a place of their own.
    pub fn is_whole(&self) -> bool {
        self.ring >= self.groups()
    }

    /// Groups of rows, the last perhaps shorter.
    pub fn groups(&self) -> usize {
        self.height.div_ceil(self.group)
    }

    /// Rows of a group.
    pub fn rows(&self, group: usize) -> Range<usize> {
        let first = group.saturating_mul(self.group).min(self.height);
        first..first.saturating_add(self.group).min(self.height)
    }

    /// The arena bytes it occupies.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.bytes())
    }

    /// Height, width and channels.
    pub fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }
}

impl Target {
    /// The arena offset, where the target is in the arena.
    pub fn arena(self) -> Option<usize> {
        match self {
            Self::Arena(offset) => Some(offset),
            Self::Output { .. } => None,
        }
    }
}

impl Epilogue {
    /// Just an activation.
    pub fn activation(activation: Activation) -> Self {
        Self { gate: None, add: None, activation, slopes: None, affine: None }
    }

    fn visit_offsets(&mut self, arena: &mut dyn FnMut(&mut usize), blob: &mut dyn FnMut(&mut usize)) {
        self.gate.iter_mut().for_each(&mut *arena);
        self.add.iter_mut().for_each(|map| arena(&mut map.offset));
        self.slopes.iter_mut().chain(&mut self.affine).for_each(blob);
    }
}

impl Source {
    /// The caller's image.
    pub fn image(&self) -> &ImageSource {
        match self {
            Self::Image(image) => image,
        }
    }
}

/// The window of what has none.
pub(crate) const UNIT: Window = Window::ONE;

impl LinkOp {
    /// The link's name in dumps.
    pub fn name(&self) -> &'static str {
        self.traits().name
    }
}

impl Link {
    /// How many times the link computes: once per group of its output; a mean adds up the groups of its input.
    pub fn groups(&self) -> usize {
        match (self.op.traits().reads, &self.input) {
            (Reads::Whole, Some(input)) => input.groups(),
            _ => self.output.groups(),
        }
    }

    /// Rows of the input, from the top, that must be there before group `q` is computed.
    pub fn rows_needed(&self, q: usize) -> usize {
        let Some(input) = &self.input else { return 0 };
        if self.op.traits().reads == Reads::Whole {
            return input.rows(q).end;
        }
        let last = self.output.rows(q).end.saturating_sub(1);
        let span = self.window.kernel[0].saturating_sub(1).saturating_mul(self.window.dilation[0]).saturating_add(1);
        let below = last.saturating_mul(self.window.stride[0]).saturating_add(span);
        below.saturating_sub(self.pad_above()).min(input.height)
    }

    /// The first row of the input that group `q` or a later one reads.
    pub fn first_row(&self, q: usize) -> usize {
        let Some(input) = &self.input else { return 0 };
        if self.op.traits().reads == Reads::Whole {
            return input.rows(q).start;
        }
        let first = q.saturating_mul(self.output.group).saturating_mul(self.window.stride[0]);
        first.saturating_sub(self.pad_above()).min(input.height)
    }

    fn pad_above(&self) -> usize {
        usize::try_from(self.window.pads[0]).unwrap_or(0)
    }

    /// The arena bytes that hold its staging rows while it runs.
    pub fn scratch(&self) -> Option<Range<usize>> {
        match self.op {
            LinkOp::Stem { scratch, scratch_bytes, .. } => Some(scratch..scratch.saturating_add(scratch_bytes)),
            _ => None,
        }
    }

    /// The model's input, if the link reads it.
    pub fn source(&self) -> Option<&Source> {
        match &self.op {
            LinkOp::Stem { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Where it writes a vector.
    pub fn target(&self) -> Option<Target> {
        match self.op {
            LinkOp::Mean { to } => Some(to),
            _ => None,
        }
    }

    /// Channels of the input, the model's own included.
    pub fn input_channels(&self) -> usize {
        match (&self.op, &self.input) {
            (LinkOp::Stem { source, .. }, _) => source.image().channels,
            (_, Some(input)) => input.channels,
            _ => 0,
        }
    }

    /// Multiplications with addition of one image, as in the paper, without biases.
    pub fn mult_adds(&self) -> u64 {
        let Some(over) = self.op.traits().over else { return 0 };
        let taps = over.taps(&self.window, [1, 1, self.input_channels()]).unwrap_or(usize::MAX);
        product(&self.output.shape()).saturating_mul(taps as u64)
    }

    fn visit_offsets(&mut self, arena: &mut dyn FnMut(&mut usize), blob: &mut dyn FnMut(&mut usize)) {
        match &mut self.op {
            LinkOp::Stem { scratch, .. } => arena(scratch),
            LinkOp::Mean { to } => visit_target(to, arena),
            _ => {}
        }
        if !matches!(self.target(), Some(Target::Output { .. })) {
            arena(&mut self.output.offset);
        }
        self.input.iter_mut().for_each(|map| arena(&mut map.offset));
        self.weights.iter_mut().for_each(&mut *blob);
        let table = self.codes.as_mut().and_then(|codes| codes.table.as_mut());
        table.into_iter().for_each(&mut *blob);
        self.epilogue.visit_offsets(arena, blob);
    }
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1_u64, |all, &n| all.saturating_mul(n as u64))
}

impl Chain {
    /// The first link.
    pub fn first(&self) -> Option<&Link> {
        self.links.first()
    }

    /// The last link, whose groups the chain computes in order.
    pub fn last(&self) -> Option<&Link> {
        self.links.last()
    }

    /// The first link if it reads the model's input, and all others.
    pub fn stem(&self) -> (Option<&Link>, &[Link]) {
        match self.links.split_first() {
            Some((first, rest)) if first.source().is_some() => (Some(first), rest),
            _ => (None, &self.links),
        }
    }

    /// What a chain of such links is called.
    pub fn name(&self) -> &'static str {
        use LinkOp::{Depthwise, Elementwise, Mean, Pointwise, Stem};
        let ops: Vec<&LinkOp> = self.links.iter().map(|link| &link.op).collect();
        match ops[..] {
            [Mean { .. }] => "global average pool",
            [one] => one.name(),
            [Depthwise, Pointwise] => "separable",
            [Pointwise, Depthwise, Pointwise] => "inverted residual",
            [Pointwise, Depthwise] => "expansion and depthwise",
            [Elementwise, Pointwise] => "projection",
            [Pointwise, Mean { .. }] => "pointwise and mean",
            [Stem { .. }, ..] => "stream",
            _ => "chain",
        }
    }

    /// The largest block between two links that hold one group at a time.
    pub fn block_bytes(&self) -> usize {
        let inner = self.links.iter().rev().skip(1).map(|link| &link.output);
        inner.filter(|map| map.ring == 1).map(Map::group_bytes).max().unwrap_or(0)
    }
}

impl Op {
    /// The step's name in dumps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Chain(chain) => chain.name(),
            Self::Dense { .. } => "dense",
            Self::Copy { .. } => "copy",
            Self::Activate { .. } => "activation",
            Self::Softmax { log: false, .. } => "softmax",
            Self::Softmax { log: true, .. } => "log-softmax",
            Self::LpNormalize { .. } => "normalise",
            Self::ArgMax { .. } => "arg max",
            Self::Halve { .. } => "to f16",
            Self::Import { .. } => "import",
            Self::Convert { output: Map { element: Element::F32, .. }, .. } => "dequantise",
            Self::Convert { .. } => "quantise",
            Self::Export { .. } => "export",
        }
    }

    /// The map it reads first from the arena, if it reads one.
    pub fn input(&self) -> Option<&Map> {
        match self {
            Self::Chain(chain) => chain.first()?.input.as_ref(),
            Self::Copy { input, .. } | Self::Convert { input, .. } | Self::Export { input, .. } => Some(input),
            _ => None,
        }
    }

    /// The map it writes in the arena, if it writes one.
    pub fn output(&self) -> Option<&Map> {
        match self {
            Self::Chain(chain) => chain.last().filter(|link| link.target().is_none()).map(|link| &link.output),
            Self::Copy { output, .. } | Self::Convert { output, .. } | Self::Import { output, .. } => Some(output),
            _ => None,
        }
    }

    /// Where it writes a vector or an array.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Chain(chain) => chain.last()?.target(),
            Self::Dense { output, .. }
            | Self::ArgMax { output, .. }
            | Self::Halve { output, .. }
            | Self::Export { output, .. } => Some(*output),
            Self::Activate { at, .. } | Self::Softmax { at, .. } | Self::LpNormalize { at, .. } => Some(*at),
            Self::Copy { .. } | Self::Convert { .. } | Self::Import { .. } => None,
        }
    }

    /// The model's input, if it reads it.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Chain(chain) => chain.first()?.source(),
            Self::Import { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The links of a chain; none of anything else.
    pub fn links(&self) -> &[Link] {
        match self {
            Self::Chain(chain) => &chain.links,
            _ => &[],
        }
    }

    /// Multiplications with addition of one image, as in the paper: convolutions and dense layers, without biases.
    pub fn mult_adds(&self) -> u64 {
        match self {
            Self::Chain(chain) => chain.links.iter().fold(0, |sum, link| sum.saturating_add(link.mult_adds())),
            Self::Dense { k, n, .. } => product(&[*k, *n]),
            _ => 0,
        }
    }

    /// Hands over each offset into the arena and each into the packed weights.
    pub(super) fn visit_offsets(&mut self, arena: &mut dyn FnMut(&mut usize), blob: &mut dyn FnMut(&mut usize)) {
        match self {
            Self::Chain(chain) => chain.links.iter_mut().for_each(|link| link.visit_offsets(arena, blob)),
            Self::Dense { input, weights, epilogue, output, .. } => {
                arena(input);
                blob(weights);
                epilogue.visit_offsets(arena, blob);
                visit_target(output, arena);
            }
            Self::Copy { input, output, .. } | Self::Convert { input, output, .. } => {
                arena(&mut input.offset);
                arena(&mut output.offset);
            }
            Self::Activate { at, .. } | Self::Softmax { at, .. } | Self::LpNormalize { at, .. } => {
                visit_target(at, arena);
            }
            Self::ArgMax { input, output, .. } | Self::Halve { input, output, .. } => {
                arena(input);
                visit_target(output, arena);
            }
            Self::Import { output, .. } => arena(&mut output.offset),
            Self::Export { input, output, .. } => {
                arena(&mut input.offset);
                visit_target(output, arena);
            }
        }
    }
}

fn visit_target(target: &mut Target, arena: &mut dyn FnMut(&mut usize)) {
    if let Target::Arena(offset) = target {
        arena(offset);
    }
}

impl Step {
    /// The step's name in dumps, with the number of stages where that says more.
    pub fn label(&self) -> String {
        match &self.op {
            Op::Chain(chain) if chain.name() == "stream" => format!("stream of {}", chain.links.len()),
            op => op.name().to_string(),
        }
    }
}

impl Plan {
    /// What the codes of the model's input stand for, where it is codes.
    pub fn input_quant(&self) -> Option<graph::Quant> {
        let map = self.network.maps[self.network.input_map.0 as usize];
        map.quant.filter(|_| self.network.input.dtype != DType::F32)
    }

    /// What the codes of an output stand for, where it is codes.
    pub fn output_quant(&self, output: &Output) -> Option<graph::Quant> {
        let piece = output.pieces.first().filter(|_| output.finish.is_empty())?;
        self.network.maps[piece.map.0 as usize].quant
    }

    /// Mult-adds of one image.
    pub fn mult_adds(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.op.mult_adds()))
    }

    /// All links of all chains.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.steps.iter().flat_map(|step| step.op.links())
    }

    /// Elements of the model's input and output, the batch included.
    pub fn lengths(&self) -> (usize, usize) {
        let length = |shape: &[usize]| shape.iter().fold(1_usize, |all, &n| all.saturating_mul(n));
        (length(&self.network.input.shape), length(&self.network.outputs[0].port.shape))
    }
}
