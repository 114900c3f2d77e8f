//! Sums and norms over axes, which are means times the number of elements, and maxima.

use super::call::Call;
use super::fold;
use super::linear::reduced_axes;
use super::lower::Lowering;
use crate::diagnostic::Problem;
use crate::graph::{Binary, Op, Tensor, Unary, ValueId};

/// `ReduceSum`, `ReduceSumSquare`, `ReduceL1` and `ReduceL2`.
pub(super) fn sum(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let op = call.node.op_type.as_str();
    if op == "ReduceSum" && lowering.constant(x).is_some_and(|tensor| !tensor.dtype.is_float()) {
        return fold::reduce(lowering, call);
    }
    let shape = lowering.ty(x).shape.clone();
    let input_since = if op == "ReduceSum" { 13 } else { 18 };
    let Some(axes) = reduced_axes(lowering, call, input_since, shape.len())? else {
        return match op {
            "ReduceSum" => lowering.emit(call, Op::Identity, &[Some(x)]).map(drop),
            _ => Err(Problem::new("a reduction over no axis is not supported").expected("axes", "none")),
        };
    };
    let keep_dims = call.flag("keepdims", true)?;
    let terms = match op {
        "ReduceSum" => x,
        "ReduceL1" => {
            let negative = lowering.emit_inner(call, Op::Unary(Unary::Neg), &[Some(x)], None)?;
            inner(lowering, call, Binary::Max, [x, negative])?
        }
        _ => inner(lowering, call, Binary::Mul, [x, x])?,
    };
    let count: usize = axes.iter().map(|&axis| shape[axis]).product();
    let mean = lowering.emit_inner(call, Op::ReduceMean { axes, keep_dims }, &[Some(terms)], None)?;
    let count = lowering.add_constant(call, Tensor::f32([], [count as f32]))?;
    let inputs = [Some(mean), Some(count)];
    if op == "ReduceL2" {
        let sum = lowering.emit_inner(call, Op::Binary(Binary::Mul), &inputs, None)?;
        return lowering.emit(call, Op::Unary(Unary::Sqrt), &[Some(sum)]).map(drop);
    }
    lowering.emit(call, Op::Binary(Binary::Mul), &inputs).map(drop)
}

pub(super) fn largest(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    if lowering.constant(x).is_some() {
        return fold::reduce(lowering, call);
    }
    let rank = lowering.ty(x).shape.len();
    let Some(axes) = reduced_axes(lowering, call, 18, rank)? else {
        return lowering.emit(call, Op::Identity, &[Some(x)]).map(drop);
    };
    let keep_dims = call.flag("keepdims", true)?;
    lowering.emit(call, Op::ReduceMax { axes, keep_dims }, &[Some(x)]).map(drop)
}

fn inner(lowering: &mut Lowering, call: &Call, op: Binary, [a, b]: [ValueId; 2]) -> Result<ValueId, Problem> {
    lowering.emit_inner(call, Op::Binary(op), &[Some(a), Some(b)], None)
}
