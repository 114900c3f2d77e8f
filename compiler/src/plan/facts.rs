//! What can be read off a plan: sizes, mult-adds, the memory each step touches.

use super::{Kernel, Map, Plan, Source, Step, Target, padded_channels, stem_scratch_bytes};
use crate::graph::Window;
use std::ops::Range;

impl Map {
    /// Bytes of one full group.
    pub fn group_bytes(&self) -> usize {
        self.group * self.width * padded_channels(self.channels) * 4
    }

    /// Bytes the map holds in the arena: all its rows, or its ring.
    pub fn bytes(&self) -> usize {
        if self.is_whole() {
            self.height * self.width * padded_channels(self.channels) * 4
        } else {
            self.ring * self.group_bytes()
        }
    }

    /// Whether all rows have a place of their own.
    pub fn is_whole(&self) -> bool {
        self.ring >= self.height.div_ceil(self.group)
    }

    /// The arena bytes it occupies.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes()
    }
}

impl Kernel {
    /// The kernel's name in dumps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stem { .. } => "stem",
            Self::Separable { .. } => "separable",
            Self::Depthwise { .. } => "depthwise",
            Self::Pointwise { .. } => "pointwise",
            Self::Conv { .. } => "conv",
            Self::GlobalAveragePool { .. } => "global average pool",
            Self::Dense { .. } => "dense",
            Self::Softmax { log: false, .. } => "softmax",
            Self::Softmax { log: true, .. } => "log-softmax",
            Self::Import { .. } => "import",
            Self::Export { .. } => "export",
            Self::Stream { .. } => "stream",
        }
    }

    /// The map it reads from the arena, if it reads one.
    pub fn input(&self) -> Option<&Map> {
        match self {
            Self::Separable { input, .. }
            | Self::Depthwise { input, .. }
            | Self::Pointwise { input, .. }
            | Self::Conv { input, .. }
            | Self::GlobalAveragePool { input, .. }
            | Self::Export { input, .. } => Some(input),
            Self::Stream { steps } => steps.first()?.kernel.input(),
            Self::Stem { .. } | Self::Dense { .. } | Self::Softmax { .. } | Self::Import { .. } => None,
        }
    }

    /// The map it writes, if it writes one.
    pub fn output(&self) -> Option<&Map> {
        match self {
            Self::Stem { output, .. }
            | Self::Separable { output, .. }
            | Self::Depthwise { output, .. }
            | Self::Pointwise { output, .. }
            | Self::Conv { output, .. }
            | Self::Import { output, .. } => Some(output),
            Self::Stream { steps } => steps.last()?.kernel.output(),
            Self::GlobalAveragePool { .. } | Self::Dense { .. } | Self::Softmax { .. } | Self::Export { .. } => None,
        }
    }

    /// The model's input, if it reads it.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Stem { input, .. } | Self::Import { input, .. } => Some(input),
            Self::Stream { steps } => steps.first()?.kernel.source(),
            _ => None,
        }
    }

    /// The arena bytes that hold its block or staging rows while it runs. (Of a stream: ask its steps.)
    pub fn scratch(&self) -> Option<Range<usize>> {
        match self {
            Self::Stem { input, window, output, scratch, .. } => {
                Some(*scratch..scratch.checked_add(stem_scratch_bytes(input.channels, window, output.width)?)?)
            }
            Self::Separable { input, output, scratch, .. } => {
                let block = Map { channels: input.channels, ..*output };
                Some(*scratch..*scratch + block.group_bytes())
            }
            _ => None,
        }
    }

    /// Multiplications with addition of one image, as in the paper: convolutions and dense layers, without biases.
    pub fn mult_adds(&self) -> u64 {
        let product = |factors: &[usize]| factors.iter().fold(1_u64, |all, &n| all.saturating_mul(n as u64));
        let taps = |window: &Window| window.kernel[0].saturating_mul(window.kernel[1]);
        let elements = |map: &Map| map.height * map.width * map.channels;
        match self {
            Self::Stem { input, window, output, .. } => product(&[elements(output), input.channels, taps(window)]),
            Self::Conv { input, window, output, .. } => product(&[elements(output), input.channels, taps(window)]),
            Self::Separable { input, window, output, .. } => {
                let depthwise = product(&[output.height * output.width, input.channels, taps(window)]);
                depthwise.saturating_add(product(&[elements(output), input.channels]))
            }
            Self::Depthwise { window, output, .. } => product(&[elements(output), taps(window)]),
            Self::Pointwise { input, output, .. } => product(&[elements(output), input.channels]),
            Self::Dense { k, n, .. } => product(&[*k, *n]),
            Self::Stream { steps } => steps.iter().fold(0, |sum, step| sum.saturating_add(step.kernel.mult_adds())),
            Self::GlobalAveragePool { .. } | Self::Softmax { .. } | Self::Import { .. } | Self::Export { .. } => 0,
        }
    }

    /// Hands over each offset into the arena and each into the packed weights.
    pub(super) fn visit_offsets(&mut self, arena: &mut dyn FnMut(&mut usize), blob: &mut dyn FnMut(&mut usize)) {
        match self {
            Self::Stem { weights, output, scratch, .. } => {
                arena(&mut output.offset);
                arena(scratch);
                blob(weights);
            }
            Self::Separable { input, depthwise, pointwise, output, scratch, .. } => {
                arena(&mut input.offset);
                arena(&mut output.offset);
                arena(scratch);
                blob(depthwise);
                blob(pointwise);
            }
            Self::Depthwise { input, weights, output, .. }
            | Self::Pointwise { input, weights, output, .. }
            | Self::Conv { input, weights, output, .. } => {
                arena(&mut input.offset);
                arena(&mut output.offset);
                blob(weights);
            }
            Self::GlobalAveragePool { input, output } => {
                arena(&mut input.offset);
                visit_target(output, arena);
            }
            Self::Dense { input, weights, output, .. } => {
                arena(input);
                visit_target(output, arena);
                blob(weights);
            }
            Self::Softmax { at, .. } => visit_target(at, arena),
            Self::Import { output, .. } => arena(&mut output.offset),
            Self::Export { input, .. } => arena(&mut input.offset),
            Self::Stream { steps } => {
                for step in steps {
                    step.kernel.visit_offsets(arena, blob);
                }
            }
        }
    }
}

fn visit_target(target: &mut Target, arena: &mut dyn FnMut(&mut usize)) {
    if let Target::Arena(offset) = target {
        arena(offset);
    }
}

impl Plan {
    /// Mult-adds of one image.
    pub fn mult_adds(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.kernel.mult_adds()))
    }

    /// All steps, those of a stream in place of the stream.
    pub fn flat_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(|step| match &step.kernel {
            Kernel::Stream { steps } => &steps[..],
            _ => std::slice::from_ref(step),
        })
    }

    /// Elements of the model's input and output, the batch included.
    pub fn lengths(&self) -> (usize, usize) {
        let length = |shape: &[usize]| shape.iter().fold(1_usize, |all, &n| all.saturating_mul(n));
        (length(&self.network.input.shape), length(&self.network.outputs[0].port.shape))
    }
}
