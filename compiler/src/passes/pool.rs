//! Averages and maxima over the whole map.

use super::reshape::grouped;
use super::sweep::{Sweep, join};
use crate::graph::{Node, Op, Type, ValueId, Window};

pub(super) fn rewrite(sweep: &mut Sweep, mut node: Node) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    match &node.op {
        Op::AveragePool { window, count_include_pad } => {
            let &[_, _, height, width] = sweep.shape(x) else { return sweep.emit(node) };
            let padded = window.pads != [0; 4];
            let covers = |axis: usize, size: usize| {
                let (before, reach) = (window.pads[axis], window.kernel[axis]);
                window.dilation[axis] == 1 && before >= 0 && reach as i64 - before >= size as i64
            };
            let one = sweep.shape(node.output).get(2..) == Some(&[1, 1]);
            if one && covers(0, height) && covers(1, width) && !(padded && *count_include_pad) {
                sweep.note(&node, "its window is the whole map");
                node.op = Op::GlobalAveragePool;
            }
            sweep.emit(node);
        }
        Op::ReduceMax { axes, .. } if axes[..] == [2, 3] && sweep.shape(x).len() == 4 => {
            sweep.note(&node, "the maximum over rows and columns");
            let &[n, c, height, width] = sweep.shape(x) else { return sweep.emit(node) };
            node.op = Op::MaxPool {
                window: Window { kernel: [height, width], stride: [1, 1], dilation: [1, 1], pads: [0; 4] },
            };
            emit_as(sweep, node, vec![n, c, 1, 1]);
        }
        Op::ReduceMean { axes, keep_dims } => {
            let (axes, keep_dims) = (axes.clone(), *keep_dims);
            reduce_mean(sweep, node, x, &axes, keep_dims);
        }
        Op::GlobalAveragePool => {
            if let Some(Node { op: Op::ReduceMean { axes, keep_dims: true }, inputs, origin, .. }) = sweep.producer(x)
                && axes.iter().all(|axis| [2, 3].contains(axis))
            {
                node.inputs.clone_from(inputs);
                node.origin = join(origin, &node.origin);
                sweep.note(&node, "a mean of means over whole axes");
            }
            sweep.emit(node);
        }
        _ => sweep.emit(node),
    }
}

fn reduce_mean(sweep: &mut Sweep, node: Node, x: ValueId, axes: &[usize], keep_dims: bool) {
    if sweep.shape(x).len() == 4 && axes == [2, 3] {
        sweep.note(&node, "the mean over rows and columns");
        return global(sweep, node, x);
    }
    match sweep.producer(x) {
        Some(Node { op: Op::ReduceMean { axes: first, keep_dims: kept }, inputs, origin, .. }) => {
            let Some(&Some(y)) = inputs.first() else { return sweep.emit(node) };
            let rank = sweep.shape(y).len();
            let survivors: Vec<usize> = (0..rank).filter(|axis| *kept || !first.contains(axis)).collect();
            let mut all = first.clone();
            all.extend(axes.iter().filter_map(|&axis| survivors.get(axis)));
            all.sort_unstable();
            all.dedup();
            let merged = Node {
                op: Op::ReduceMean { axes: all, keep_dims: true },
                inputs: vec![Some(y)],
                origin: join(origin, &node.origin),
                ..node
            };
            sweep.note(&merged, "a mean of means over whole axes");
            kept_then_reshaped(sweep, merged, y);
        }
        Some(Node { op: Op::Reshape, inputs, origin, .. }) => {
            let Some(&Some(y)) = inputs.first() else { return sweep.emit(node) };
            let Some(axes) = before_reshape(sweep.shape(y), sweep.shape(x), axes) else { return sweep.emit(node) };
            let op = Op::ReduceMean { axes, keep_dims: true };
            let merged = Node { op, inputs: vec![Some(y)], origin: join(origin, &node.origin), ..node };
            sweep.note(&merged, "the mean over axes as they are in front of the reshape");
            kept_then_reshaped(sweep, merged, y);
        }
        _ if !keep_dims && sweep.shape(x).len() == 4 => {
            sweep.note(&node, "keeps the reduced axes, and a reshape drops them");
            let op = Op::ReduceMean { axes: axes.to_vec(), keep_dims: true };
            kept_then_reshaped(sweep, Node { op, ..node }, x);
        }
        _ => sweep.emit(node),
    }
}

/// The axes of a value that are reduced where `axes` of its reshaped elements are.
fn before_reshape(from: &[usize], to: &[usize], axes: &[usize]) -> Option<Vec<usize>> {
    let mut reduced = Vec::new();
    for (inner, outer) in grouped(from, to)? {
        let long = |axis: &usize| to[*axis] != 1;
        let some = outer.clone().filter(long).any(|axis| axes.contains(&axis));
        if some && !outer.clone().filter(long).all(|axis| axes.contains(&axis)) {
            return None;
        }
        if some {
            reduced.extend(inner);
        }
    }
    Some(reduced)
}

/// Emits a mean that keeps its axes, and a reshape to the output's shape.
fn kept_then_reshaped(sweep: &mut Sweep, node: Node, x: ValueId) {
    let Op::ReduceMean { axes, .. } = &node.op else { return sweep.emit(node) };
    let mut shape = sweep.shape(x).to_vec();
    for &axis in axes {
        if let Some(size) = shape.get_mut(axis) {
            *size = 1;
        }
    }
    emit_as(sweep, node, shape);
}

fn global(sweep: &mut Sweep, node: Node, x: ValueId) {
    let &[n, c, _, _] = sweep.shape(x) else { return sweep.emit(node) };
    emit_as(sweep, Node { op: Op::GlobalAveragePool, ..node }, vec![n, c, 1, 1]);
}

fn emit_as(sweep: &mut Sweep, mut node: Node, shape: Vec<usize>) {
    if sweep.shape(node.output) == shape {
        return sweep.emit(node);
    }
    let ty = Type { dtype: sweep.ty(node.output).dtype, shape };
    let inner = sweep.add_value(node.output, ty);
    let reshape = Node { op: Op::Reshape, inputs: vec![Some(inner)], output: node.output, origin: node.origin.clone() };
    node.output = inner;
    sweep.emit(node);
    sweep.emit(reshape);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{DType, Op, Window};

    fn average(pads: [i64; 4], kernel: [usize; 2], count_include_pad: bool) -> Op {
        let window = Window { kernel, stride: [2, 2], dilation: [1, 1], pads };
        Op::AveragePool { window, count_include_pad }
    }

    #[test]
    fn every_spelling_of_the_mean_is_global() {
        let mean = |axes: &[usize], keep_dims| Op::ReduceMean { axes: axes.to_vec(), keep_dims };
        let spellings: [&[Op]; 7] = [
            &[Op::GlobalAveragePool],
            &[average([0; 4], [4, 5], false)],
            &[average([1, 1, 1, 1], [5, 6], false)],
            &[mean(&[2, 3], true)],
            &[mean(&[2, 3], false)],
            &[mean(&[3], true), mean(&[2], true)],
            &[mean(&[2], false), mean(&[2], false)],
        ];
        for spelling in spellings {
            let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 5]);
            let mut x = b.input();
            for op in spelling {
                x = b.node(op.clone(), &[x]);
            }
            let graph = b.finish(x);
            let canonical = rewritten(&graph);
            assert_eq!(ops(&canonical)[0], "GlobalAveragePool", "{graph}");
            assert!(ops(&canonical)[1..].iter().all(|&op| op == "Reshape"), "{canonical}");
        }
    }

    #[test]
    fn flattened_rows_and_columns_are_averaged() {
        let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 5]);
        let x = b.reshape(b.input(), &[2, 3, 20]);
        let x = b.node(Op::ReduceMean { axes: vec![2], keep_dims: false }, &[x]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "recognise-pooling")), ["GlobalAveragePool", "Reshape"]);
    }

    #[test]
    fn a_window_that_counts_padding_or_a_part_stays() {
        for op in [average([1, 1, 1, 1], [6, 7], true), average([0; 4], [3, 5], false)] {
            let mut b = Builder::new(1, DType::F32, &[1, 2, 4, 5]);
            let x = b.node(op, &[b.input()]);
            let graph = b.finish(x);
            assert_eq!(ops(&rewritten(&graph)), ["AveragePool"]);
        }
    }
}
