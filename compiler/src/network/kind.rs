//! The kinds of stages, and what each of them is to code that does not care which one it has.

use super::integer::{Integer, IntegerKind, IntegerWeights};
use crate::graph::{Op, Window};
use std::sync::Arc;

/// Weights of a dense kind, `[N][taps]`, f32, with the axis order named by the owner.
pub type Weights = Arc<[f32]>;

/// A convolution in any number of groups. Weights `[M][C/groups][kh][kw]`, ONNX order; bias `[M]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Kernel, stride, dilation, pads (never negative here).
    pub window: Window,
    /// Each reads its share of the input's channels and writes its share of the output's.
    pub groups: usize,
    /// `[M][C/groups][kh][kw]`
    pub weights: Weights,
    /// `[M]`
    pub bias: Weights,
    /// What the border holds, per input channel (length C), in units of the raw input.
    pub pad_values: Weights,
}

/// A depthwise convolution with channel multiplier 1. Weights `[C][kh][kw]`, bias `[C]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Depthwise {
    /// Kernel, stride, dilation, pads.
    pub window: Window,
    /// `[C][kh][kw]`
    pub weights: Weights,
    /// `[C]`
    pub bias: Weights,
    /// Names of the ONNX nodes.
    pub origin: Vec<String>,
}

/// A 1x1 convolution of stride 1 without padding. Weights `[N][K]`, bias `[N]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointwise {
    /// `[N][K]`
    pub weights: Weights,
    /// `[N]`
    pub bias: Weights,
    /// Names of the ONNX nodes.
    pub origin: Vec<String>,
}

/// A fully connected layer over a vector (the map flattened as `[H][W][C]`). Weights `[N][K]`, bias `[N]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// `[N][K]`, K in `[H][W][C]` order of the input map.
    pub weights: Weights,
    /// `[N]`
    pub bias: Weights,
}

/// What a stage computes.
#[derive(Debug, Clone, PartialEq)]
pub enum StageKind {
    /// The first convolution; reads the model's input (floats or bytes) in its own layout.
    Stem(Conv),
    /// A depthwise convolution.
    Depthwise(Depthwise),
    /// A pointwise convolution.
    Pointwise(Pointwise),
    /// Any other convolution on a feature map.
    Conv(Conv),
    /// Maximum over a window; the border never wins.
    MaxPool(Window),
    /// Mean over a window.
    AveragePool {
        /// Kernel, stride, dilation, pads.
        window: Window,
        /// Whether the border counts in the divisor.
        count_include_pad: bool,
    },
    /// Mean over the whole map: `[H, W, C]` to `[1, 1, C]`.
    GlobalAveragePool,
    /// Fully connected.
    Dense(Dense),
    /// Squeeze-and-excitation's gate: the first input times the second, a vector, channel by channel.
    Scale,
    /// Nothing but an epilogue, where no stage that computes its argument could take it.
    Elementwise,
    /// The inputs' channels behind each other.
    Concat,
    /// Softmax (or its logarithm) over the channels of each pixel.
    Softmax {
        /// Logarithm of the softmax.
        log: bool,
    },
    /// Each pixel's channels divided by their length, at least `epsilon`.
    LpNormalize {
        /// 1: sum of magnitudes; 2: root of the sum of squares.
        p: u8,
        /// The least that is divided by.
        epsilon: f32,
    },
    /// Computes on codes.
    Integer(Integer),
    /// Numbers become codes; the model's input is read in its own layout.
    Quantise,
    /// Codes become numbers.
    Dequantise,
    /// Reads the model's input into a feature map where the first operator is not a convolution that can do so itself.
    Import,
}

/// What a kind is, as data.
pub(crate) struct Profile<'a> {
    /// Name in dumps and messages, such as `MaxPool`.
    pub name: &'static str,
    /// Name in JSON, such as `max pool`.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))]
    pub words: &'static str,
    /// Name in the list of layers, of what has no weights.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))]
    pub label: &'static str,
    /// What is looked at of the first input for one pixel of the output; nothing where that is no window.
    pub window: Option<Window>,
    /// The weights, of what has some.
    pub filters: Option<Filters<'a>>,
    /// How the output's size follows from the first input's.
    pub shape: Shape,
    /// Whether it may have an epilogue.
    pub epilogue: bool,
}

impl<'a> Profile<'a> {
    /// Of what has neither window nor weights, but an epilogue.
    fn of(name: &'static str, words: &'static str, label: &'static str, shape: Shape) -> Self {
        Self { name, words, label, window: None, filters: None, shape, epilogue: true }
    }

    fn over(self, window: Window) -> Self {
        Self { window: Some(window), ..self }
    }

    fn by(self, filters: Filters<'a>) -> Self {
        Self { filters: Some(filters), ..self }
    }

    fn bare(self) -> Self {
        Self { epilogue: false, ..self }
    }
}

impl Conv {
    fn filters(&self) -> Filters<'_> {
        Filters { values: Values::floats(&self.weights, &self.bias), over: Over::Group(self.groups) }
    }
}

/// How the size of an output follows from that of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// By the window; the channels are as many as there are filters.
    Filtered,
    /// By the window, which may hang over the far border; of as many channels as the input.
    Pooled,
    /// As many pixels; the channels are as many as there are filters.
    Mixed,
    /// The same.
    Same,
    /// One pixel of as many channels.
    Mean,
    /// One pixel; the channels are as many as there are filters.
    Vector,
    /// The same, and one pixel.
    SameVector,
    /// The same height and width; the channels of all inputs.
    Joined,
}

/// The weights of a kind, `[N][taps]`, and biases, `[N]`.
pub(crate) struct Filters<'a> {
    pub values: Values<'a>,
    /// The channels under one filter.
    pub over: Over,
}

/// The numbers of filters.
#[derive(Clone, Copy)]
pub(crate) enum Values<'a> {
    Floats { weights: &'a [f32], bias: &'a [f32] },
    Codes(&'a IntegerWeights),
}

impl<'a> Values<'a> {
    fn floats(weights: &'a [f32], bias: &'a [f32]) -> Self {
        Self::Floats { weights, bias }
    }

    /// How many weights and biases there are.
    pub fn lens(self) -> [usize; 2] {
        match self {
            Self::Floats { weights, bias } => [weights.len(), bias.len()],
            Self::Codes(weights) => [weights.codes.len(), weights.bias.len()],
        }
    }
}

/// What one filter goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The window in one channel.
    Channel,
    /// The window in the channels of one of so many groups.
    Group(usize),
    /// All values of the input.
    Map,
}

impl Over {
    /// Taps of a filter over an input `[height, width, channels]`, if that is a number.
    pub fn taps(self, window: &Window, [height, width, channels]: [usize; 3]) -> Option<usize> {
        let [kh, kw] = window.kernel;
        let factors = match self {
            Self::Channel => [1, kh, kw],
            Self::Group(groups) => [channels.checked_div(groups)?, kh, kw],
            Self::Map => [channels, height, width],
        };
        factors.into_iter().try_fold(1_usize, |all, factor| all.checked_mul(factor))
    }
}

impl IntegerKind {
    fn profile(&self) -> Profile<'_> {
        use Shape::{Filtered, Joined, Mean, Mixed, Pooled, Same, Vector};
        let name = self.name();
        let of = |label, shape| Profile::of(name, name, label, shape).bare();
        let by = |weights, over| Filters { values: Values::Codes(weights), over };
        match self {
            Self::Conv { window, groups, weights } => {
                of("", Filtered).over(*window).by(by(weights, Over::Group(*groups)))
            }
            Self::Depthwise { window, weights } => of("", Filtered).over(*window).by(by(weights, Over::Channel)),
            Self::Pointwise(weights) => of("", Mixed).over(Window::ONE).by(by(weights, Over::Group(1))),
            Self::Dense(weights) => of("", Vector).by(by(weights, Over::Map)),
            Self::Add => of("Sum", Same),
            Self::Scale => of("Gate", Same),
            Self::Concat => of("Concat", Joined),
            Self::MaxPool(window) => of("Max pool", Pooled).over(*window),
            Self::AveragePool { window, .. } => of("Average pool", Pooled).over(*window),
            Self::GlobalAveragePool => of("Average pool", Mean),
            Self::Table(_) => of("Activation", Same),
        }
    }
}

impl StageKind {
    /// What is asked of every kind.
    pub(crate) fn profile(&self) -> Profile<'_> {
        use Shape::{Filtered, Joined, Mean, Mixed, Pooled, Same, SameVector, Vector};
        let of = Profile::of;
        match self {
            Self::Stem(conv) => of("Stem", "stem", "", Filtered).over(conv.window).by(conv.filters()),
            Self::Conv(conv) => of("Conv", "conv", "", Filtered).over(conv.window).by(conv.filters()),
            Self::Depthwise(Depthwise { window, weights, bias, .. }) => {
                let filters = Filters { values: Values::floats(weights, bias), over: Over::Channel };
                of("Depthwise", "depthwise", "", Filtered).over(*window).by(filters)
            }
            Self::Pointwise(Pointwise { weights, bias, .. }) => {
                let filters = Filters { values: Values::floats(weights, bias), over: Over::Group(1) };
                of("Pointwise", "pointwise", "", Mixed).over(Window::ONE).by(filters)
            }
            Self::Dense(Dense { weights, bias }) => {
                of("Dense", "dense", "", Vector).by(Filters { values: Values::floats(weights, bias), over: Over::Map })
            }
            Self::MaxPool(window) => of("MaxPool", "max pool", "Max pool", Pooled).over(*window),
            Self::AveragePool { window, .. } => of("AveragePool", "average pool", "Average pool", Pooled).over(*window),
            Self::GlobalAveragePool => of("GlobalAveragePool", "global average pool", "Average pool", Mean),
            Self::Scale => of("Scale", "scale", "Gate", Same),
            Self::Elementwise => of("Elementwise", "elementwise", "Activation", Same),
            Self::Concat => of("Concat", "concat", "Concat", Joined).bare(),
            Self::Softmax { log: false } => of("Softmax", "softmax", "Softmax", SameVector).bare(),
            Self::Softmax { log: true } => of("LogSoftmax", "log-softmax", "LogSoftmax", SameVector).bare(),
            Self::LpNormalize { .. } => of("LpNormalize", "lp-normalize", "Normalise", SameVector).bare(),
            Self::Integer(integer) => integer.kind.profile(),
            Self::Quantise => of("Quantise", "quantise", "Quantise", Same).bare(),
            Self::Dequantise => of("Dequantise", "dequantise", "Dequantise", Same).bare(),
            Self::Import => of("Import", "import", "Read input", Same).bare(),
        }
    }

    /// The kind of an operator that makes one map of another, by windows, and knows all it needs for that.
    pub(super) fn of(op: &Op) -> Option<Self> {
        match *op {
            Op::MaxPool { window } => Some(Self::MaxPool(window)),
            Op::AveragePool { window, count_include_pad } => Some(Self::AveragePool { window, count_include_pad }),
            _ => None,
        }
    }

    /// What a dump says of it between its window and its epilogue.
    pub(super) fn details(&self) -> String {
        match self {
            Self::Stem(conv) | Self::Conv(conv) if conv.groups != 1 => format!(" groups {}", conv.groups),
            Self::AveragePool { count_include_pad: true, .. } => " padding counted".into(),
            Self::LpNormalize { p, epsilon } => format!("  p {p} epsilon {epsilon:e}"),
            _ => String::new(),
        }
    }

    /// The kind's name in dumps and reports.
    pub fn name(&self) -> &'static str {
        self.profile().name
    }

    /// Whether a stage of this kind can have an epilogue.
    pub fn takes_epilogue(&self) -> bool {
        self.profile().epilogue
    }
}
