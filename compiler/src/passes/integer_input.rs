//! Integer inputs: dequantised ones become a cast and an affine, and casts move to the model's input.

use super::numbers::from_f64;
use super::sweep::Sweep;
use crate::graph::{Binary, DType, Node, Op, Tensor, Type, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    match node.op {
        Op::DequantizeLinear { axis } => dequantize(sweep, node, axis),
        Op::Cast => hoist(sweep, node),
        _ => sweep.emit(node),
    }
}

/// `DequantizeLinear(x)` of the model's input is `(cast(x) - zero) * scale`.
fn dequantize(sweep: &mut Sweep, node: Node, axis: usize) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    let rank = sweep.shape(x).len();
    let channels = sweep.shape(x).get(axis).copied();
    let operand = |tensor: &Tensor| -> Option<Tensor> {
        let values = tensor.to_f64();
        match values.len() {
            1 => from_f64(vec![], &values),
            n if Some(n) == channels => {
                let mut shape = vec![1; rank - axis];
                shape[0] = n;
                from_f64(shape, &values)
            }
            _ => None,
        }
    };
    let scale = sweep.constant(node.inputs.get(1).copied().flatten()).and_then(operand);
    let zero = match node.inputs.get(2).copied().flatten() {
        None => Some(None),
        id => sweep.constant(id).and_then(operand).map(Some),
    };
    let (Some(scale), Some(zero), true) = (scale, zero, sweep.is_raw_input(x)) else { return sweep.emit(node) };
    if sweep.ty(node.output).dtype != DType::F32 {
        return sweep.emit(node);
    }
    sweep.note(&node, "dequantises the model's input: a cast, an offset and a scale");
    let ty = Type { dtype: DType::F32, shape: sweep.shape(x).to_vec() };
    let mut value = sweep.add_value(x, ty.clone());
    sweep.emit(Node { op: Op::Cast, inputs: vec![Some(x)], output: value, origin: node.origin.clone() });
    if let Some(zero) = zero {
        let zero = sweep.add_constant(node.output, zero);
        let inputs = vec![Some(value), Some(zero)];
        value = sweep.add_value(x, ty);
        sweep.emit(Node { op: Op::Binary(Binary::Sub), inputs, output: value, origin: node.origin.clone() });
    }
    let scale = sweep.add_constant(node.output, scale);
    sweep.emit(Node { op: Op::Binary(Binary::Mul), inputs: vec![Some(value), Some(scale)], ..node });
}

/// A cast to float moves in front of operators that only move elements.
fn hoist(sweep: &mut Sweep, node: Node) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    let moves = |op: &Op| {
        matches!(
            op,
            Op::Transpose { .. } | Op::Reshape | Op::Pad { .. } | Op::Slice { .. } | Op::Gather { .. } | Op::Expand
        )
    };
    let to = sweep.ty(node.output).dtype;
    if to != DType::F32 || !sweep.sole_producer(x).is_some_and(|inner| moves(&inner.op)) {
        return sweep.emit(node);
    }
    let Some(mut inner) = sweep.take(x) else { return sweep.emit(node) };
    let Some(&Some(y)) = inner.inputs.first() else { return sweep.emit(inner) };
    sweep.note(&node, format!("moves in front of {}", inner.op.name()));
    let cast: ValueId = sweep.add_value(y, Type { dtype: to, shape: sweep.shape(y).to_vec() });
    inner.inputs[0] = Some(cast);
    inner.output = node.output;
    sweep.emit(Node { inputs: vec![Some(y)], output: cast, ..node });
    sweep.emit(inner);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Binary, DType, Op, Tensor};

    #[test]
    fn bytes_are_cast_first_and_their_scale_folds() {
        for dtype in [DType::U8, DType::I8] {
            let mut b = Builder::new(1, dtype, &[1, 6, 6, 3]);
            let x = b.pad(b.input(), &[0, 1, 1, 0], &[0, 1, 1, 0], 7.0);
            let x = b.transpose(x, &[0, 3, 1, 2]);
            let x = b.cast(x, DType::F32);
            let (half, mean) = (b.scalar(127.5), b.scalar(1.0));
            let x = b.node(Op::Binary(Binary::Div), &[x, half]);
            let x = b.node(Op::Binary(Binary::Sub), &[x, mean]);
            let x = b.conv(x, 4, 3, 2, [0; 4]);
            let graph = b.finish(x);
            let canonical = fires(&graph, "read-integers");
            assert_eq!(ops(&canonical), ["Cast", "Transpose", "Conv"]);
            let Op::Conv(conv) = &canonical.nodes[2].op else { panic!("{canonical}") };
            assert_eq!(conv.pad_values, [7.0; 3]);
        }
    }

    #[test]
    fn a_dequantised_input_is_an_affine() {
        for axis in [1, 3] {
            let mut b = Builder::new(1, DType::U8, &[1, 3, 6, 3]);
            let scale = b.random(&[3], 0.1, 0.2);
            let mut graph = {
                let x = b.cast(b.input(), DType::F32);
                let perm: &[usize] = if axis == 1 { &[0, 1, 2, 3] } else { &[0, 3, 1, 2] };
                let x = b.transpose(x, perm);
                let x = b.conv(x, 4, 3, 1, [1; 4]);
                b.finish(x)
            };
            let zero = graph.add_constant("zero", Tensor::int(DType::U8, [3], [128, 0, 3]));
            graph.nodes[0].op = Op::DequantizeLinear { axis };
            graph.nodes[0].inputs.extend([Some(scale), Some(zero)]);
            let canonical = fires(&graph, "read-integers");
            assert!(ops(&canonical).iter().all(|op| ["Cast", "Transpose", "Conv"].contains(op)), "{canonical}");
        }
    }
}
