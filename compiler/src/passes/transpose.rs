//! Transposes move until they cancel or reach a port.
//!
//! A transpose to NCHW (perm 0, 3, 1, 2) moves up through operators that work element by element, any other one down;
//! so the two of a TensorFlow convolution meet the ones of its neighbours, and those of the ports stay at the ports.

use super::numbers::permuted;
use super::sweep::{Sweep, join};
use crate::graph::{Node, Op, Type, ValueId};

const TO_NCHW: [usize; 4] = [0, 3, 1, 2];

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    if let Op::Transpose { perm } = &node.op {
        match sweep.producer(x) {
            Some(Node { op: Op::Transpose { perm: inner }, inputs, origin, .. }) => {
                let perm = perm.iter().filter_map(|&p| inner.get(p).copied()).collect();
                let merged = Node {
                    op: Op::Transpose { perm },
                    inputs: inputs.clone(),
                    origin: join(origin, &node.origin),
                    ..node
                };
                sweep.note(&merged, "a transpose of a transpose");
                return sweep.emit(merged);
            }
            Some(_) if *perm == TO_NCHW && sweep.unused(x) => return hoist(sweep, node, x),
            _ => return sweep.emit(node),
        }
    }
    sink(sweep, node);
}

/// `T(f(y))` becomes `f(T(y))`.
fn hoist(sweep: &mut Sweep, node: Node, x: ValueId) {
    let Some(inner) = sweep.producer(x).cloned() else { return sweep.emit(node) };
    let Some(moved) = permute_op(sweep, &inner, &TO_NCHW) else { return sweep.emit(node) };
    let Some(data) = data_input(sweep, &inner) else { return sweep.emit(node) };
    let Some(&Some(y)) = inner.inputs.get(data) else { return sweep.emit(node) };
    sweep.take(x);
    sweep.note(&node, format!("moves in front of {}", inner.op.name()));
    let shape = TO_NCHW.iter().filter_map(|&p| sweep.shape(y).get(p).copied()).collect();
    let transposed = sweep.add_value(y, Type { dtype: sweep.ty(y).dtype, shape });
    let mut inputs = moved.inputs;
    inputs[data] = Some(transposed);
    sweep.emit(Node { inputs: vec![Some(y)], output: transposed, ..node.clone() });
    sweep.emit(Node { op: moved.op, inputs, output: node.output, origin: inner.origin });
}

/// `f(T(y))` becomes `T(f(y))`, for a `T` that is not on its way up.
fn sink(sweep: &mut Sweep, node: Node) {
    let Some(data) = data_input(sweep, &node) else { return sink_pair(sweep, node) };
    let Some(&Some(x)) = node.inputs.get(data) else { return sweep.emit(node) };
    let Some(Node { op: Op::Transpose { perm }, inputs, origin, .. }) = sweep.producer(x) else {
        return sweep.emit(node);
    };
    let (Some(&Some(y)), false) = (inputs.first(), *perm == TO_NCHW) else { return sweep.emit(node) };
    let (perm, origin) = (perm.clone(), origin.clone());
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        inverse[p] = i;
    }
    let (mut inner, out_perm) = match &node.op {
        Op::ReduceMean { axes, keep_dims } | Op::ReduceMax { axes, keep_dims } => {
            let mut mapped: Vec<usize> = axes.iter().map(|&a| perm[a]).collect();
            mapped.sort_unstable();
            let out_perm = if *keep_dims {
                perm.clone()
            } else {
                let kept: Vec<usize> = (0..perm.len()).filter(|axis| !mapped.contains(axis)).collect();
                perm.iter().filter_map(|p| kept.iter().position(|k| k == p)).collect()
            };
            let (axes, keep_dims) = (mapped, *keep_dims);
            let op = match &node.op {
                Op::ReduceMax { .. } => Op::ReduceMax { axes, keep_dims },
                _ => Op::ReduceMean { axes, keep_dims },
            };
            (Node { op, ..node.clone() }, out_perm)
        }
        &Op::Softmax { axis, flat: false, log } => {
            (Node { op: Op::Softmax { axis: perm[axis], flat: false, log }, ..node.clone() }, perm)
        }
        _ => match permute_op(sweep, &node, &inverse) {
            Some(inner) => (inner, perm),
            None => return sweep.emit(node),
        },
    };
    sweep.note(&node, "moves in front of the transpose");
    inner.inputs[data] = Some(y);
    emit_below(sweep, node, inner, out_perm, origin);
}

/// `f(T(a), T(b))` becomes `T(f(a, b))`.
fn sink_pair(sweep: &mut Sweep, node: Node) {
    let [Some(a), Some(b)] = node.inputs[..] else { return sweep.emit(node) };
    let (Op::Binary(_), Some(Node { op: Op::Transpose { perm }, inputs: above_a, origin, .. })) =
        (&node.op, sweep.producer(a))
    else {
        return sweep.emit(node);
    };
    let Some(Node { op: Op::Transpose { perm: other }, inputs: above_b, .. }) = sweep.producer(b) else {
        return sweep.emit(node);
    };
    if perm != other || *perm == TO_NCHW {
        return sweep.emit(node);
    }
    let inner = Node { inputs: vec![above_a[0], above_b[0]], ..node.clone() };
    let (perm, origin) = (perm.clone(), origin.clone());
    sweep.note(&node, "moves in front of the transposes of both its inputs");
    emit_below(sweep, node, inner, perm, origin);
}

fn emit_below(sweep: &mut Sweep, node: Node, mut inner: Node, perm: Vec<usize>, origin: Vec<String>) {
    let out = sweep.ty(node.output);
    let mut shape = vec![0; perm.len()];
    for (&p, &size) in perm.iter().zip(&out.shape) {
        shape[p] = size;
    }
    let ty = Type { dtype: out.dtype, shape };
    inner.output = sweep.add_value(node.output, ty);
    let below = Node { op: Op::Transpose { perm }, inputs: vec![Some(inner.output)], output: node.output, origin };
    sweep.emit(inner);
    sweep.emit(below);
}

/// Which input of an operator that works element by element is not constant, if exactly one isn't.
fn data_input(sweep: &Sweep, node: &Node) -> Option<usize> {
    match &node.op {
        Op::Unary(_)
        | Op::Pad { .. }
        | Op::ReduceMean { .. }
        | Op::ReduceMax { .. }
        | Op::Softmax { .. }
        | Op::Slice { .. }
        | Op::LpNormalize { .. } => Some(0),
        Op::Gather { .. } if sweep.constant(node.inputs[1]).is_some_and(|indices| indices.shape.len() == 1) => Some(0),
        Op::Expand if node.inputs[0].is_some_and(|x| sweep.shape(x).len() == sweep.shape(node.output).len()) => Some(0),
        Op::Binary(_) => match (sweep.constant(node.inputs[0]), sweep.constant(node.inputs[1])) {
            (None, Some(_)) => Some(0),
            (Some(_), None) => Some(1),
            _ => None,
        },
        _ => None,
    }
}

/// The operator as it works on data whose axes are permuted: new axis `i` is old axis `perm[i]`.
fn permute_op(sweep: &mut Sweep, node: &Node, perm: &[usize]) -> Option<Node> {
    let mut node = node.clone();
    match &mut node.op {
        Op::Unary(_) => {}
        Op::Pad { before, after, .. } => {
            for pads in [before, after] {
                *pads = perm.iter().map(|&p| pads.get(p).copied()).collect::<Option<_>>()?;
            }
        }
        Op::Slice { starts, steps } => {
            for list in [starts, steps] {
                *list = perm.iter().map(|&p| list.get(p).copied()).collect::<Option<_>>()?;
            }
        }
        Op::Gather { axis } | Op::LpNormalize { axis, .. } => *axis = perm.iter().position(|p| p == axis)?,
        Op::Expand => {}
        Op::Binary(_) => {
            let data = data_input(sweep, &node)?;
            if sweep.shape(node.inputs[data]?) != sweep.shape(node.output) {
                return None;
            }
            let id = node.inputs[1 - data]?;
            let constant = sweep.constant(Some(id))?;
            let missing = perm.len().checked_sub(constant.shape.len())?;
            if constant.shape.iter().all(|&size| size == 1) {
                return Some(node);
            }
            let mut shape = vec![1; missing];
            shape.extend_from_slice(&constant.shape);
            let moved = permuted(&constant.reshaped(shape)?, perm);
            node.inputs[1 - data] = Some(sweep.add_constant(id, moved));
        }
        _ => return None,
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use super::TO_NCHW;
    use crate::graph::{Activation, Binary, DType, Op};

    const TO_NHWC: [usize; 4] = [0, 2, 3, 1];

    #[test]
    fn the_transposes_of_two_convolutions_meet_and_cancel() {
        let mut b = Builder::new(1, DType::F32, &[2, 7, 5, 3]);
        let x = b.transpose(b.input(), &TO_NCHW);
        let x = b.conv(x, 4, 3, 1, [0; 4]);
        let x = b.transpose(x, &TO_NHWC);
        let bias = b.random(&[4], -1.0, 1.0);
        let x = b.node(Op::Binary(Binary::Add), &[bias, x]);
        let x = b.clamp(x, 0.0, 6.0);
        let x = b.pad(x, &[0, 1, 1, 0], &[0, 1, 1, 0], 0.0);
        let x = b.transpose(x, &TO_NCHW);
        let x = b.depthwise(x, 3, 1, [0; 4]);
        let x = b.transpose(x, &TO_NHWC);
        let scale = b.random(&[1, 1, 1, 4], 0.5, 1.0);
        let x = b.node(Op::Binary(Binary::Mul), &[x, scale]);
        let x = b.node(Op::ReduceMean { axes: vec![1, 2], keep_dims: false }, &[x]);
        let graph = b.finish(x);
        let canonical = fires(&graph, "move-transposes");
        assert_eq!(ops(&canonical), ["Transpose", "Conv", "Conv", "GlobalAveragePool", "Reshape"]);
        let Op::Conv(depthwise) = &canonical.nodes[2].op else { panic!("a convolution") };
        assert_eq!(depthwise.window.pads, [1; 4]);
        let Op::Conv(first) = &canonical.nodes[1].op else { panic!("a convolution") };
        assert_eq!(first.activation, Activation::Clamp { lo: 0.0, hi: 6.0 });
    }

    #[test]
    fn normalisation_moves_below_the_layout_of_the_input() {
        let mut b = Builder::new(1, DType::F32, &[1, 6, 6, 3]);
        let mean = b.random(&[3], 0.0, 1.0);
        let x = b.node(Op::Binary(Binary::Sub), &[b.input(), mean]);
        let x = b.transpose(x, &TO_NCHW);
        let x = b.conv(x, 4, 3, 2, [0, 0, 1, 1]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "move-transposes")), ["Transpose", "Conv"]);
    }

    #[test]
    fn what_works_element_by_element_moves_in_front() {
        let mut b = Builder::new(1, DType::F32, &[1, 4, 3, 3]);
        let a = b.conv(b.input(), 4, 1, 1, [0; 4]);
        let c = b.conv(b.input(), 4, 1, 1, [0; 4]);
        let (a, c) = (b.transpose(a, &TO_NHWC), b.transpose(c, &TO_NHWC));
        let x = b.node(Op::Binary(Binary::Add), &[a, c]);
        let x = b.node(Op::Softmax { axis: 3, flat: false, log: false }, &[x]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "move-transposes")), ["Conv", "Conv", "Add", "Softmax", "Transpose"]);
    }
}
