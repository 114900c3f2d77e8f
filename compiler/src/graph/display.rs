//! The printed form of a graph: what snapshots and `inspect` show.

use super::{Activation, Data, Graph, Node, Op, Tensor, Unary, ValueId, Window};
use std::fmt;

/// Constants with more elements appear as a hash.
const SHOWN: usize = 8;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {:?} (opset {})", self.name, self.opset)?;
        writeln!(f, "input {:?}: {}", self[self.input].name, self.ty(self.input))?;
        for node in &self.nodes {
            self.print_node(f, node)?;
        }
        for &output in &self.outputs {
            write!(f, "output ")?;
            self.print_value(f, output)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Graph {
    fn print_node(&self, f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
        write!(f, "{:?}: {} = {}", self[node.output].name, self.ty(node.output), node.op)?;
        f.write_str("(")?;
        for (i, input) in node.inputs.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            match input {
                Some(id) => self.print_value(f, *id)?,
                None => f.write_str("_")?,
            }
        }
        f.write_str(")")?;
        if let Some(constant) = self.constant(node.output) {
            write!(f, " = {}", Elements(constant))?;
        }
        write!(f, " from")?;
        for name in &node.origin {
            write!(f, " {name:?}")?;
        }
        writeln!(f)
    }

    fn print_value(&self, f: &mut fmt::Formatter<'_>, id: ValueId) -> fmt::Result {
        match self.constant(id) {
            Some(constant) => write!(f, "{:?} {} {}", self[id].name, self.ty(id), Elements(constant)),
            None => write!(f, "{:?}", self[id].name),
        }
    }
}

struct Elements<'a>(&'a Tensor);

impl fmt::Display for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensor = self.0;
        if tensor.len() > SHOWN {
            return write!(f, "#{:016x}", tensor.fingerprint());
        }
        match &tensor.data {
            Data::F32(data) => write!(f, "{data:?}"),
            Data::F64(data) => write!(f, "{data:?}"),
            Data::Int(data) => write!(f, "{data:?}"),
        }
    }
}

impl Tensor {
    /// A short hash of the elements' bits (FNV-1a over 64-bit words), the same on every machine.
    pub fn fingerprint(&self) -> u64 {
        let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x100_0000_01b3);
        let seed = 0xcbf2_9ce4_8422_2325;
        match &self.data {
            Data::F32(data) => data.iter().fold(seed, |h, v| mix(h, v.to_bits().into())),
            Data::F64(data) => data.iter().fold(seed, |h, v| mix(h, v.to_bits())),
            Data::Int(data) => data.iter().fold(seed, |h, &v| mix(h, v as u64)),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clamp { lo, hi } => write!(f, "clamp({lo}..{hi})"),
            Self::HardSwish => f.write_str("hard_swish"),
            Self::HardSigmoid { alpha, beta } => write!(f, "hard_sigmoid({alpha}, {beta})"),
            Self::Sigmoid => f.write_str("sigmoid"),
            Self::Swish => f.write_str("swish"),
            Self::Tanh => f.write_str("tanh"),
            Self::LeakyRelu { alpha } => write!(f, "leaky_relu({alpha})"),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kh, kw] = self.kernel;
        let [sh, sw] = self.stride;
        write!(f, "{kh}x{kw} stride {sh}x{sw}")?;
        if self.dilation != [1, 1] {
            write!(f, " dilation {}x{}", self.dilation[0], self.dilation[1])?;
        }
        if self.pads != [0; 4] {
            write!(f, " pads {:?}", self.pads)?;
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let activated = |f: &mut fmt::Formatter<'_>, activation: &Activation| match *activation {
            Activation::NONE => Ok(()),
            activation => write!(f, " {activation}"),
        };
        match self {
            Self::Conv(conv) => {
                write!(f, " {}", conv.window)?;
                if conv.group != 1 {
                    write!(f, " group {}", conv.group)?;
                }
                if !conv.pad_values.is_empty() {
                    write!(f, " pad values {:?}", conv.pad_values)?;
                }
                activated(f, &conv.activation)
            }
            Self::BatchNorm { epsilon } => write!(f, " epsilon {epsilon:e}"),
            Self::Unary(Unary::Act(Activation::Clamp { lo, hi })) => write!(f, " {lo}..{hi}"),
            Self::Unary(Unary::Act(Activation::HardSigmoid { alpha, beta })) => {
                write!(f, " alpha {alpha} beta {beta}")
            }
            Self::Unary(Unary::Act(Activation::LeakyRelu { alpha })) => write!(f, " alpha {alpha}"),
            Self::LpNormalize { axis, p, epsilon } => {
                write!(f, " axis {axis} p {p}")?;
                if *epsilon == 0.0 { Ok(()) } else { write!(f, " epsilon {epsilon:e}") }
            }
            Self::ArgMax { axis, keep_dims, select_last } => {
                write!(f, " axis {axis}{}", if *keep_dims { "" } else { " dropped" })?;
                f.write_str(if *select_last { " last" } else { "" })
            }
            Self::Pad { before, after, value } => write!(f, " before {before:?} after {after:?} value {value}"),
            Self::AveragePool { window, count_include_pad } => {
                write!(f, " {window}{}", if *count_include_pad { " padding counted" } else { "" })
            }
            Self::MaxPool { window } => write!(f, " {window}"),
            Self::ReduceMean { axes, keep_dims } | Self::ReduceMax { axes, keep_dims } => {
                write!(f, " axes {axes:?}{}", if *keep_dims { "" } else { " dropped" })
            }
            Self::Transpose { perm } => write!(f, " {perm:?}"),
            Self::Gemm { alpha, beta, trans_a, trans_b, activation } => {
                if *alpha != 1.0 {
                    write!(f, " alpha {alpha}")?;
                }
                if *beta != 1.0 {
                    write!(f, " beta {beta}")?;
                }
                f.write_str(if *trans_a { " a transposed" } else { "" })?;
                f.write_str(if *trans_b { " b transposed" } else { "" })?;
                activated(f, activation)
            }
            Self::Softmax { axis, flat, log } => {
                write!(f, " axis {axis}{}{}", if *flat { " flat" } else { "" }, if *log { " log" } else { "" })
            }
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Slice { starts, steps } => write!(f, " starts {starts:?} steps {steps:?}"),
            Self::Concat { axis }
            | Self::Gather { axis }
            | Self::QuantizeLinear { axis }
            | Self::DequantizeLinear { axis } => write!(f, " axis {axis}"),
            _ => Ok(()),
        }
    }
}
