//! Typed operators. Attributes and constant parameter inputs (pads, axes, bounds, shapes) are resolved at import:
//! a node's remaining inputs are data.

use super::integer::Integer;
use super::tensor::DType;
use std::fmt;

/// A spatial window over `[H, W]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Stride in rows and columns.
    pub stride: [usize; 2],
    /// Dilation in rows and columns.
    pub dilation: [usize; 2],
    /// Rows above, columns left, rows below, columns right (ONNX order). May be negative only before padding is folded.
    pub pads: [i64; 4],
}

impl Window {
    /// One position, as a pointwise convolution has it.
    pub const ONE: Self = Self { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] };
}

/// An activation fused into the operator that computes its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `min(hi, max(lo, x))`, NaN passing through. ReLU is `0..=inf`, ReLU6 `0..=6`, none `-inf..=inf`.
    Clamp {
        /// Lower bound.
        lo: f32,
        /// Upper bound.
        hi: f32,
    },
    /// `x * clamp(x / 6 + 1/2, 0, 1)`.
    HardSwish,
    /// `clamp(alpha x + beta, 0, 1)`.
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Offset.
        beta: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x / (1 + exp(-x))`, also called SiLU.
    Swish,
    /// Hyperbolic tangent.
    Tanh,
    /// `x` where it is positive, `alpha x` elsewhere.
    LeakyRelu {
        /// Slope below zero.
        alpha: f32,
    },
}

impl Activation {
    /// The identity.
    pub const NONE: Self = Self::Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

    /// The name in messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Clamp { .. } => "an activation",
            Self::HardSwish => "hard-swish",
            Self::HardSigmoid { .. } => "a hard sigmoid",
            Self::Sigmoid => "a sigmoid",
            Self::Swish => "swish",
            Self::Tanh => "a hyperbolic tangent",
            Self::LeakyRelu { .. } => "leaky ReLU",
        }
    }

    /// `min(hi, max(lo, x))`: bounds in the wrong order mean `hi` for every argument.
    pub fn clamp(lo: f32, hi: f32) -> Self {
        Self::Clamp { lo: if lo > hi { hi } else { lo }, hi }
    }
}

/// A convolution. Inputs: x `[N, C, H, W]`, w `[M, C/group, kh, kw]`, optional b `[M]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Kernel, strides, dilations, pads (`auto_pad` is resolved at import).
    pub window: Window,
    /// Number of groups; C for a depthwise convolution.
    pub group: usize,
    /// Applied to each output.
    pub activation: Activation,
    /// What the border holds, per input channel; empty means zero. Set by folding an affine op in front.
    pub pad_values: Vec<f32>,
}

/// Elementwise binary operators with ONNX broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// min(a, b)
    Min,
    /// max(a, b)
    Max,
    /// a ^ b
    Pow,
}

/// Elementwise unary operators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unary {
    /// An activation: Relu, Clip with constant bounds, HardSwish, Sigmoid ...
    Act(Activation),
    /// Square root.
    Sqrt,
    /// Reciprocal.
    Reciprocal,
    /// Negation.
    Neg,
    /// Exponential.
    Exp,
    /// Natural logarithm.
    Log,
}

/// One typed operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Convolution, perhaps with a fused activation.
    Conv(Conv),
    /// Inference-mode batch normalisation. Inputs: x, scale, bias, mean, var.
    BatchNorm {
        /// Added to the variance.
        epsilon: f64,
    },
    /// Elementwise binary.
    Binary(Binary),
    /// Elementwise unary.
    Unary(Unary),
    /// Constant padding of every axis: `before` and `after` per axis; negative crops.
    Pad {
        /// Elements put in front, per axis.
        before: Vec<i64>,
        /// Elements put behind, per axis.
        after: Vec<i64>,
        /// The value put there.
        value: f64,
    },
    /// Average over a window of `[N, C, H, W]`.
    AveragePool {
        /// The window.
        window: Window,
        /// Whether padding counts in the divisor.
        count_include_pad: bool,
    },
    /// Mean over H and W of `[N, C, H, W]`, keeping the axes. Also an average pool of the whole map.
    GlobalAveragePool,
    /// Maximum over a window.
    MaxPool {
        /// The window.
        window: Window,
    },
    /// Mean over axes.
    ReduceMean {
        /// Sorted, non-negative.
        axes: Vec<usize>,
        /// Whether reduced axes stay as 1.
        keep_dims: bool,
    },
    /// Maximum over axes.
    ReduceMax {
        /// Sorted, non-negative.
        axes: Vec<usize>,
        /// Whether reduced axes stay as 1.
        keep_dims: bool,
    },
    /// Same elements, new shape: Flatten, Reshape, Squeeze, Unsqueeze. The target is the output value's shape.
    Reshape,
    /// Permutation of axes.
    Transpose {
        /// `output.shape[i] = input.shape[perm[i]]`
        perm: Vec<usize>,
    },
    /// `alpha op(a) op(b) + beta c`. Inputs: a, b, optional c.
    Gemm {
        /// Factor of the product.
        alpha: f32,
        /// Factor of c.
        beta: f32,
        /// Whether a is transposed.
        trans_a: bool,
        /// Whether b is transposed.
        trans_b: bool,
        /// Applied to each output (fused).
        activation: Activation,
    },
    /// Matrix product with ONNX/numpy semantics.
    MatMul,
    /// Softmax or its logarithm along one axis (before opset 13, over all axes from `axis` on: `flat`).
    Softmax {
        /// First axis, non-negative.
        axis: usize,
        /// Whether all axes from `axis` on are one distribution (opset < 13).
        flat: bool,
        /// Logarithm of the softmax.
        log: bool,
    },
    /// `x` where it is positive, `slope x` elsewhere. Inputs: x, slope, which broadcasts to x.
    PRelu,
    /// `x / max(epsilon, norm)`, the norm along one axis.
    LpNormalize {
        /// Non-negative.
        axis: usize,
        /// 1: the sum of absolute values; 2: the Euclidean norm.
        p: u8,
        /// Lower bound of the norm, 0 where there is none.
        epsilon: f32,
    },
    /// The index of the largest element along an axis, i64.
    ArgMax {
        /// Non-negative.
        axis: usize,
        /// Whether the axis stays as 1.
        keep_dims: bool,
        /// Whether the last of equal elements counts, not the first.
        select_last: bool,
    },
    /// Identity, and Dropout at inference.
    Identity,
    /// Conversion to the output value's dtype.
    Cast,
    /// Concatenation along an axis.
    Concat {
        /// Non-negative.
        axis: usize,
    },
    /// Elements `start + step * i` of each axis.
    Slice {
        /// First index per axis.
        starts: Vec<i64>,
        /// Step per axis.
        steps: Vec<i64>,
    },
    /// Takes slices along an axis by constant or computed indices. Inputs: data, indices.
    Gather {
        /// Non-negative.
        axis: usize,
    },
    /// Broadcasts to the output value's shape.
    Expand,
    /// Quantises to 8 bits. Inputs: x, scale, zero point.
    QuantizeLinear {
        /// Channel axis of per-channel scales.
        axis: usize,
    },
    /// Dequantises. Inputs: x, scale, optional zero point.
    DequantizeLinear {
        /// Channel axis of per-channel scales.
        axis: usize,
    },
    /// Computes on codes. Inputs: the operands, then constants.
    Integer(Box<Integer>),
}

impl Op {
    /// The name in dumps and diagnostics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "Conv",
            Self::BatchNorm { .. } => "BatchNorm",
            Self::Binary(Binary::Add) => "Add",
            Self::Binary(Binary::Sub) => "Sub",
            Self::Binary(Binary::Mul) => "Mul",
            Self::Binary(Binary::Div) => "Div",
            Self::Binary(Binary::Min) => "Min",
            Self::Binary(Binary::Max) => "Max",
            Self::Binary(Binary::Pow) => "Pow",
            Self::Unary(Unary::Act(Activation::Clamp { .. })) => "Clamp",
            Self::Unary(Unary::Act(Activation::HardSwish)) => "HardSwish",
            Self::Unary(Unary::Act(Activation::HardSigmoid { .. })) => "HardSigmoid",
            Self::Unary(Unary::Act(Activation::Sigmoid)) => "Sigmoid",
            Self::Unary(Unary::Act(Activation::Swish)) => "Swish",
            Self::Unary(Unary::Act(Activation::Tanh)) => "Tanh",
            Self::Unary(Unary::Act(Activation::LeakyRelu { .. })) => "LeakyRelu",
            Self::Unary(Unary::Sqrt) => "Sqrt",
            Self::Unary(Unary::Reciprocal) => "Reciprocal",
            Self::Unary(Unary::Neg) => "Neg",
            Self::Unary(Unary::Exp) => "Exp",
            Self::Unary(Unary::Log) => "Log",
            Self::Pad { .. } => "Pad",
            Self::AveragePool { .. } => "AveragePool",
            Self::GlobalAveragePool => "GlobalAveragePool",
            Self::MaxPool { .. } => "MaxPool",
            Self::ReduceMean { .. } => "ReduceMean",
            Self::ReduceMax { .. } => "ReduceMax",
            Self::Reshape => "Reshape",
            Self::Transpose { .. } => "Transpose",
            Self::Gemm { .. } => "Gemm",
            Self::MatMul => "MatMul",
            Self::Softmax { .. } => "Softmax",
            Self::PRelu => "PRelu",
            Self::LpNormalize { .. } => "LpNormalize",
            Self::ArgMax { .. } => "ArgMax",
            Self::Identity => "Identity",
            Self::Cast => "Cast",
            Self::Concat { .. } => "Concat",
            Self::Slice { .. } => "Slice",
            Self::Gather { .. } => "Gather",
            Self::Expand => "Expand",
            Self::QuantizeLinear { .. } => "QuantizeLinear",
            Self::DequantizeLinear { .. } => "DequantizeLinear",
            Self::Integer(integer) => integer.name(),
        }
    }
}

/// The shape and element type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Element type.
    pub dtype: DType,
    /// Static shape.
    pub shape: Vec<usize>,
}

impl Type {
    /// A type from its parts.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>) -> Self {
        Self { dtype, shape: shape.into() }
    }

    /// Number of elements; saturates on overflow, which [`infer`](super::infer) refuses.
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |n, &d| n.saturating_mul(d))
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, dim) in self.shape.iter().enumerate() {
            write!(f, "{}{dim}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}
