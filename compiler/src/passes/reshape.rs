//! Reshapes of reshapes, transposes that are reshapes, and arithmetic on the other side of a reshape.
//!
//! Arithmetic by constants moves in front of a reshape where a convolution or a fully connected layer computes what is
//! reshaped, for it can take the arithmetic over; otherwise it moves behind it, towards the operator that reads the result.

use super::affine::Affine;
use super::channels::picked;
use super::numbers::per_channel;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, DType, Node, Op, Tensor, Type, ValueId};
use std::ops::Range;

/// Elements that a constant moved across a reshape may have.
const MAX_CONSTANT: usize = 1 << 20;

pub(super) fn rewrite(sweep: &mut Sweep, mut node: Node) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    match &node.op {
        Op::Transpose { perm } => {
            let shape = sweep.shape(x);
            let moved = perm.iter().filter(|&&axis| shape.get(axis).is_some_and(|&size| size != 1));
            if moved.is_sorted() {
                sweep.note(&node, "the transpose moves only axes of size 1: a reshape");
                node.op = Op::Reshape;
            }
            sweep.emit(node);
        }
        Op::Reshape => {
            if let Some(Node { op: Op::Reshape, inputs, origin, .. }) = sweep.producer(x) {
                let (inputs, origin) = (inputs.clone(), join(origin, &node.origin));
                sweep.note(&node, "a reshape of a reshape");
                node = Node { inputs, origin, ..node };
                return sweep.emit(node);
            }
            sweep.emit(node);
        }
        Op::Unary(_) => match sweep.sole_producer(x) {
            Some(Node { op: Op::Reshape, .. }) => {
                sweep.note(&node, "moves in front of the reshape");
                sink(sweep, node, x);
            }
            _ => sweep.emit(node),
        },
        _ => sweep.emit(node),
    }
}

/// Arithmetic by constants, and choices of channels, change places with a reshape.
pub(super) fn across_arithmetic(sweep: &mut Sweep, node: Node) {
    match (&node.op, node.inputs.first()) {
        (Op::Reshape, Some(&Some(x))) => match in_front_of_transpose(sweep, &node, x) {
            Some(()) => {}
            None => hoist(sweep, node, x),
        },
        (Op::Binary(_) | Op::BatchNorm { .. }, _) => raise(sweep, node),
        _ => sweep.emit(node),
    }
}

/// A batch axis of one in front of a transpose: `[H, W, C]` to `[C, H, W]` to `[1, C, H, W]` is a transpose to NCHW.
fn in_front_of_transpose(sweep: &mut Sweep, node: &Node, x: ValueId) -> Option<()> {
    let inner = sweep.sole_producer(x)?;
    let Op::Transpose { perm } = &inner.op else { return None };
    let y = inner.inputs.first().copied()??;
    let unsqueezed = |shape: &[usize]| [&[1], shape].concat();
    if perm[..] != [2, 0, 1] || sweep.shape(node.output) != unsqueezed(sweep.shape(x)) {
        return None;
    }
    let ty = Type::new(sweep.ty(y).dtype, unsqueezed(sweep.shape(y)));
    let inner = sweep.take(x)?;
    sweep.note(node, "moves in front of the transpose");
    let viewed = sweep.add_value(y, ty);
    sweep.emit(Node { inputs: vec![Some(y)], output: viewed, ..node.clone() });
    let op = Op::Transpose { perm: vec![0, 3, 1, 2] };
    sweep.emit(Node { op, inputs: vec![Some(viewed)], output: node.output, origin: inner.origin });
    Some(())
}

/// A choice of channels, and the axis that it is along.
fn choice(sweep: &Sweep, node: &Node) -> Option<(usize, Vec<usize>)> {
    match node.op {
        Op::Gather { axis } => Some((axis, picked(sweep, node, axis)?)),
        Op::Slice { .. } => {
            (0..sweep.shape(node.output).len()).find_map(|axis| Some((axis, picked(sweep, node, axis)?)))
        }
        _ => None,
    }
}

/// `reshape(choose(y))` becomes `choose(reshape(y))` at the model's input.
fn hoist_choice(sweep: &mut Sweep, node: &Node, x: ValueId) -> Option<()> {
    let inner = sweep.sole_producer(x)?;
    let y = inner.inputs.first().copied()??;
    let (axis, indices) = choice(sweep, inner)?;
    let target = moved_axis(sweep.shape(x), axis, sweep.shape(node.output))?;
    sweep.is_raw_input(y).then_some(())?;
    let mut shape = sweep.shape(node.output).to_vec();
    shape[target] = sweep.shape(y)[axis];
    let ty = Type::new(sweep.ty(y).dtype, shape);
    let inner = sweep.take(x)?;
    sweep.note(node, format!("moves in front of {}", inner.op.name()));
    let viewed = sweep.add_value(y, ty);
    let indices: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
    let indices = sweep.add_constant(node.output, Tensor::ints(indices));
    sweep.emit(Node { inputs: vec![Some(y)], output: viewed, ..node.clone() });
    let (op, inputs) = (Op::Gather { axis: target }, vec![Some(viewed), Some(indices)]);
    sweep.emit(Node { op, inputs, output: node.output, origin: inner.origin });
    Some(())
}

/// Whether a convolution or a fully connected layer computes a value, its axes perhaps moved, and may apply arithmetic to it.
pub(super) fn takes(sweep: &Sweep, mut id: ValueId) -> bool {
    while let Some(node) = sweep.producer(id) {
        match (&node.op, node.inputs.first()) {
            (Op::Conv(conv), _) => return conv.activation == Activation::NONE,
            (Op::Gemm { activation, .. }, _) => return *activation == Activation::NONE,
            (Op::MatMul, _) => return true,
            (Op::Transpose { .. } | Op::Reshape, Some(&Some(x))) => id = x,
            _ => return false,
        }
    }
    false
}

/// The input of arithmetic that isn't constant.
fn data(sweep: &Sweep, node: &Node) -> Option<usize> {
    match (&node.op, &node.inputs[..]) {
        (Op::BatchNorm { .. }, _) => Some(0),
        (Op::Binary(_), &[a, b]) => match (sweep.constant(a).is_some(), sweep.constant(b).is_some()) {
            (false, true) => Some(0),
            (true, false) => Some(1),
            _ => None,
        },
        _ => None,
    }
}

/// `f(reshape(y))` becomes `reshape(f(y))` where what computes `y` can take `f` over.
fn raise(sweep: &mut Sweep, node: Node) {
    let moved = data(sweep, &node).and_then(|at| {
        let x = node.inputs[at]?;
        let view = sweep.sole_producer(x).filter(|view| view.op == Op::Reshape)?;
        let y = view.inputs.first().copied()??;
        (takes(sweep, y) && sweep.ty(x) == sweep.ty(node.output)).then_some(())?;
        let (from, to) = (sweep.shape(x).to_vec(), sweep.shape(y).to_vec());
        Some((at, x, across(sweep, &node, at, &from, &to)?))
    });
    let Some((at, x, mut moved)) = moved else { return sweep.emit(node) };
    let Some(mut view) = sweep.take(x) else { return sweep.emit(node) };
    let Some(&Some(y)) = view.inputs.first() else { return sweep.emit(view) };
    sweep.note(&node, "moves in front of the reshape");
    let inner = sweep.add_value(node.output, sweep.ty(y).clone());
    moved.inputs[at] = Some(y);
    moved.output = inner;
    (view.inputs, view.output) = (vec![Some(inner)], node.output);
    sweep.emit(moved);
    sweep.emit(view);
}

/// `reshape(f(y))` becomes `f(reshape(y))` where what computes `y` can't take `f` over.
fn hoist(sweep: &mut Sweep, node: Node, x: ValueId) {
    let moved = sweep.sole_producer(x).cloned().and_then(|inner| {
        let at = data(sweep, &inner)?;
        let y = inner.inputs[at]?;
        (!takes(sweep, y) && sweep.ty(x) == sweep.ty(y)).then_some(())?;
        Affine::of_any(sweep, &inner).then_some(())?;
        let (from, to) = (sweep.shape(y).to_vec(), sweep.shape(node.output).to_vec());
        Some((at, y, across(sweep, &inner, at, &from, &to)?))
    });
    let Some((at, y, mut moved)) = moved else {
        if hoist_choice(sweep, &node, x).is_none() {
            sweep.emit(node);
        }
        return;
    };
    sweep.note(&node, format!("moves in front of {}", moved.op.name()));
    sweep.take(x);
    let viewed = sweep.add_value(y, sweep.ty(node.output).clone());
    moved.inputs[at] = Some(viewed);
    moved.output = node.output;
    sweep.emit(Node { inputs: vec![Some(y)], output: viewed, ..node });
    sweep.emit(moved);
}

/// Arithmetic by constants as it works on the same elements in another shape.
fn across(sweep: &mut Sweep, node: &Node, at: usize, from: &[usize], to: &[usize]) -> Option<Node> {
    let mut node = node.clone();
    if let Op::BatchNorm { .. } = node.op {
        if moved_axis(from, 1, to) == Some(1) {
            return Some(node);
        }
        // One set of numbers per feature of a flattened map.
        let (&[batch, features], &[first, channels, ..]) = (to, from) else { return None };
        let plane = features.checked_div(channels)?;
        (batch == first && features <= MAX_CONSTANT).then_some(())?;
        for id in &mut node.inputs[1..] {
            let values = sweep.constant(*id)?.to_f64();
            let repeated = values.iter().flat_map(|&v| std::iter::repeat_n(v, plane)).collect();
            *id = Some(sweep.add_constant((*id)?, Tensor::from_f64(&Type::new(DType::F32, [features]), repeated)));
        }
        return Some(node);
    }
    let id = node.inputs[1 - at]?;
    let constant = sweep.constant(Some(id))?;
    if constant.shape.iter().all(|&size| size == 1) {
        let shapeless = constant.reshaped([])?;
        node.inputs[1 - at] = Some(sweep.add_constant(id, shapeless));
        return Some(node);
    }
    let moved = (0..from.len()).find_map(|axis| {
        let values = per_channel(constant, from, axis)?;
        let target = moved_axis(from, axis, to)?;
        let mut shape = vec![1; to.len() - target];
        shape[0] = values.len();
        Some(Tensor::from_f64(&Type::new(constant.dtype, shape), values))
    });
    // One number per feature of a flattened map.
    let moved = moved.or_else(|| {
        let &[batch, features] = to else { return None };
        let whole = from.first() == Some(&batch) && features <= MAX_CONSTANT && constant.dtype == DType::F32;
        let inner = Type::new(constant.dtype, [&[1], from.get(1..)?].concat());
        let expanded = whole.then(|| crate::reference::evaluate(&Op::Expand, &[Some(constant)], &inner).ok())??;
        expanded.reshaped([features])
    })?;
    node.inputs[1 - at] = Some(sweep.add_constant(id, moved));
    Some(node)
}

/// The axis of `to` that holds the same elements as this one of `from`.
fn moved_axis(from: &[usize], axis: usize, to: &[usize]) -> Option<usize> {
    let before: usize = from.get(..axis)?.iter().product();
    let mut product = 1;
    for (at, &size) in to.iter().enumerate() {
        if product == before && size == from[axis] && size != 1 {
            return Some(at);
        }
        product *= size;
    }
    None
}

/// Axes of both shapes that hold the same elements, as small groups as there are. Axes of one element are in any of them.
pub(super) fn grouped(from: &[usize], to: &[usize]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let (mut a, mut b) = (0, 0);
    let mut groups = Vec::new();
    while a < from.len() || b < to.len() {
        let (first_a, first_b) = (a, b);
        let (mut left, mut right) = (1usize, 1usize);
        loop {
            if left <= right && a < from.len() && (left < right || left == 1 || from[a] == 1) {
                left *= from[a];
                a += 1;
            } else if b < to.len() && (right < left || to[b] == 1) {
                right *= to[b];
                b += 1;
            } else {
                break;
            }
        }
        if left != right || (a, b) == (first_a, first_b) {
            return None;
        }
        groups.push((first_a..a, first_b..b));
    }
    Some(groups)
}

/// `f(reshape(y))` becomes `reshape(f(y))`.
fn sink(sweep: &mut Sweep, mut node: Node, x: ValueId) {
    let Some(mut view) = sweep.take(x) else { return sweep.emit(node) };
    let Some(&Some(y)) = view.inputs.first() else { return sweep.emit(view) };
    let inner = sweep.add_value(node.output, sweep.ty(y).clone());
    view.inputs = vec![Some(inner)];
    view.output = std::mem::replace(&mut node.output, inner);
    node.inputs = vec![Some(y)];
    sweep.emit(node);
    sweep.emit(view);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use super::grouped;
    use crate::graph::{Activation, Binary, DType, Op};

    #[test]
    fn groups_of_axes_hold_the_same_elements() {
        let groups = grouped(&[1, 3, 4, 5], &[3, 20]).unwrap();
        assert_eq!(groups, [(0..2, 0..1), (2..4, 1..2)]);
        assert_eq!(grouped(&[2, 3, 4], &[2, 3, 4]).unwrap(), [(0..1, 0..1), (1..2, 1..2), (2..3, 2..3)]);
        assert_eq!(grouped(&[6], &[2, 3]).unwrap(), [(0..1, 0..2)]);
        assert_eq!(grouped(&[4, 6], &[6, 4]).unwrap(), [(0..2, 0..2)]);
        let all: usize = grouped(&[1, 1], &[1]).unwrap().iter().map(|(a, _)| a.len()).sum();
        assert_eq!(all, 2);
    }

    /// What torchvision's transforms export: an image without a batch, normalised before it gets one.
    #[test]
    fn normalisation_in_front_of_unsqueeze() {
        let mut b = Builder::new(1, DType::U8, &[3, 6, 6]);
        let x = b.cast(b.input(), DType::F32);
        let (most, mean, std) = (b.scalar(255.0), b.random(&[3, 1, 1], 0.2, 0.6), b.random(&[3, 1, 1], 0.2, 0.6));
        let x = b.node(Op::Binary(Binary::Div), &[x, most]);
        let x = b.node(Op::Binary(Binary::Sub), &[x, mean]);
        let x = b.node(Op::Binary(Binary::Div), &[x, std]);
        let x = b.reshape(x, &[1, 3, 6, 6]);
        let x = b.conv(x, 4, 3, 2, [0, 0, 1, 1]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "move-reshapes")), ["Cast", "Reshape", "Conv"]);
    }

    #[test]
    fn a_bias_on_a_view_of_the_product() {
        for (shape, output) in [(&[1, 1, 1, 6][..], &[1, 1, 1, 4][..]), (&[6], &[4]), (&[1, 6], &[1, 4])] {
            let mut b = Builder::new(1, DType::F32, shape);
            let (w, bias) = (b.random(&[6, 4], -1.0, 1.0), b.random(&[4], -1.0, 1.0));
            let x = b.node(Op::MatMul, &[b.input(), w]);
            let x = b.node(Op::Binary(Binary::Add), &[bias, x]);
            assert_eq!(b.shape(x), output);
            let graph = b.finish(x);
            let mut rest = ops(&fires(&graph, "canonical-dense"));
            rest.retain(|&op| op != "Reshape");
            assert_eq!(rest, ["Gemm"]);
        }
    }

    /// A batch norm behind a ReLU moves through the average and the flattening into the layer behind.
    #[test]
    fn batch_norm_behind_relu_moves_into_the_layer_behind_the_average() {
        let relu = Op::Unary(crate::graph::Unary::Act(Activation::Clamp { lo: 0.0, hi: f32::INFINITY }));
        for pooled in [true, false] {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
            let x = b.conv(b.input(), 5, 3, 2, [1; 4]);
            let x = b.node(relu.clone(), &[x]);
            let mut x = b.batch_norm(x);
            let mut features = 20;
            if pooled {
                x = b.node(Op::GlobalAveragePool, &[x]);
                features = 5;
            }
            let x = b.reshape(x, &[1, features]);
            let (w, bias) = (b.random(&[7, features], -1.0, 1.0), b.random(&[7], -1.0, 1.0));
            let op = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true, activation: Activation::NONE };
            let x = b.node(op, &[x, w, bias]);
            let graph = b.finish(x);
            let mut rest = ops(&super::super::testing::rewritten(&graph));
            rest.retain(|&op| op != "Reshape" && op != "GlobalAveragePool");
            assert_eq!(rest, ["Conv", "Gemm"], "{pooled}");
        }
    }

    #[test]
    fn chains_become_one_and_activations_pass_through() {
        let mut b = Builder::new(1, DType::F32, &[1, 6, 1, 1]);
        let x = b.conv(b.input(), 6, 1, 1, [0; 4]);
        let x = b.reshape(x, &[6, 1]);
        let x = b.reshape(x, &[2, 3]);
        let x = b.clamp(x, 0.0, 6.0);
        let x = b.reshape(x, &[3, 2]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "merge-reshapes")), ["Conv", "Reshape"]);
    }

    #[test]
    fn transposes_of_unit_axes_are_reshapes() {
        let mut b = Builder::new(1, DType::F32, &[2, 5, 1, 1]);
        let x = b.transpose(b.input(), &[0, 2, 3, 1]);
        let x = b.transpose(x, &[3, 1, 0, 2]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "merge-reshapes")), ["Reshape", "Transpose"]);
    }
}
