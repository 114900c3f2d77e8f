//! Normalisation, products, reductions, softmax and quantisation.

use super::call::{Call, axes, axis};
use super::lower::Lowering;
use super::window;
use crate::diagnostic::Problem;
use crate::graph::{Activation, DType, Op, Type, Unary};
use crate::onnx::dtype;
use std::cmp::Ordering;

pub(super) fn batch_norm(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(5)?;
    // Before opset 14 the number of outputs says so.
    let statistics = call.node.outputs.iter().skip(1).any(|name| !name.is_empty());
    if call.flag("training_mode", false)? || (call.opset < 14 && statistics) {
        let problem = Problem::new("this normalisation is in training mode").of_file();
        return Err(problem.hint("export the model for inference"));
    }
    if statistics {
        return Err(Problem::new("this normalisation has the outputs of training mode, but training_mode = 0")
            .expected("one output", format!("{} outputs", call.node.outputs.len()))
            .hint("export the model for inference")
            .of_file());
    }
    if call.opset < 9 && !call.flag("spatial", true)? {
        return Err(Problem::new("normalisation per element is not supported").expected("spatial = 1", "spatial = 0"));
    }
    let epsilon = f64::from(call.float("epsilon", 1e-5)?);
    if let Some(variance) = lowering.constant(call.input(4)?) {
        let variances = variance.to_f64();
        // NaN is not positive either.
        if let Some(channel) = variances.iter().position(|v| (v + epsilon).partial_cmp(&0.0) != Some(Ordering::Greater))
        {
            let message = format!("variance + epsilon of channel {channel} is not positive");
            return Err(Problem::new(message)
                .expected(
                    "a positive number, of which the square root is taken",
                    format!("{} + {:e}", variances[channel] as f32, epsilon as f32),
                )
                .of_file()
                .hint("the weights of this normalisation are damaged: export the model again"));
        }
    }
    lowering.emit(call, Op::BatchNorm { epsilon }, &call.inputs).map(drop)
}

pub(super) fn gemm(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    lowering.emit(call, gemm_op(call)?, &call.inputs).map(drop)
}

/// A fully connected layer as onnxruntime saves it, with an activation by name.
pub(super) fn fused_gemm(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let given = ["activation_alpha", "activation_beta"].into_iter().filter(|name| call.node.attribute(name).is_some());
    let params = given.map(|name| call.float(name, 0.0)).collect::<Result<Vec<f32>, _>>()?;
    let name = call.string("activation", "")?;
    if name.is_empty() {
        return gemm(lowering, call);
    }
    // Without its attributes, an activation has those of its own operator.
    let activation = match (name, &params[..]) {
        ("LeakyRelu", []) => window::named(name, &[0.01])?,
        ("HardSigmoid", []) => window::named(name, &[0.2, 0.5])?,
        _ => window::named(name, &params)?,
    };
    let product = lowering.emit_inner(call, gemm_op(call)?, &call.inputs, None)?;
    lowering.emit(call, Op::Unary(Unary::Act(activation)), &[Some(product)]).map(drop)
}

pub(super) fn gemm_op(call: &Call) -> Result<Op, Problem> {
    Ok(Op::Gemm {
        alpha: call.float("alpha", 1.0)?,
        beta: call.float("beta", 1.0)?,
        trans_a: call.flag("transA", false)?,
        trans_b: call.flag("transB", false)?,
        activation: Activation::NONE,
    })
}

pub(super) fn matmul(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    lowering.emit(call, Op::MatMul, &call.inputs).map(drop)
}

pub(super) fn softmax(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    any_softmax(lowering, call, false)
}

pub(super) fn log_softmax(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    any_softmax(lowering, call, true)
}

fn any_softmax(lowering: &mut Lowering, call: &Call, log: bool) -> Result<(), Problem> {
    let rank = lowering.ty(call.input(0)?).shape.len();
    let op = softmax_op(call, rank, call.opset, log)?;
    lowering.emit(call, op, &call.inputs).map(drop)
}

/// The softmax of an opset.
pub(super) fn softmax_op(call: &Call, rank: usize, opset: i64, log: bool) -> Result<Op, Problem> {
    let flat = opset < 13;
    let axis = axis(call.int("axis", if flat { 1 } else { -1 })?, rank)?;
    Ok(Op::Softmax { axis, flat, log })
}

pub(super) fn lp_normalization(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let rank = lowering.ty(call.input(0)?).shape.len();
    let axis = axis(call.int("axis", -1)?, rank)?;
    let p = match call.int("p", 2)? {
        1 => 1,
        2 => 2,
        p => return Err(Problem::new("this norm is not supported").expected("p = 1 or 2", format!("p = {p}"))),
    };
    lowering.emit(call, Op::LpNormalize { axis, p, epsilon: 0.0 }, &call.inputs).map(drop)
}

pub(super) fn arg_max(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let rank = lowering.ty(call.input(0)?).shape.len();
    let axis = axis(call.int("axis", 0)?, rank)?;
    let (keep_dims, select_last) = (call.flag("keepdims", true)?, call.flag("select_last_index", false)?);
    lowering.emit(call, Op::ArgMax { axis, keep_dims, select_last }, &call.inputs).map(drop)
}

pub(super) fn reduce_mean(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let rank = lowering.ty(x).shape.len();
    let Some(axes) = reduced_axes(lowering, call, 18, rank)? else {
        return lowering.emit(call, Op::Identity, &[Some(x)]).map(drop);
    };
    let keep_dims = call.flag("keepdims", true)?;
    lowering.emit(call, Op::ReduceMean { axes, keep_dims }, &[Some(x)]).map(drop)
}

/// The axes of a reduction, an attribute before opset `input_since`; `None` where nothing is reduced.
pub(super) fn reduced_axes(
    lowering: &Lowering,
    call: &Call,
    input_since: i64,
    rank: usize,
) -> Result<Option<Vec<usize>>, Problem> {
    call.at_most(2)?;
    let given = if call.opset < input_since {
        call.ints("axes")?.map(<[i64]>::to_vec)
    } else {
        lowering.optional_ints(call, 1, "axes")?
    };
    match given {
        Some(given) if !given.is_empty() => axes(&given, rank).map(Some),
        _ if call.flag("noop_with_empty_axes", false)? => Ok(None),
        _ => Ok(Some((0..rank).collect())),
    }
}

pub(super) fn quantize(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = lowering.ty(call.input(0)?).clone();
    let axis = channel_axis(call, &x)?;
    let code = i32::try_from(call.int("output_dtype", 0)?).unwrap_or(-1);
    let dtype = if code == 0 { Ok(DType::U8) } else { dtype::from_code(code) };
    let dtype = dtype.map_err(|name| Problem::new(format!("quantisation to {name} is not supported")))?;
    lowering.emit_as(call, Op::QuantizeLinear { axis }, &call.inputs, Type { dtype, ..x }).map(drop)
}

pub(super) fn dequantize(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let axis = channel_axis(call, lowering.ty(call.input(0)?))?;
    lowering.emit(call, Op::DequantizeLinear { axis }, &call.inputs).map(drop)
}

/// The channel axis; 0 for a scalar, and where the default does not exist but is not needed either.
fn channel_axis(call: &Call, x: &Type) -> Result<usize, Problem> {
    if call.int("block_size", 0)? != 0 {
        return Err(Problem::new("blocked quantisation is not supported")
            .expected("block_size = 0", format!("block_size = {}", call.int("block_size", 0)?)));
    }
    match call.node.attribute("axis") {
        None if x.shape.len() < 2 => Ok(0),
        _ if x.shape.is_empty() => Ok(0),
        _ => axis(call.int("axis", 1)?, x.shape.len()),
    }
}
