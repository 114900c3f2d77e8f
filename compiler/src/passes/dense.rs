//! Fully connected layers in one form: `Gemm` with constant weights `[N, K]` and a bias `[N]`.

use super::numbers::{f32s, from_f64, per_channel, permuted};
use super::sweep::Sweep;
use crate::graph::{Activation, DType, Data, Node, Op, Tensor, Type, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let rewritten = match &node.op {
        Op::Gemm { .. } => gemm(sweep, &node),
        Op::MatMul => mat_mul(sweep, &node),
        Op::Conv(_) => conv(sweep, &node),
        _ => None,
    };
    if rewritten.is_none() {
        sweep.emit(node);
    }
}

const fn canonical(activation: Activation) -> Op {
    Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true, activation }
}

fn gemm(sweep: &mut Sweep, node: &Node) -> Option<()> {
    let &Op::Gemm { alpha, beta, trans_a, trans_b, activation } = &node.op else { return None };
    let (x, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let c = node.inputs.get(2).copied().flatten();
    if (alpha, beta, trans_a, trans_b) == (1.0, 1.0, false, true)
        && c.is_none_or(|c| sweep.shape(c) == &sweep.shape(w)[..1])
    {
        return None;
    }
    let weights = sweep.constant(Some(w))?;
    f32s(weights)?;
    let weights = if trans_b { weights.clone() } else { permuted(weights, &[1, 0]) };
    let weights = if alpha == 1.0 { weights } else { scaled(&weights, f64::from(alpha))? };
    let &[outputs, _] = &weights.shape[..] else { return None };
    let bias = match c {
        None => None,
        Some(c) => {
            let values = per_channel(sweep.constant(Some(c))?, sweep.shape(node.output), 1)?;
            let values: Vec<f64> = values.iter().map(|v| v * f64::from(beta)).collect();
            Some(from_f64(vec![outputs], &values)?)
        }
    };
    sweep.note(node, "its factors go into the weights, which are stored by output");
    let w = sweep.add_constant(w, weights);
    let bias = bias.map(|bias| sweep.add_constant(node.output, bias));
    let x = if trans_a { transposed(sweep, node, x)? } else { x };
    sweep.emit(Node { op: canonical(activation), inputs: vec![Some(x), Some(w), bias], ..node.clone() });
    Some(())
}

fn transposed(sweep: &mut Sweep, node: &Node, x: ValueId) -> Option<ValueId> {
    let &[rows, columns] = sweep.shape(x) else { return None };
    let value = sweep.add_value(x, Type { dtype: DType::F32, shape: vec![columns, rows] });
    let op = Op::Transpose { perm: vec![1, 0] };
    sweep.emit(Node { op, inputs: vec![Some(x)], output: value, origin: node.origin.clone() });
    Some(value)
}

fn scaled(weights: &Tensor, factor: f64) -> Option<Tensor> {
    let data = f32s(weights)?;
    let data: Vec<f32> = data.iter().map(|&w| (f64::from(w) * factor) as f32).collect();
    Some(Tensor { data: Data::F32(data.into()), ..weights.clone() })
}

/// A product of vectors by a constant matrix.
fn mat_mul(sweep: &mut Sweep, node: &Node) -> Option<()> {
    let (x, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let weights = sweep.constant(Some(w))?;
    f32s(weights)?;
    let &[inputs, outputs] = &weights.shape[..] else { return None };
    let shape = sweep.shape(x);
    let batch = match shape {
        [_] => 1,
        [batch, between @ .., _] if between.iter().all(|&n| n == 1) => *batch,
        _ => return None,
    };
    let weights = permuted(weights, &[1, 0]);
    let flat = (shape.to_vec(), vec![batch, inputs]);
    sweep.note(node, "a product by a constant matrix is a fully connected layer");
    let w = sweep.add_constant(w, weights);
    between_views(sweep, node, canonical(Activation::NONE), vec![Some(x), Some(w)], flat, vec![batch, outputs]);
    Some(())
}

/// A 1x1 convolution of a pooled map.
fn conv(sweep: &mut Sweep, node: &Node) -> Option<()> {
    let Op::Conv(conv) = &node.op else { return None };
    let (x, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let &[batch, channels, 1, 1] = sweep.shape(x) else { return None };
    if conv.group != 1 || conv.window.kernel != [1, 1] || conv.window.pads != [0; 4] || !is_pooled(sweep, x) {
        return None;
    }
    let weights = sweep.constant(Some(w))?;
    f32s(weights)?;
    let outputs = *weights.shape.first()?;
    let weights = weights.reshaped([outputs, channels])?;
    let activation = conv.activation;
    sweep.note(node, "a 1x1 convolution of a pooled map is a fully connected layer");
    let w = sweep.add_constant(w, weights);
    let inputs = vec![Some(x), Some(w), node.inputs.get(2).copied().flatten()];
    let flat = (vec![batch, channels, 1, 1], vec![batch, channels]);
    between_views(sweep, node, canonical(activation), inputs, flat, vec![batch, outputs]);
    Some(())
}

/// Whether a value is a pooled map or the output of a fully connected layer, perhaps reshaped.
fn is_pooled(sweep: &Sweep, mut id: ValueId) -> bool {
    while let Some(node) = sweep.producer(id) {
        match (&node.op, node.inputs.first()) {
            (Op::GlobalAveragePool | Op::Gemm { .. }, _) => return true,
            (Op::Reshape | Op::Identity, Some(&Some(input))) => id = input,
            _ => return false,
        }
    }
    false
}

/// Emits `op` on the input reshaped from the first of `flat` to the second, and its `[N, M]` result reshaped to the output's shape.
fn between_views(
    sweep: &mut Sweep,
    node: &Node,
    op: Op,
    mut inputs: Vec<Option<ValueId>>,
    flat: (Vec<usize>, Vec<usize>),
    result: Vec<usize>,
) {
    let origin = || node.origin.clone();
    let reshape = |input, output| Node { op: Op::Reshape, inputs: vec![input], output, origin: origin() };
    if flat.0 != flat.1 {
        let value = sweep.add_value(node.output, Type { dtype: DType::F32, shape: flat.1 });
        sweep.emit(reshape(inputs[0], value));
        inputs[0] = Some(value);
    }
    if sweep.shape(node.output) == result {
        return sweep.emit(Node { op, inputs, output: node.output, origin: origin() });
    }
    let value = sweep.add_value(node.output, Type { dtype: DType::F32, shape: result });
    sweep.emit(Node { op, inputs, output: value, origin: origin() });
    sweep.emit(reshape(Some(value), node.output));
}
