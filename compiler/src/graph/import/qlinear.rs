//! Quantised operators of the QOperator form, spelled out: dequantised operands, the float operator, the quantised result.
//!
//! Operands and their parameters keep the order of each operator's definition; what all of them compute on codes, the passes form.

use super::call::Call;
use super::lower::Lowering;
use super::{linear, shape, window};
use crate::diagnostic::Problem;
use crate::graph::{Activation, Binary, DType, Op, Tensor, Type, Unary, ValueId};
use std::sync::Arc;

/// Where a value, its scale and its zero point are among a node's inputs.
type At = [usize; 3];

pub(super) fn conv(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    if call.flag("channels_last", false)? {
        return Err(last_channels());
    }
    let x = dequantised(lowering, call, [0, 1, 2], 0)?;
    let w = dequantised(lowering, call, [3, 4, 5], 0)?;
    let mut inputs = vec![Some(x), Some(w)];
    inputs.extend(bias(lowering, call, 8, 1, 4)?.map(Some));
    let op = window::conv_op(lowering, call, call.input(3)?)?;
    let value = lowering.emit_inner(call, op, &inputs, None)?;
    quantised(lowering, call, value, 6, 7)
}

pub(super) fn matmul(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let a = dequantised(lowering, call, [0, 1, 2], 0)?;
    let b = dequantised(lowering, call, [3, 4, 5], 1)?;
    let value = lowering.emit_inner(call, Op::MatMul, &[Some(a), Some(b)], None)?;
    quantised(lowering, call, value, 6, 7)
}

/// Without a scale of the result, that is float.
pub(super) fn gemm(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = linear::gemm_op(call)?;
    let axis = usize::from(!call.flag("transB", false)?);
    let a = dequantised(lowering, call, [0, 1, 2], 0)?;
    let b = dequantised(lowering, call, [3, 4, 5], axis)?;
    let mut inputs = vec![Some(a), Some(b)];
    inputs.extend(bias(lowering, call, 6, 1, 4)?.map(Some));
    if call.optional(7).is_none() {
        return lowering.emit(call, op, &inputs).map(drop);
    }
    let value = lowering.emit_inner(call, op, &inputs, None)?;
    quantised(lowering, call, value, 7, 8)
}

pub(super) fn binary(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = if call.node.op_type == "QLinearAdd" { Binary::Add } else { Binary::Mul };
    let a = dequantised(lowering, call, [0, 1, 2], 0)?;
    let b = dequantised(lowering, call, [3, 4, 5], 0)?;
    let value = lowering.emit_inner(call, Op::Binary(op), &[Some(a), Some(b)], None)?;
    quantised(lowering, call, value, 6, 7)
}

pub(super) fn global_average_pool(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    pool(lowering, call, |_, _| Ok(Op::GlobalAveragePool))
}

pub(super) fn average_pool(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    pool(lowering, call, window::average_pool_op)
}

fn pool(lowering: &mut Lowering, call: &Call, op: fn(&Lowering, &Call) -> Result<Op, Problem>) -> Result<(), Problem> {
    if call.flag("channels_last", false)? {
        return Err(last_channels());
    }
    unary(lowering, call, op)
}

pub(super) fn activation(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    unary(lowering, call, |_, call| {
        let activation = match call.node.op_type.as_str() {
            "QLinearSigmoid" => Activation::Sigmoid,
            _ => Activation::LeakyRelu { alpha: call.float("alpha", 0.01)? },
        };
        Ok(Op::Unary(Unary::Act(activation)))
    })
}

/// Its attribute `opset` says which softmax it is.
pub(super) fn softmax(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    unary(lowering, call, |lowering, call| {
        let rank = lowering.ty(call.input(0)?).shape.len();
        linear::softmax_op(call, rank, call.int("opset", 13)?, false)
    })
}

pub(super) fn reduce_mean(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    unary(lowering, call, |lowering, call| {
        let rank = lowering.ty(call.input(0)?).shape.len();
        let axes = super::call::axes(call.ints("axes")?.unwrap_or_default(), rank)?;
        Ok(Op::ReduceMean { axes, keep_dims: call.flag("keepdims", true)? })
    })
}

/// Operators of x, its scale and zero point, the result's scale and zero point.
fn unary(
    lowering: &mut Lowering,
    call: &Call,
    op: impl Fn(&Lowering, &Call) -> Result<Op, Problem>,
) -> Result<(), Problem> {
    let op = op(lowering, call)?;
    let x = dequantised(lowering, call, [0, 1, 2], 0)?;
    let value = lowering.emit_inner(call, op, &[Some(x)], None)?;
    quantised(lowering, call, value, 3, 4)
}

/// The result's scale and zero point come first, then those of each part behind it.
pub(super) fn concat(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let parts = call.inputs.len().saturating_sub(2);
    if parts == 0 || !parts.is_multiple_of(3) {
        let found = format!("{} inputs", call.inputs.len());
        return Err(Problem::new("inputs do not come in threes behind the first two")
            .expected("a value, its scale and its zero point for each part", found));
    }
    let mut inputs = Vec::new();
    for at in (2..call.inputs.len()).step_by(3) {
        inputs.push(Some(dequantised(lowering, call, [at, at + 1, at + 2], 0)?));
    }
    let op = shape::concat_op(lowering, call, call.input(2)?)?;
    let value = lowering.emit_inner(call, op, &inputs, None)?;
    quantised(lowering, call, value, 0, 1)
}

fn last_channels() -> Problem {
    Problem::new("channels come last in the operands of this operator")
        .expected("channels_last = 0", "channels_last = 1")
        .hint("save the model without onnxruntime's layout optimisation: graph_optimization_level = ORT_ENABLE_BASIC")
}

fn dequantised(lowering: &mut Lowering, call: &Call, [x, scale, zero]: At, axis: usize) -> Result<ValueId, Problem> {
    let (x, scale) = (call.input(x)?, call.input(scale)?);
    let mut inputs = vec![Some(x), Some(scale)];
    inputs.extend(call.optional(zero).map(Some));
    // A value of few axes has no channels apart.
    let axis = if lowering.ty(x).shape.len() > axis { axis } else { 0 };
    lowering.emit_inner(call, Op::DequantizeLinear { axis }, &inputs, None)
}

fn quantised(lowering: &mut Lowering, call: &Call, value: ValueId, scale: usize, zero: usize) -> Result<(), Problem> {
    let mut inputs = vec![Some(value), Some(call.input(scale)?)];
    inputs.extend(call.optional(zero).map(Some));
    let dtype = call.optional(zero).map_or(DType::U8, |zero| lowering.ty(zero).dtype);
    let ty = Type { dtype, ..lowering.ty(value).clone() };
    lowering.emit_as(call, Op::QuantizeLinear { axis: 0 }, &inputs, ty).map(drop)
}

/// A bias of i32 in units of the products.
fn bias(
    lowering: &mut Lowering,
    call: &Call,
    at: usize,
    x_scale: usize,
    w_scale: usize,
) -> Result<Option<ValueId>, Problem> {
    let Some(bias) = call.optional(at) else { return Ok(None) };
    let constant = |id| {
        lowering.constant(id).map(Tensor::to_f32).ok_or_else(|| {
            Problem::new("a scale should be known at compile time").expected("a constant", "a computed value")
        })
    };
    let (x, w) = (constant(call.input(x_scale)?)?, constant(call.input(w_scale)?)?);
    let x = x.first().copied().unwrap_or(1.0);
    let scales: Arc<[f32]> = w.iter().map(|w| x * w).collect();
    let scales = if scales.len() == 1 { Tensor::f32([], scales) } else { Tensor::f32([scales.len()], scales) };
    let scale = lowering.add_constant(call, scales)?;
    let axis = lowering.ty(bias).shape.len().saturating_sub(1);
    lowering.emit_inner(call, Op::DequantizeLinear { axis }, &[Some(bias), Some(scale)], None).map(Some)
}
