//! Stages that compute on 8-bit codes. `docs/quantization.md` says what, to the bit.
//!
//! How an input's and the output's codes stand for numbers is with the maps, [`FeatureMap::quant`](super::FeatureMap).

use crate::graph::{DType, Window};
use std::sync::Arc;

/// Weights of a layer as codes, with what turns its sums into codes.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerWeights {
    /// U8 or I8: the type of the codes.
    pub element: DType,
    /// `[M][C/groups][kh][kw]`; of a fully connected layer `[N][K]`, K in `[H][W][C]` order of the input map.
    pub codes: Arc<[i16]>,
    /// The code of 0, `[M]`.
    pub zeros: Arc<[i32]>,
    /// What the codes count, `[M]`.
    pub scales: Arc<[f32]>,
    /// In units of the input's scale times the weights', `[M]`.
    pub bias: Arc<[i32]>,
    /// Input scale times weight scale over output scale, in f32 and this order, `[M]`.
    pub multipliers: Arc<[f32]>,
}

/// What a stage computes on codes.
#[derive(Debug, Clone, PartialEq)]
pub enum IntegerKind {
    /// A convolution in any number of groups; the border holds the input's zero point. One that reads the model's input
    /// reads it in its own layout.
    Conv {
        /// Kernel, stride, dilation, pads (never negative).
        window: Window,
        /// Each reads its share of the input's channels and writes its share of the output's.
        groups: usize,
        /// `[M][C/groups][kh][kw]`
        weights: IntegerWeights,
    },
    /// A depthwise convolution with channel multiplier 1.
    Depthwise {
        /// Kernel, stride, dilation, pads.
        window: Window,
        /// `[C][kh][kw]`
        weights: IntegerWeights,
    },
    /// A 1x1 convolution of stride 1 without padding, weights `[N][K]`.
    Pointwise(IntegerWeights),
    /// A fully connected layer, weights `[N][K]`.
    Dense(IntegerWeights),
    /// The sum of two maps.
    Add,
    /// The first input times the second, a vector, channel by channel, or a map of its shape.
    Scale,
    /// The inputs' channels behind each other; all have the output's quantisation.
    Concat,
    /// Maximum over a window; the border never wins.
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
    /// The output's code for each code of the input: entry `code - smallest`.
    Table(Arc<[i16]>),
}

/// A stage on codes.
#[derive(Debug, Clone, PartialEq)]
pub struct Integer {
    /// What it computes.
    pub kind: IntegerKind,
    /// Smallest and largest code of the result: an activation, or the range of the type.
    pub clamp: [i32; 2],
}

impl IntegerKind {
    /// The kind's name in dumps, reports and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "IntegerConv",
            Self::Depthwise { .. } => "IntegerDepthwise",
            Self::Pointwise(_) => "IntegerPointwise",
            Self::Dense(_) => "IntegerDense",
            Self::Add => "IntegerAdd",
            Self::Scale => "IntegerScale",
            Self::Concat => "IntegerConcat",
            Self::MaxPool(_) => "IntegerMaxPool",
            Self::AveragePool { .. } => "IntegerAveragePool",
            Self::GlobalAveragePool => "IntegerGlobalAveragePool",
            Self::Table(_) => "IntegerTable",
        }
    }

    /// The weights of a layer.
    pub fn weights(&self) -> Option<&IntegerWeights> {
        match self {
            Self::Conv { weights, .. } | Self::Depthwise { weights, .. } => Some(weights),
            Self::Pointwise(weights) | Self::Dense(weights) => Some(weights),
            _ => None,
        }
    }

    /// The window that moves over the input, where there is one.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Self::Conv { window, .. } | Self::Depthwise { window, .. } => Some(window),
            Self::MaxPool(window) | Self::AveragePool { window, .. } => Some(window),
            _ => None,
        }
    }
}
