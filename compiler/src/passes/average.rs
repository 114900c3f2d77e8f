//! Averages of what is scaled and shifted: the same scale and offset behind the average.

use super::affine::Affine;
use super::numbers::uniform;
use super::reshape::takes;
use super::sweep::Sweep;
use crate::graph::{Node, Op, Type, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let moved = node.inputs.first().copied().flatten().filter(|&x| commutes(sweep, &node, x));
    let Some(x) = moved else { return sweep.emit(node) };
    let Some(mut affine) = sweep.take(x) else { return sweep.emit(node) };
    let at = affine.inputs.iter().position(|&id| sweep.constant(id).is_none()).unwrap_or(0);
    sweep.note(&node, format!("moves in front of {}", affine.op.name()));
    let data = affine.inputs[at];
    let origin = node.origin.clone();
    let (dtype, output) = (sweep.ty(node.output).dtype, node.output);
    // The axes stay until the scale and the offset, which belong to one of them, are applied.
    let (op, shape) = match node.op {
        Op::ReduceMean { axes, .. } => {
            let mut shape = sweep.shape(x).to_vec();
            axes.iter().for_each(|&axis| shape[axis] = 1);
            (Op::ReduceMean { axes, keep_dims: true }, shape)
        }
        op => (op, sweep.shape(output).to_vec()),
    };
    let viewed = shape != sweep.shape(output);
    let ty = Type { dtype, shape };
    let average = sweep.add_value(output, ty.clone());
    sweep.emit(Node { op, inputs: vec![data], output: average, origin: origin.clone() });
    affine.inputs[at] = Some(average);
    affine.output = if viewed { sweep.add_value(output, ty) } else { output };
    let result = affine.output;
    sweep.emit(affine);
    if viewed {
        sweep.emit(Node { op: Op::Reshape, inputs: vec![Some(result)], output, origin });
    }
}

/// Whether a node averages `x`, which arithmetic computes that is the same for all that are averaged.
fn commutes(sweep: &Sweep, node: &Node, x: ValueId) -> bool {
    let Some(inner) = sweep.sole_producer(x) else { return false };
    if inner.inputs.iter().flatten().any(|&id| takes(sweep, id)) {
        return false;
    }
    let scalar = || match inner.op {
        Op::Binary(_) => inner.inputs.iter().any(|&id| sweep.constant(id).is_some_and(|k| uniform(k).is_some())),
        Op::BatchNorm { .. } => false,
        _ => true,
    };
    let along = |axis: usize| Affine::of(sweep, inner, axis).is_some();
    // A constant that is spread over what is averaged would spread the average again.
    let narrow = |axes: &[usize]| {
        let rank = sweep.shape(x).len();
        let constants = inner.inputs.iter().filter_map(|&id| sweep.constant(id));
        !matches!(inner.op, Op::Binary(_))
            || constants.into_iter().all(|k| {
                axes.iter().all(|axis| {
                    (axis + k.shape.len())
                        .checked_sub(rank)
                        .is_none_or(|at| k.shape.get(at).is_none_or(|&size| size == 1))
                })
            })
    };
    let averaged = match &node.op {
        Op::ReduceMean { axes, .. } => axes.clone(),
        _ => vec![2, 3],
    };
    if !narrow(&averaged) {
        return false;
    }
    match &node.op {
        Op::GlobalAveragePool => along(1),
        // A window with a border of zeros averages those, too.
        Op::AveragePool { window, count_include_pad } => along(1) && (window.pads == [0; 4] || !count_include_pad),
        Op::ReduceMean { axes, .. } => {
            (0..sweep.shape(x).len()).any(|axis| along(axis) && (!axes.contains(&axis) || scalar()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Binary, DType, Op, Window};

    #[test]
    fn scale_and_offset_move_behind_an_average() {
        let window = Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pads: [0, 1, 0, 1] };
        let averages = [
            Op::GlobalAveragePool,
            Op::AveragePool { window, count_include_pad: false },
            Op::ReduceMean { axes: vec![2, 3], keep_dims: false },
            Op::ReduceMean { axes: vec![3], keep_dims: true },
        ];
        for op in averages {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
            let (scale, offset) = (b.random(&[3, 1, 1], 0.5, 1.0), b.random(&[1, 3, 1, 1], 0.5, 1.0));
            let x = b.node(Op::Softmax { axis: 1, flat: false, log: false }, &[b.input()]);
            let x = b.node(Op::Binary(Binary::Mul), &[x, scale]);
            let x = b.node(Op::Binary(Binary::Sub), &[offset, x]);
            let x = b.batch_norm(x);
            let x = b.node(op.clone(), &[x]);
            let graph = b.finish(x);
            let canonical = fires(&graph, "move-averages");
            let names = ops(&canonical);
            let at = names.iter().position(|name| name.contains("Pool") || name.contains("Mean"));
            assert_eq!(at, Some(1), "{op}: {canonical}");
        }
    }

    #[test]
    fn sums_of_sums_divided_by_a_count() {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
        let (four, count) = (b.scalar(4.0), b.scalar(16.0));
        let mut x = b.conv(b.input(), 5, 1, 1, [0; 4]);
        x = b.clamp(x, 0.0, 6.0);
        for axis in [3, 2] {
            x = b.node(Op::ReduceMean { axes: vec![axis], keep_dims: false }, &[x]);
            x = b.node(Op::Binary(Binary::Mul), &[x, four]);
        }
        let x = b.node(Op::Binary(Binary::Div), &[x, count]);
        let (w, bias) = (b.random(&[5, 2], -1.0, 1.0), b.random(&[2], -1.0, 1.0));
        let x = b.node(Op::MatMul, &[x, w]);
        let x = b.node(Op::Binary(Binary::Add), &[x, bias]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "move-averages")), ["Conv", "GlobalAveragePool", "Reshape", "Gemm"]);
    }
}
