//! Operators on 8-bit codes: what a float operator between dequantised operands and a quantised result becomes.
//!
//! What each computes, to the bit, is in `docs/quantization.md`.

use super::{DType, Window};
use std::fmt;
use std::sync::Arc;

/// How the codes of a value stand for numbers: `(code - zero) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quant {
    /// U8 or I8.
    pub dtype: DType,
    /// The quantum, positive and finite.
    pub scale: f32,
    /// The code of 0.
    pub zero: i32,
}

impl Quant {
    /// The smallest and largest code.
    pub fn range(self) -> [i32; 2] {
        if self.dtype == DType::I8 { [-128, 127] } else { [0, 255] }
    }
}

impl fmt::Display for Quant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} * {:e} from {}", self.dtype, self.scale, self.zero)
    }
}

/// How constant weights stand for numbers, per output channel: `(code - zeros[m]) * scales[m]`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightQuant {
    /// `[M]`
    pub scales: Arc<[f32]>,
    /// `[M]`
    pub zeros: Arc<[i32]>,
}

/// What an integer operator computes.
#[derive(Debug, Clone, PartialEq)]
pub enum IntegerOp {
    /// Convolution. Inputs: x `[N, C, H, W]`, weights `[M, C/group, kh, kw]` (codes), bias `[M]` (i32). The border holds x's zero point.
    Conv {
        /// Kernel, strides, dilations, pads.
        window: Window,
        /// Number of groups.
        group: usize,
        /// Of the weights.
        weights: WeightQuant,
    },
    /// Fully connected. Inputs: x `[N, K]`, weights `[M, K]` (codes), bias `[M]` (i32).
    Dense {
        /// Of the weights.
        weights: WeightQuant,
    },
    /// Sum of two values of one shape.
    Add,
    /// The first input times the second, which broadcasts to it.
    Mul,
    /// Mean over a window.
    AveragePool {
        /// The window.
        window: Window,
        /// Whether the border counts in the divisor.
        count_include_pad: bool,
    },
    /// Mean over H and W of `[N, C, H, W]`, keeping the axes.
    GlobalAveragePool,
    /// The result's code for each code of x: entry `code - smallest`.
    Table(Arc<[i16]>),
}

/// An operator on codes, with how its inputs and its result stand for numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Integer {
    /// What it computes.
    pub op: IntegerOp,
    /// Of each input that is computed, in order.
    pub inputs: Vec<Quant>,
    /// Of the result.
    pub output: Quant,
    /// Smallest and largest code of the result: an activation, or the range of the type.
    pub clamp: [i32; 2],
}

impl Integer {
    /// The name in dumps and diagnostics.
    pub fn name(&self) -> &'static str {
        match self.op {
            IntegerOp::Conv { .. } => "IntegerConv",
            IntegerOp::Dense { .. } => "IntegerDense",
            IntegerOp::Add => "IntegerAdd",
            IntegerOp::Mul => "IntegerMul",
            IntegerOp::AveragePool { .. } => "IntegerAveragePool",
            IntegerOp::GlobalAveragePool => "IntegerGlobalAveragePool",
            IntegerOp::Table(_) => "IntegerTable",
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.op {
            IntegerOp::Conv { window, group, .. } => {
                write!(f, " {window}")?;
                if *group != 1 {
                    write!(f, " group {group}")?;
                }
            }
            IntegerOp::AveragePool { window, count_include_pad } => {
                write!(f, " {window}{}", if *count_include_pad { " padding counted" } else { "" })?;
            }
            _ => {}
        }
        write!(f, " to {}", self.output)?;
        if self.clamp != self.output.range() {
            write!(f, " clamp {}..={}", self.clamp[0], self.clamp[1])?;
        }
        Ok(())
    }
}
