//! A float network taken apart into layers whose results each get a scale and a zero point.
//!
//! A stage of the compiler computes several things before it stores a value. In 8 bits each of them is an operator between
//! codes: a sum behind a convolution reads the convolution's codes, a hard-swish is a table of them. Clamps stay with the layer
//! in front, whose codes they bound.

use crate::diagnostic::Problem;
use crate::graph::{Activation, DType, Window};
use crate::network::{Affine, Conv, FeatureMap, MapId, Network, StageKind};
use crate::{Error, graph};

/// Index of a value in [`Layers::values`].
pub type ValueId = usize;

/// A value between layers, `[H][W][C]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// A name that no other value has.
    pub name: String,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Value {
    /// Elements.
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a layer computes.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerKind {
    /// A convolution of any kind. Weights `[M][C/groups][kh][kw]`, bias `[M]`; the border holds `pads` per input channel, or 0 where
    /// that is empty.
    Conv {
        /// Kernel, stride, dilation, pads.
        window: Window,
        /// Each reads its share of the input's channels.
        groups: usize,
        /// `[M][C/groups][kh][kw]`
        weights: Vec<f32>,
        /// `[M]`
        bias: Vec<f32>,
        /// What the border holds, per input channel.
        pads: Vec<f32>,
    },
    /// Fully connected. Weights `[N][K]`, K in `[H][W][C]` order of the input, bias `[N]`.
    Dense {
        /// `[N][K]`
        weights: Vec<f32>,
        /// `[N]`
        bias: Vec<f32>,
    },
    /// The sum of two values.
    Add,
    /// The first input times the second, a vector or a value of its shape.
    Scale,
    /// The inputs' channels behind each other.
    Concat,
    /// Maximum over a window.
    MaxPool(Window),
    /// Mean over a window.
    AveragePool {
        /// Kernel, stride, dilation, pads.
        window: Window,
        /// Whether the border counts in the divisor.
        count_include_pad: bool,
    },
    /// Mean over the whole map.
    GlobalAveragePool,
    /// An activation by itself.
    Act(Activation),
    /// Negative values times their channel's slope, `[C]`.
    Slopes(Vec<f32>),
    /// Softmax, or its logarithm, over the channels of each pixel.
    Softmax {
        /// Logarithm of the softmax.
        log: bool,
    },
    /// Each pixel's channels divided by their length.
    LpNormalize {
        /// 1 or 2.
        p: u8,
        /// The least that is divided by.
        epsilon: f32,
    },
}

impl LayerKind {
    /// The filters of a layer that has some: weights `[N][taps]` and bias `[N]`.
    pub fn filters(&self) -> Option<(&[f32], &[f32])> {
        match self {
            Self::Conv { weights, bias, .. } | Self::Dense { weights, bias } => Some((weights, bias)),
            _ => None,
        }
    }

    /// As [`filters`](Self::filters), to change them.
    pub fn filters_mut(&mut self) -> Option<(&mut [f32], &mut [f32])> {
        match self {
            Self::Conv { weights, bias, .. } | Self::Dense { weights, bias } => Some((weights, bias)),
            _ => None,
        }
    }

    /// Whether there is an operator on codes for it.
    pub fn on_codes(&self) -> bool {
        !matches!(self, Self::Softmax { .. } | Self::LpNormalize { .. } | Self::Slopes(_))
    }

    /// The kind in reports.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Conv { groups: 1, window, .. } if window.kernel == [1, 1] => "pointwise",
            Self::Conv { groups: 1, .. } => "convolution",
            Self::Conv { .. } => "depthwise",
            Self::Dense { .. } => "dense",
            Self::Add => "sum",
            Self::Scale => "gate",
            Self::Concat => "concat",
            Self::MaxPool(_) => "max pool",
            Self::AveragePool { .. } | Self::GlobalAveragePool => "average pool",
            Self::Act(activation) => activation.words().trim_start_matches("a "),
            Self::Slopes(_) => "slopes",
            Self::Softmax { .. } => "softmax",
            Self::LpNormalize { .. } => "norm",
        }
    }
}

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The ONNX node it came from.
    pub name: String,
    /// What it computes.
    pub kind: LayerKind,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it writes.
    pub output: ValueId,
    /// Bounds of the result.
    pub clamp: [f32; 2],
}

/// No bounds.
pub const FREE: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// The layers of a network, in an order in which they can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Layers {
    /// All values; the first is the input.
    pub values: Vec<Value>,
    /// All layers.
    pub layers: Vec<Layer>,
    /// The values that the pieces of the network's outputs are, output by output.
    pub outputs: Vec<Vec<ValueId>>,
    /// What is subtracted from each channel of the input, so that the border of the first convolution is 0.
    pub shift: Option<Vec<f32>>,
}

impl Layers {
    /// Takes a network apart.
    ///
    /// # Errors
    /// Where it computes on codes already.
    pub fn new(network: &Network) -> Result<Self, Error> {
        let codes =
            |kind: &&StageKind| matches!(kind, StageKind::Integer(_) | StageKind::Quantise | StageKind::Dequantise);
        if let Some(stage) = network.stages.iter().find(|stage| codes(&&stage.kind)) {
            let node = stage.origin.first().cloned().unwrap_or_default();
            let problem = Problem::new("the model is quantised already").at(node, stage.kind.name());
            let problem = problem.expected("a model of floats", "operators on 8-bit codes");
            return Err(problem.hint("quantise the float model it was made of; this one compiles as it is").into());
        }
        let mut builder =
            Builder { network, ids: vec![None; network.maps.len()], values: Vec::new(), layers: Vec::new() };
        let input = builder.value(&network.input.name, network.maps[network.input_map.0 as usize]);
        builder.ids[network.input_map.0 as usize] = Some(input);
        for stage in &network.stages {
            builder.stage(stage)?;
        }
        let pieces =
            |output: &crate::network::Output| output.pieces.iter().map(|piece| builder.id(piece.map)).collect();
        let outputs = network.outputs.iter().map(pieces).collect();
        let mut layers = Self { outputs, values: builder.values, layers: builder.layers, shift: None };
        layers.shift_input(network)?;
        Ok(layers)
    }

    /// A border holds the code of 0. Where the first convolution wants another value there, what normalised the input being in its
    /// weights, the input is shifted by that and the bias makes up for it.
    fn shift_input(&mut self, network: &Network) -> Result<(), Error> {
        let readers = self.readers(0).count();
        for layer in &mut self.layers {
            let LayerKind::Conv { groups, weights, bias, pads, .. } = &mut layer.kind else { continue };
            if pads.is_empty() {
                continue;
            }
            let bytes = network.input.dtype != DType::F32;
            let whole = pads.iter().all(|pad| *pad == pads[0] && pad.fract() == 0.0);
            if layer.inputs != [0] || readers > 1 || (bytes && !whole) {
                let problem = Problem::new("the border of the convolution holds no value that has a code");
                let problem = problem.at(layer.name.clone(), "Conv").expected("zeros", format!("{pads:?}"));
                let hint = "quantise the model of floats, without what normalises bytes in front of it";
                return Err(problem.hint(hint).into());
            }
            let read = pads.len() / *groups;
            let (rows, written) = (weights.len() / bias.len().max(1), bias.len() / *groups);
            let taps = rows / read.max(1);
            for (m, (bias, row)) in bias.iter_mut().zip(weights.chunks(rows.max(1))).enumerate() {
                let pad = |tap: usize| f64::from(pads[m / written.max(1) * read + tap / taps]);
                let sum: f64 = row.iter().enumerate().map(|(tap, &w)| f64::from(w) * pad(tap)).sum();
                *bias = (f64::from(*bias) + sum) as f32;
            }
            self.shift = Some(std::mem::take(pads));
        }
        Ok(())
    }

    /// The layers that read a value.
    pub fn readers(&self, value: ValueId) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(move |layer| layer.inputs.contains(&value))
    }

    /// Whether a value is a piece of an output.
    pub fn is_output(&self, value: ValueId) -> bool {
        self.outputs.iter().flatten().any(|&piece| piece == value)
    }
}

struct Builder<'a> {
    network: &'a Network,
    ids: Vec<Option<ValueId>>,
    values: Vec<Value>,
    layers: Vec<Layer>,
}

impl Builder<'_> {
    fn id(&self, map: MapId) -> ValueId {
        self.ids[map.0 as usize].unwrap_or_default()
    }

    fn value(&mut self, name: &str, map: FeatureMap) -> ValueId {
        let taken = |name: &str| self.values.iter().any(|value| value.name == name);
        let mut unique = name.to_string();
        let mut number = 1;
        while taken(&unique) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        let FeatureMap { height, width, channels, .. } = map;
        self.values.push(Value { name: unique, height, width, channels });
        self.values.len() - 1
    }

    fn push(&mut self, kind: LayerKind, inputs: Vec<ValueId>, name: &str, map: FeatureMap) -> ValueId {
        let output = self.value(name, map);
        let name = self.values[output].name.clone();
        self.layers.push(Layer { name, kind, inputs, output, clamp: FREE });
        output
    }

    fn stage(&mut self, stage: &crate::network::Stage) -> Result<(), Error> {
        let map = self.network.maps[stage.output.0 as usize];
        let name = stage.origin.first().map_or_else(|| stage.kind.name().to_ascii_lowercase(), Clone::clone);
        let add = stage.epilogue.add;
        let read = stage.inputs.len() - usize::from(add.is_some());
        let inputs: Vec<ValueId> = stage.inputs[..read].iter().map(|&map| self.id(map)).collect();
        let start = self.layers.len();
        let mut value = match kind(&stage.kind) {
            Some(kind) => self.push(kind, inputs, &name, map),
            None => inputs[0],
        };
        if let Some(other) = add {
            let inputs = vec![value, self.id(other)];
            value = self.push(LayerKind::Add, inputs, &part(&name, "add", start, self.layers.len()), map);
        }
        match stage.epilogue.activation {
            Activation::NONE => {}
            Activation::Clamp { lo, hi } if self.layers.len() > start && self.bounds() => {
                self.layers.last_mut().into_iter().for_each(|layer| layer.clamp = [lo, hi]);
            }
            activation => {
                let name = part(&name, activation_name(activation), start, self.layers.len());
                value = self.push(LayerKind::Act(activation), vec![value], &name, map);
            }
        }
        if let Some(slopes) = &stage.epilogue.slopes {
            let name = part(&name, "slopes", start, self.layers.len());
            value = self.push(LayerKind::Slopes(slopes.to_vec()), vec![value], &name, map);
        }
        if let Some(Affine { scale, offset }) = &stage.epilogue.affine {
            let kind = LayerKind::Conv {
                window: Window::ONE,
                groups: map.channels,
                weights: scale.to_vec(),
                bias: offset.to_vec(),
                pads: vec![],
            };
            let name = part(&name, "affine", start, self.layers.len());
            value = self.push(kind, vec![value], &name, map);
        }
        self.ids[stage.output.0 as usize] = Some(value);
        Ok(())
    }

    /// Whether the last layer may be given bounds.
    fn bounds(&self) -> bool {
        let moves = |layer: &Layer| matches!(layer.kind, LayerKind::MaxPool(_) | LayerKind::Concat);
        self.layers.last().is_some_and(|layer| layer.kind.on_codes() && !moves(layer))
    }
}

/// The name of a part of a stage: the stage's own where it is the only one.
fn part(stage: &str, what: &str, start: usize, at: usize) -> String {
    if start == at { stage.to_string() } else { format!("{stage}/{what}") }
}

fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::Clamp { .. } => "clip",
        Activation::HardSwish => "hard_swish",
        Activation::HardSigmoid { .. } => "hard_sigmoid",
        Activation::Sigmoid => "sigmoid",
        Activation::Swish => "swish",
        Activation::Tanh => "tanh",
        Activation::LeakyRelu { .. } => "leaky_relu",
    }
}

/// What computes the same; nothing where the stage only passes its input on to an epilogue.
fn kind(stage: &StageKind) -> Option<LayerKind> {
    let conv = |window: graph::Window, groups: usize, weights: &[f32], bias: &[f32], pads: &[f32]| LayerKind::Conv {
        window,
        groups,
        weights: weights.to_vec(),
        bias: bias.to_vec(),
        pads: if pads.iter().all(|&pad| pad == 0.0) { vec![] } else { pads.to_vec() },
    };
    Some(match stage {
        StageKind::Stem(Conv { window, groups, weights, bias, pad_values })
        | StageKind::Conv(Conv { window, groups, weights, bias, pad_values }) => {
            let padded = window.pads != [0; 4];
            conv(*window, *groups, weights, bias, if padded { pad_values } else { &[] })
        }
        StageKind::Depthwise(depthwise) => {
            conv(depthwise.window, depthwise.bias.len(), &depthwise.weights, &depthwise.bias, &[])
        }
        StageKind::Pointwise(pointwise) => conv(Window::ONE, 1, &pointwise.weights, &pointwise.bias, &[]),
        StageKind::Dense(dense) => LayerKind::Dense { weights: dense.weights.to_vec(), bias: dense.bias.to_vec() },
        StageKind::MaxPool(window) => LayerKind::MaxPool(*window),
        &StageKind::AveragePool { window, count_include_pad } => LayerKind::AveragePool { window, count_include_pad },
        StageKind::GlobalAveragePool => LayerKind::GlobalAveragePool,
        StageKind::Scale => LayerKind::Scale,
        StageKind::Concat => LayerKind::Concat,
        &StageKind::Softmax { log } => LayerKind::Softmax { log },
        &StageKind::LpNormalize { p, epsilon } => LayerKind::LpNormalize { p, epsilon },
        StageKind::Elementwise | StageKind::Import => return None,
        StageKind::Integer(_) | StageKind::Quantise | StageKind::Dequantise => return None,
    })
}
