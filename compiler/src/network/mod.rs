//! The family's own vocabulary: a DAG of stages, recognised from the canonical graph.

pub mod blocks;
mod combine;
mod display;
pub mod facts;
pub mod integer;
mod kind;
pub(crate) mod naive;
mod operators;
mod outputs;
mod quantised;
mod recognise;
mod refuse;
#[cfg(all(test, feature = "cli"))]
mod spellings;
#[cfg(test)]
mod tests;
mod view;
mod width;

pub use kind::{Conv, Dense, Depthwise, Pointwise, StageKind, Weights};
pub(crate) use kind::{Filters, Over, Shape, Values};
pub use recognise::recognise;

use crate::graph::{Activation, DType, Quant};

/// Index of a map in [`Network::maps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId(pub u32);

/// A feature map of one image, `[H, W, C]`; vectors have `H = W = 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Element type.
    pub element: DType,
    /// How codes stand for numbers; `None` where the elements are the numbers.
    pub quant: Option<Quant>,
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

impl Network {
    /// The image that an input of other than four axes holds, in words; nothing of a vector.
    pub fn flat_image(&self) -> Option<String> {
        let FeatureMap { height, width, channels, .. } = *self.maps.get(self.input_map.0 as usize)?;
        let four = self.input.shape.len() == 4;
        (!four && (height, width) != (1, 1)).then(|| match self.input.layout {
            Layout::Nchw => format!("an image of {channels} x {height} x {width}, NCHW"),
            Layout::Nhwc => format!("an image of {height} x {width} x {channels}, NHWC"),
        })
    }
}

impl Port {
    /// The order of the axes in words, that of a vector included.
    pub fn axes(&self) -> &'static str {
        match (self.shape.len(), self.layout) {
            (4, Layout::Nchw) => "NCHW",
            (4, Layout::Nhwc) => "NHWC",
            _ => "NC",
        }
    }
}

/// One of the model's outputs: pieces side by side, then what is done to them as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// As the user sees it.
    pub port: Port,
    /// What it consists of, in order of their offsets; together they fill the port of one image.
    pub pieces: Vec<Piece>,
    /// What is done to the port's values of one image, in this order.
    pub finish: Vec<Finish>,
}

/// A map in an output: its values lie side by side from an offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The map.
    pub map: MapId,
    /// The order in which its values are written (of a vector: [`Layout::Nchw`]).
    pub layout: Layout,
    /// Elements in front of it in the port of one image.
    pub offset: usize,
}

/// What is done to an output's values `[outer][n][inner]` of one image, whatever pieces they are of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finish {
    /// Softmax, or its logarithm, over each `n`.
    Softmax {
        /// Distributions in front of each other.
        outer: usize,
        /// Values of a distribution.
        n: usize,
        /// Distributions beside each other.
        inner: usize,
        /// Logarithm of the softmax.
        log: bool,
    },
    /// Each `n` divided by its length, at least `epsilon`.
    LpNormalize {
        /// Vectors in front of each other.
        outer: usize,
        /// Values of a vector.
        n: usize,
        /// Vectors beside each other.
        inner: usize,
        /// 1: sum of magnitudes; 2: root of the sum of squares.
        p: u8,
        /// The least that is divided by.
        epsilon: f32,
    },
    /// Applied to each value.
    Activate(Activation),
    /// Index of the largest of each `n`. The last there is; the port is then i64 with `outer * inner` elements.
    ArgMax {
        /// Rows in front of each other.
        outer: usize,
        /// Values that are compared.
        n: usize,
        /// Rows beside each other.
        inner: usize,
        /// Of equal values the last instead of the first.
        select_last: bool,
    },
    /// Rounded to float16. The last there is; the port is then of that type.
    Half,
}

impl Finish {
    /// Whether it gives elements of another type, which only the port itself holds.
    pub fn converts(&self) -> bool {
        matches!(self, Self::ArgMax { .. } | Self::Half)
    }
}

/// What happens to each value of a stage before it is stored: plus residual, activation, slopes, scale and offset.
#[derive(Debug, Clone, PartialEq)]
pub struct Epilogue {
    /// A map of the output's shape that is added. It is among the stage's inputs, too, behind the first.
    pub add: Option<MapId>,
    /// Applied to the sum.
    pub activation: Activation,
    /// PReLU's slopes `[C]`: negative values times their channel's. The activation is then [`Activation::NONE`].
    pub slopes: Option<Weights>,
    /// A scale and an offset per channel behind the activation.
    pub affine: Option<Affine>,
}

/// `x * scale[c] + offset[c]`
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// `[C]`
    pub scale: Weights,
    /// `[C]`
    pub offset: Weights,
}

impl Epilogue {
    /// Stores values as they are.
    pub const NONE: Self = Self { add: None, activation: Activation::NONE, slopes: None, affine: None };
}

impl From<Activation> for Epilogue {
    fn from(activation: Activation) -> Self {
        Self { activation, ..Self::NONE }
    }
}

/// One stage of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// What it computes.
    pub kind: StageKind,
    /// The maps it reads, the one that its epilogue adds last; the model's input is [`Network::input_map`].
    pub inputs: Vec<MapId>,
    /// The map it writes.
    pub output: MapId,
    /// What happens to each value before it is stored.
    pub epilogue: Epilogue,
    /// Names of the ONNX nodes it came from.
    pub origin: Vec<String>,
    /// Why it is what it is.
    pub note: String,
}

/// A MobileNet of one image: stages in an order in which they can run. A batch repeats it.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The ONNX graph's name.
    pub name: String,
    /// The model's input.
    pub input: Port,
    /// The model's outputs in the graph's order, at least one.
    pub outputs: Vec<Output>,
    /// Images per inference.
    pub batch: usize,
    /// All maps.
    pub maps: Vec<FeatureMap>,
    /// The map that is the model's input.
    pub input_map: MapId,
    /// Stages, in order.
    pub stages: Vec<Stage>,
}
