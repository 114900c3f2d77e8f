//! Arithmetic, activations and conversions.

use super::call::Call;
use super::lower::Lowering;
use crate::diagnostic::Problem;
use crate::graph::{Activation, Binary, DType, Op, Type, Unary};
use crate::onnx::dtype;

pub(super) fn binary(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = match call.node.op_type.as_str() {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        _ => Binary::Div,
    };
    lowering.emit(call, Op::Binary(op), &call.inputs).map(drop)
}

/// The exponent may have another type than the base.
pub(super) fn pow(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let (base, mut exponent) = (call.input(0)?, call.input(1)?);
    let dtype = lowering.ty(base).dtype;
    if lowering.ty(exponent).dtype != dtype {
        let ty = Type { dtype, ..lowering.ty(exponent).clone() };
        exponent = lowering.emit_inner(call, Op::Cast, &[Some(exponent)], Some(ty))?;
    }
    lowering.emit(call, Op::Binary(Binary::Pow), &[Some(base), Some(exponent)]).map(drop)
}

pub(super) fn variadic(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = Op::Binary(match call.node.op_type.as_str() {
        "Min" => Binary::Min,
        "Max" => Binary::Max,
        _ => Binary::Add,
    });
    let mut value = call.input(0)?;
    if call.inputs.len() == 1 {
        return lowering.emit(call, Op::Identity, &[Some(value)]).map(drop);
    }
    for i in 1..call.inputs.len() {
        let inputs = [Some(value), Some(call.input(i)?)];
        value = if i + 1 == call.inputs.len() {
            lowering.emit(call, op.clone(), &inputs)?
        } else {
            lowering.emit_inner(call, op.clone(), &inputs, None)?
        };
    }
    Ok(())
}

pub(super) fn unary(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = match call.node.op_type.as_str() {
        "Relu" => Unary::Act(Activation::Clamp { lo: 0.0, hi: f32::INFINITY }),
        "HardSwish" => Unary::Act(Activation::HardSwish),
        "Sigmoid" => Unary::Act(Activation::Sigmoid),
        "Tanh" => Unary::Act(Activation::Tanh),
        "Sqrt" => Unary::Sqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Neg" => Unary::Neg,
        "Log" => Unary::Log,
        _ => Unary::Exp,
    };
    lowering.emit(call, Op::Unary(op), &call.inputs).map(drop)
}

pub(super) fn hard_sigmoid(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let activation = Activation::HardSigmoid { alpha: call.float("alpha", 0.2)?, beta: call.float("beta", 0.5)? };
    lowering.emit(call, Op::Unary(Unary::Act(activation)), &call.inputs).map(drop)
}

pub(super) fn leaky_relu(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let activation = Activation::LeakyRelu { alpha: call.float("alpha", 0.01)? };
    lowering.emit(call, Op::Unary(Unary::Act(activation)), &call.inputs).map(drop)
}

/// `x * sigmoid(alpha x)`: swish where alpha is 1.
pub(super) fn quick_gelu(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let alpha = call.float("alpha", 1.702)?;
    if alpha != 1.0 {
        return Err(Problem::new("this activation is not supported")
            .expected("alpha = 1, which is swish", format!("alpha = {alpha}")));
    }
    lowering.emit(call, Op::Unary(Unary::Act(Activation::Swish)), &call.inputs).map(drop)
}

pub(super) fn prelu(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    lowering.emit(call, Op::PRelu, &call.inputs).map(drop)
}

/// Bounds are attributes before opset 11, inputs from then on.
pub(super) fn clip(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(3)?;
    let x = call.input(0)?;
    let (lo, hi) = if call.opset < 11 {
        (call.float("min", f32::NEG_INFINITY)?, call.float("max", f32::INFINITY)?)
    } else {
        let bound = |i, what| {
            // Floats of all kinds are computed in one; that a file mixes them can't be seen here, nor changes a value.
            let of = lowering.ty(x).dtype;
            let same = |dtype: DType| dtype == of || dtype.is_float() && of.is_float();
            if let Some(dtype) = call.optional(i).map(|id| lowering.ty(id).dtype).filter(|&dtype| !same(dtype)) {
                return Err(Problem::new(format!("{what} is not of the type of what it bounds"))
                    .expected(of.to_string(), dtype.to_string())
                    .of_file());
            }
            Ok::<_, Problem>(lowering.optional_scalar(call, i, what)?.map(|v| v as f32))
        };
        (
            bound(1, "the lower bound")?.unwrap_or(f32::NEG_INFINITY),
            bound(2, "the upper bound")?.unwrap_or(f32::INFINITY),
        )
    };
    lowering.emit(call, Op::Unary(Unary::Act(clamp(lo, hi)?)), &[Some(x)]).map(drop)
}

/// A clamp to bounds that the file gives. With one that is not a number every output would be NaN.
pub(super) fn clamp(lo: f32, hi: f32) -> Result<Activation, Problem> {
    if lo.is_nan() || hi.is_nan() {
        return Err(Problem::new("a bound is not a number")
            .expected("numbers", format!("{lo} to {hi}"))
            .hint("every output would be NaN: give the bounds that were meant"));
    }
    Ok(Activation::clamp(lo, hi))
}

/// Identity, and Dropout, whose ratio and mask do not matter at inference.
pub(super) fn identity(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    if call.node.op_type == "Dropout" && lowering.optional_scalar(call, 2, "training_mode")?.unwrap_or(0.0) != 0.0 {
        return Err(Problem::new("this dropout is in training mode").hint("export the model for inference").of_file());
    }
    lowering.emit(call, Op::Identity, &[Some(call.input(0)?)]).map(drop)
}

pub(super) fn cast(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let dtype = if call.node.op_type == "CastLike" {
        lowering.ty(call.input(1)?).dtype
    } else {
        let code = i32::try_from(call.int("to", 0)?).unwrap_or(-1);
        dtype::from_code(code).map_err(|name| Problem::new(format!("a cast to {name} is not supported")))?
    };
    let ty = Type { dtype, ..lowering.ty(x).clone() };
    lowering.emit_as(call, Op::Cast, &[Some(x)], ty).map(drop)
}
