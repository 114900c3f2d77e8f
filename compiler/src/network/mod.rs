//! The family's own vocabulary: a DAG of stages, recognised from the canonical graph.

mod display;
pub mod facts;
mod operators;
mod recognise;
mod refuse;
pub mod separable;
#[cfg(all(test, feature = "cli"))]
mod spellings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod view;

pub use recognise::recognise;

use crate::graph::{Activation, DType, Window};
use std::sync::Arc;

/// Index of a map in [`Network::maps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId(pub u32);

/// A feature map of one image, `[H, W, C]`; vectors have `H = W = 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Element type.
    pub element: DType,
}

/// Order of the axes of the model's own input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `[N, C, H, W]`
    Nchw,
    /// `[N, H, W, C]`
    Nhwc,
}

/// The model's input or output as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The ONNX name.
    pub name: String,
    /// The ONNX shape, batch included.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Order of the axes (of a vector: [`Layout::Nchw`]).
    pub layout: Layout,
}

/// Weights of a dense kind, `[N][taps]`, f32, with the axis order named by the owner.
pub type Weights = Arc<[f32]>;

/// A standard convolution. Weights `[M][C][kh][kw]`, ONNX order; bias `[M]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Kernel, stride, dilation, pads (never negative here).
    pub window: Window,
    /// `[M][C][kh][kw]`
    pub weights: Weights,
    /// `[M]`
    pub bias: Weights,
    /// What the border holds, per input channel (length C), in units of the raw input.
    pub pad_values: Weights,
    /// Epilogue.
    pub activation: Activation,
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
    /// Epilogue.
    pub activation: Activation,
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
    /// Epilogue.
    pub activation: Activation,
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
    /// Epilogue.
    pub activation: Activation,
}

/// What a stage computes.
#[derive(Debug, Clone, PartialEq)]
pub enum StageKind {
    /// The first convolution; reads the model's input (floats or bytes) in its own layout.
    Stem(Conv),
    /// Depthwise + activation fused into the pointwise that consumes it: the compiler's heart.
    Separable {
        /// First half.
        depthwise: Depthwise,
        /// Second half.
        pointwise: Pointwise,
    },
    /// A depthwise convolution that could not be fused (the stage's `note` says why).
    Depthwise(Depthwise),
    /// A pointwise convolution with no depthwise in front.
    Pointwise(Pointwise),
    /// Any other ungrouped convolution on a feature map.
    Conv(Conv),
    /// Mean over the whole map: `[H, W, C]` to `[1, 1, C]`.
    GlobalAveragePool,
    /// Fully connected.
    Dense(Dense),
    /// Softmax (or its logarithm) over the channels of a vector.
    Softmax {
        /// Logarithm of the softmax.
        log: bool,
    },
    /// Reads the model's input into a feature map where the first operator is not a convolution that can do so itself.
    Import,
    /// Writes a feature map out in the model's own layout where the last stage can't do so itself.
    Export,
}

/// One stage of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// What it computes.
    pub kind: StageKind,
    /// The maps it reads; the model's input is [`Network::input_map`]. (One each today; residual edges will add a second.)
    pub inputs: Vec<MapId>,
    /// The map it writes.
    pub output: MapId,
    /// Names of the ONNX nodes it came from.
    pub origin: Vec<String>,
    /// Why it is what it is: what was fused and why, or why not.
    pub note: String,
}

/// A MobileNet of one image: stages in an order in which they can run. A batch repeats it.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The ONNX graph's name.
    pub name: String,
    /// The model's input.
    pub input: Port,
    /// The model's output.
    pub output: Port,
    /// Images per inference.
    pub batch: usize,
    /// All maps.
    pub maps: Vec<FeatureMap>,
    /// The map that is the model's input.
    pub input_map: MapId,
    /// The map that is the model's output.
    pub output_map: MapId,
    /// Stages, in order.
    pub stages: Vec<Stage>,
}
