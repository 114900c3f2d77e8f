//! Per-channel scale and offset, however spelled.

use super::numbers::per_channel;
use super::sweep::Sweep;
use crate::graph::{Binary, DType, Node, Op, Tensor, Unary, ValueId};

/// `scale[c] * x + shift[c]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affine {
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
}

impl Affine {
    /// What a node does to the channels of its data input, and that input, if it is an affine by constants.
    pub fn of(sweep: &Sweep, node: &Node, axis: usize) -> Option<(ValueId, Self)> {
        let x = data(sweep, node)?;
        let shape = sweep.shape(x);
        if sweep.ty(x) != sweep.ty(node.output) || sweep.ty(x).dtype != DType::F32 {
            return None;
        }
        let channels = *shape.get(axis)?;
        let affine = match &node.op {
            Op::Unary(Unary::Neg) => Self { scale: vec![-1.0; channels], shift: vec![0.0; channels] },
            Op::BatchNorm { epsilon } if axis == 1 => batch_norm(sweep, node, *epsilon, channels)?,
            Op::Binary(binary) => {
                let first = node.inputs[0] == Some(x);
                let constant = sweep.constant(node.inputs[usize::from(first)])?;
                let values = per_channel(constant, shape, axis)?;
                let ones = || vec![1.0; channels];
                let zeros = || vec![0.0; channels];
                match (binary, first) {
                    (Binary::Add, _) => Self { scale: ones(), shift: values },
                    (Binary::Sub, true) => Self { scale: ones(), shift: values.iter().map(|v| -v).collect() },
                    (Binary::Sub, false) => Self { scale: vec![-1.0; channels], shift: values },
                    (Binary::Mul, _) => Self { scale: values, shift: zeros() },
                    (Binary::Div, true) => Self { scale: values.iter().map(|v| 1.0 / v).collect(), shift: zeros() },
                    _ => return None,
                }
            }
            _ => return None,
        };
        let representable = |v: &f64| (*v as f32).is_finite();
        (affine.scale.iter().all(representable) && affine.shift.iter().all(representable)).then_some((x, affine))
    }

    /// Whether a node is such an arithmetic, along whichever axis.
    pub fn of_any(sweep: &Sweep, node: &Node) -> bool {
        (0..sweep.shape(node.output).len()).any(|axis| Self::of(sweep, node, axis).is_some())
    }

    /// `self` after `first`.
    pub fn after(&self, first: &Self) -> Self {
        let scale = self.scale.iter().zip(&first.scale).map(|(a, b)| a * b).collect();
        let shift = self.scale.iter().zip(&first.shift).zip(&self.shift).map(|((a, b), c)| a * b + c).collect();
        Self { scale, shift }
    }

    /// In words, for reasons.
    pub fn spelling(node: &Node) -> &'static str {
        if let Op::BatchNorm { .. } = node.op { "batch norm" } else { node.op.name() }
    }
}

/// The one input that isn't constant.
fn data(sweep: &Sweep, node: &Node) -> Option<ValueId> {
    let constant = |at: usize| sweep.constant(node.inputs.get(at).copied().flatten()).is_some();
    match (&node.op, &node.inputs[..]) {
        (Op::Unary(_) | Op::BatchNorm { .. }, &[Some(x), ..]) => Some(x),
        (Op::Binary(_), &[Some(a), Some(b)]) => match (constant(0), constant(1)) {
            (false, true) => Some(a),
            (true, false) => Some(b),
            _ => None,
        },
        _ => None,
    }
}

fn batch_norm(sweep: &Sweep, node: &Node, epsilon: f64, channels: usize) -> Option<Affine> {
    let parameter = |at: usize| {
        let values = sweep.constant(node.inputs.get(at).copied().flatten()).map(Tensor::to_f64)?;
        (values.len() == channels).then_some(values)
    };
    let (gamma, beta, mean, var) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
    let scale: Vec<f64> = gamma.iter().zip(&var).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let shift = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    Some(Affine { scale, shift })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, ops, rewritten};
    use crate::graph::{DType, Op};

    /// Batch norm goes along axis 1, even where as many images or rows as channels are averaged around.
    #[test]
    fn batch_norm_of_a_square_goes_along_channels() {
        for (shape, axes) in [(&[3, 3][..], vec![1]), (&[3, 3, 3, 3], vec![1, 2]), (&[1, 3, 3, 3], vec![1, 3])] {
            let mut b = Builder::new(1, DType::F32, shape);
            let x = b.clamp(b.input(), -1.0, 1.0);
            let x = b.batch_norm(x);
            let x = b.node(Op::ReduceMean { axes, keep_dims: true }, &[x]);
            let graph = b.finish(x);
            assert!(ops(&rewritten(&graph)).contains(&"BatchNorm"));
        }
    }
}
