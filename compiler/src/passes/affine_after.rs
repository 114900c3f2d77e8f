//! Batch norm and other affines behind a convolution or a fully connected layer.

use super::affine::Affine;
use super::numbers::{f32s, from_f64, per_channel};
use super::sweep::{Sweep, join};
use crate::graph::{Activation, DType, Data, Node, Op, Tensor, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    match fold(sweep, &node) {
        Some(folded) => sweep.emit(folded),
        None => sweep.emit(node),
    }
}

/// `scale * (w x + b) + shift = (scale * w) x + (scale * b + shift)`.
fn fold(sweep: &mut Sweep, node: &Node) -> Option<Node> {
    let (x, channel_axis) = node.inputs.iter().flatten().find_map(|&id| {
        let axis = match &sweep.producer(id)?.op {
            Op::Conv(conv) if conv.activation == Activation::NONE => 1,
            Op::Gemm { activation: Activation::NONE, alpha: 1.0, beta: 1.0, trans_b: true, .. } => 1,
            _ => return None,
        };
        Some((id, axis))
    })?;
    let (data, affine) = Affine::of(sweep, node, channel_axis)?;
    if data != x || !sweep.unused(x) {
        return None;
    }
    let inner = sweep.producer(x)?;
    let (w, b) = (inner.inputs.get(1).copied()??, inner.inputs.get(2).copied().flatten());
    let weights = scale_rows(sweep.constant(Some(w))?, &affine.scale)?;
    let bias = match b {
        Some(b) => per_channel(sweep.constant(Some(b))?, &[1, affine.scale.len()], 1)?,
        None => vec![0.0; affine.scale.len()],
    };
    let bias: Vec<f64> = bias.iter().zip(&affine.scale).zip(&affine.shift).map(|((b, s), t)| b * s + t).collect();
    let bias = from_f64(vec![bias.len()], &bias)?;

    let mut inner = sweep.take(x)?;
    sweep.note(node, format!("{} folded into the {} in front of it", Affine::spelling(node), inner.op.name()));
    let w = weights.map_or(w, |weights| sweep.add_constant(w, weights));
    let bias = sweep.add_constant(node.output, bias);
    inner.inputs = vec![inner.inputs[0], Some(w), Some(bias)];
    inner.origin = join(&inner.origin, &node.origin);
    inner.output = node.output;
    Some(inner)
}

/// Row `m` times `scale[m]`; the inner `None` means that nothing changes.
#[allow(clippy::option_option, reason = "failure and no change differ")]
fn scale_rows(weights: &Tensor, scale: &[f64]) -> Option<Option<Tensor>> {
    let data = f32s(weights)?;
    let row = data.len().checked_div(scale.len())?;
    if weights.shape.first() != Some(&scale.len()) || row == 0 {
        return None;
    }
    if scale.iter().all(|&s| s == 1.0) {
        return Some(None);
    }
    let mut out = Vec::with_capacity(data.len());
    for (row, &scale) in data.chunks_exact(row).zip(scale) {
        out.extend(row.iter().map(|&w| (f64::from(w) * scale) as f32));
    }
    Some(Some(Tensor { dtype: DType::F32, shape: weights.shape.clone(), data: Data::F32(out.into()) }))
}

/// The bias of a convolution as numbers.
pub(super) fn bias_of(sweep: &Sweep, id: Option<ValueId>, channels: usize) -> Option<Vec<f64>> {
    match id {
        None => Some(vec![0.0; channels]),
        Some(id) => sweep.constant(Some(id)).map(Tensor::to_f64).filter(|bias| bias.len() == channels),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{Binary, DType, Op};

    #[test]
    fn batch_norm_goes_into_any_convolution() {
        for grouped in [false, true] {
            let mut b = Builder::new(1, DType::F32, &[2, 4, 5, 5]);
            let x =
                if grouped { b.depthwise(b.input(), 3, 2, [1; 4]) } else { b.conv(b.input(), 6, 3, 2, [0, 0, 1, 1]) };
            let x = b.batch_norm(x);
            let x = b.clamp(x, 0.0, 6.0);
            let graph = b.finish(x);
            let canonical = fires(&graph, "fold-affine-after");
            assert_eq!(ops(&canonical), ["Conv"]);
            assert_eq!(canonical.nodes[0].origin, ["Conv0", "BatchNorm1", "Clamp2"]);
        }
    }

    #[test]
    fn arithmetic_by_channel_constants_in_any_shape() {
        for shape in [&[6, 1, 1][..], &[1, 6, 1, 1], &[1, 1, 1], &[]] {
            for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div] {
                for constant_first in [false, true] {
                    let mut b = Builder::new(1, DType::F32, &[2, 4, 5, 5]);
                    let x = b.conv(b.input(), 6, 1, 1, [0; 4]);
                    let c = b.random(shape, 0.5, 2.0);
                    let inputs = if constant_first { [c, x] } else { [x, c] };
                    let y = b.node(Op::Binary(op), &inputs);
                    let graph = b.finish(y);
                    if (op, constant_first) == (Binary::Div, true) {
                        assert_eq!(ops(&rewritten(&graph)), ["Conv", "Div"]);
                    } else {
                        assert_eq!(ops(&fires(&graph, "fold-affine-after")), ["Conv"], "{op:?} {shape:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_per_channel_or_read_elsewhere_stays() {
        let mut b = Builder::new(1, DType::F32, &[1, 4, 5, 5]);
        let x = b.conv(b.input(), 5, 1, 1, [0; 4]);
        let per_column = b.random(&[5], 0.5, 1.0);
        let x = b.node(Op::Binary(Binary::Mul), &[x, per_column]);
        let graph = b.finish(x);
        assert_eq!(ops(&rewritten(&graph)), ["Conv", "Mul"]);

        let mut b = Builder::new(1, DType::F32, &[1, 4, 5, 5]);
        let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
        let y = b.batch_norm(x);
        let x = b.node(Op::Binary(Binary::Add), &[x, y]);
        let graph = b.finish(x);
        assert_eq!(ops(&rewritten(&graph)), ["Conv", "BatchNorm", "Add"]);
    }

    #[test]
    fn behind_an_activation_nothing_folds() {
        let mut b = Builder::new(1, DType::F32, &[1, 4, 5, 5]);
        let x = b.conv(b.input(), 5, 1, 1, [0; 4]);
        let x = b.clamp(x, 0.0, 6.0);
        let x = b.batch_norm(x);
        let graph = b.finish(x);
        assert_eq!(ops(&rewritten(&graph)), ["Conv", "BatchNorm"]);
    }
}
