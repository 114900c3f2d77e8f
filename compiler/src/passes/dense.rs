//! Fully connected layers in one form: `Gemm` with constant weights `[N, K]` and a bias `[N]`.

use super::numbers::{f32s, from_f64, per_channel, permuted};
use super::sweep::Sweep;
use crate::graph::{Activation, Conv, DType, Data, Node, Op, Tensor, Type, ValueId, Window};

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
    if sweep.constant(Some(x)).is_some() {
        return mat_mul_from_left(sweep, node, x, w);
    }
    let weights = sweep.constant(Some(w))?;
    f32s(weights)?;
    let &[inputs, outputs] = &weights.shape[..] else { return None };
    let shape = sweep.shape(x);
    let batch = match shape {
        [_] => 1,
        [batch, between @ .., _] if between.iter().all(|&n| n == 1) => *batch,
        &[n, height, width, channels] => {
            return on_a_map(sweep, node, x, weights.clone(), [n, height, width, channels]);
        }
        &[n, pixels, channels] => return on_a_map(sweep, node, x, weights.clone(), [n, 1, pixels, channels]),
        _ => return None,
    };
    let weights = permuted(weights, &[1, 0]);
    let flat = (shape.to_vec(), vec![batch, inputs]);
    sweep.note(node, "a product by a constant matrix is a fully connected layer");
    let w = sweep.add_constant(w, weights);
    between_views(sweep, node, canonical(Activation::NONE), vec![Some(x), Some(w)], flat, vec![batch, outputs]);
    Some(())
}

/// A product of every pixel's channels, `[N, H, W, C]`, is a 1x1 convolution between transposes.
fn on_a_map(sweep: &mut Sweep, node: &Node, x: ValueId, weights: Tensor, shape: [usize; 4]) -> Option<()> {
    let ([n, height, width, channels], &[inputs, outputs]) = (shape, &weights.shape[..]) else { return None };
    if inputs != channels || shape.contains(&0) || sweep.ty(x).dtype != DType::F32 {
        return None;
    }
    let weights = permuted(&weights, &[1, 0]).reshaped([outputs, inputs, 1, 1])?;
    sweep.note(node, "a product of every pixel by a constant matrix is a 1x1 convolution");
    let w = sweep.add_constant(node.output, weights);
    let mut emit = |op: Op, inputs: Vec<Option<ValueId>>, shape: [usize; 4]| {
        let output = sweep.add_value(node.output, Type { dtype: DType::F32, shape: shape.to_vec() });
        sweep.emit(Node { op, inputs, output, origin: node.origin.clone() });
        output
    };
    let conv = Conv { window: Window::ONE, group: 1, activation: Activation::NONE, pad_values: vec![] };
    let image = emit(Op::Reshape, vec![Some(x)], shape);
    let planes = emit(Op::Transpose { perm: vec![0, 3, 1, 2] }, vec![Some(image)], [n, channels, height, width]);
    let product = emit(Op::Conv(conv), vec![Some(planes), Some(w)], [n, outputs, height, width]);
    let pixels = emit(Op::Transpose { perm: vec![0, 2, 3, 1] }, vec![Some(product)], [n, height, width, outputs]);
    sweep.emit(Node { op: Op::Reshape, inputs: vec![Some(pixels)], output: node.output, origin: node.origin.clone() });
    Some(())
}

/// A product of a constant matrix by a column.
fn mat_mul_from_left(sweep: &mut Sweep, node: &Node, w: ValueId, x: ValueId) -> Option<()> {
    let weights = sweep.constant(Some(w))?;
    f32s(weights)?;
    let (&[outputs, inputs], shape) = (&weights.shape[..], sweep.shape(x).to_vec()) else { return None };
    let one = match shape[..] {
        [_] => true,
        [ref before @ .., _, columns] => columns == 1 && before.iter().all(|&n| n == 1),
        [] => false,
    };
    if !one {
        return None;
    }
    sweep.note(node, "a product of a constant matrix by a column is a fully connected layer");
    let inputs_flat = (shape, vec![1, inputs]);
    let op = canonical(Activation::NONE);
    between_views(sweep, node, op, vec![Some(x), Some(w)], inputs_flat, vec![1, outputs]);
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

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{Activation, Binary, DType, Graph, Op, Tensor};

    fn gemm(alpha: f32, beta: f32, trans_a: bool, trans_b: bool) -> Op {
        Op::Gemm { alpha, beta, trans_a, trans_b, activation: Activation::NONE }
    }

    fn is_canonical(graph: &Graph) {
        let node = graph.nodes.iter().find(|node| matches!(node.op, Op::Gemm { .. })).unwrap();
        assert!(matches!(node.op, Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true, .. }));
        assert!(ops(graph).iter().all(|op| ["Gemm", "Reshape", "GlobalAveragePool"].contains(op)), "{graph}");
    }

    #[test]
    fn gemm_in_every_form() {
        for (trans_b, bias) in [(false, &[3][..]), (true, &[1, 3]), (false, &[]), (true, &[1]), (true, &[1, 1])] {
            let mut b = Builder::new(1, DType::F32, &[2, 5]);
            let w = b.random(if trans_b { &[3, 5] } else { &[5, 3] }, -1.0, 1.0);
            let c = b.random(bias, -1.0, 1.0);
            let x = b.node(gemm(0.5, 2.0, false, trans_b), &[b.input(), w, c]);
            let x = b.clamp(x, 0.0, 1.0);
            let graph = b.finish(x);
            is_canonical(&fires(&graph, "canonical-dense"));
        }
        let mut b = Builder::new(1, DType::F32, &[5, 1]);
        let w = b.random(&[5, 3], -1.0, 1.0);
        let x = b.node(gemm(1.0, 1.0, true, false), &[b.input(), w]);
        let graph = b.finish(x);
        is_canonical(&rewritten(&graph));
    }

    #[test]
    fn products_by_a_matrix_and_their_bias() {
        for shape in [&[2, 5][..], &[2, 1, 5], &[1, 1, 1, 5]] {
            let mut b = Builder::new(1, DType::F32, shape);
            let (w, bias, scale) = (b.random(&[5, 3], -1.0, 1.0), b.random(&[3], -1.0, 1.0), b.random(&[3], 0.5, 1.0));
            let x = b.node(Op::MatMul, &[b.input(), w]);
            let x = b.reshape(x, &[shape[0], 3]);
            let x = b.node(Op::Binary(Binary::Add), &[bias, x]);
            let x = b.node(Op::Binary(Binary::Mul), &[x, scale]);
            let x = b.clamp(x, 0.0, 9.0);
            let graph = b.finish(x);
            is_canonical(&fires(&graph, "canonical-dense"));
        }
    }

    #[test]
    fn the_1x1_convolutions_of_a_head() {
        let mut b = Builder::new(1, DType::F32, &[2, 4, 3, 3]);
        let x = b.node(Op::GlobalAveragePool, &[b.input()]);
        let x = b.conv(x, 6, 1, 1, [0; 4]);
        let x = b.clamp(x, 0.0, 6.0);
        let x = b.conv(x, 5, 1, 1, [0; 4]);
        let x = b.reshape(x, &[2, 5]);
        let graph = b.finish(x);
        let canonical = fires(&graph, "canonical-dense");
        assert_eq!(ops(&canonical), ["GlobalAveragePool", "Reshape", "Gemm", "Gemm"]);
    }

    #[test]
    fn a_bias_per_image_or_a_computed_matrix_stays() {
        let mut b = Builder::new(1, DType::F32, &[2, 5]);
        let (w, c) = (b.random(&[5, 3], -1.0, 1.0), b.random(&[2, 1], -1.0, 1.0));
        let x = b.node(gemm(1.0, 1.0, false, false), &[b.input(), w, c]);
        let graph = b.finish(x);
        assert_eq!(rewritten(&graph), graph);
        let mut b = Builder::new(1, DType::F32, &[5, 5]);
        let x = b.node(Op::MatMul, &[b.input(), b.input()]);
        let graph = b.finish(x);
        assert_eq!(rewritten(&graph), graph);
    }

    #[test]
    fn weights_that_fit_already_are_shared() {
        let mut b = Builder::new(1, DType::F32, &[1, 4, 3, 3]);
        let x = b.node(Op::GlobalAveragePool, &[b.input()]);
        let x = b.conv(x, 6, 1, 1, [0; 4]);
        let graph = b.finish(x);
        let weights = |graph: &Graph| -> Option<Tensor> {
            let node = graph.nodes.iter().find(|node| matches!(node.op, Op::Conv(_) | Op::Gemm { .. }))?;
            graph.constant(node.inputs[1]?).cloned()
        };
        let (before, after) = (weights(&graph).unwrap(), weights(&rewritten(&graph)).unwrap());
        assert!(std::sync::Arc::ptr_eq(before.as_f32().unwrap(), after.as_f32().unwrap()));
    }
}
