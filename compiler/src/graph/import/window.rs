//! Convolutions, pools and pads.

use super::call::{Call, axes};
use super::elementwise;
use super::lower::Lowering;
use crate::diagnostic::Problem;
use crate::graph::{Activation, Binary, Conv, Op, Type, Unary, ValueId, Window, infer};

pub(super) fn conv(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(3)?;
    let op = conv_op(lowering, call, call.input(1)?)?;
    lowering.emit(call, op, &call.inputs).map(drop)
}

/// A convolution as onnxruntime saves it: optional addend, then an activation by name.
pub(super) fn fused_conv(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(4)?;
    let op = conv_op(lowering, call, call.input(1)?)?;
    let name = call.string("activation", "")?;
    let activation = if name.is_empty() { None } else { Some(named(name, call.floats("activation_params")?)?) };
    let inputs = &call.inputs[..call.inputs.len().min(3)];
    let (addend, fused) = (call.optional(3), activation.is_some());
    let mut value = if addend.is_some() || fused {
        lowering.emit_inner(call, op, inputs, None)?
    } else {
        lowering.emit(call, op, inputs)?
    };
    if let Some(addend) = addend {
        let (op, inputs) = (Op::Binary(Binary::Add), [Some(value), Some(addend)]);
        value = if fused { lowering.emit_inner(call, op, &inputs, None)? } else { lowering.emit(call, op, &inputs)? };
    }
    if let Some(activation) = activation {
        lowering.emit(call, Op::Unary(Unary::Act(activation)), &[Some(value)])?;
    }
    Ok(())
}

/// An activation by its operator's name, as onnxruntime fuses it, and the operator's attributes.
pub(super) fn named(name: &str, params: &[f32]) -> Result<Activation, Problem> {
    Ok(match (name, params) {
        ("Relu", _) => Activation::Clamp { lo: 0.0, hi: f32::INFINITY },
        ("Clip", &[lo, hi]) => elementwise::clamp(lo, hi)?,
        ("HardSigmoid", &[alpha, beta]) => Activation::HardSigmoid { alpha, beta },
        ("Sigmoid", _) => Activation::Sigmoid,
        ("Tanh", _) => Activation::Tanh,
        ("LeakyRelu", &[alpha]) => Activation::LeakyRelu { alpha },
        _ => {
            let found = format!("{name:?} with {} parameters", params.len());
            let expected = "Relu, Clip, HardSigmoid, LeakyRelu, Sigmoid or Tanh";
            return Err(Problem::new("this activation is not supported").expected(expected, found));
        }
    })
}

pub(super) fn conv_op(lowering: &Lowering, call: &Call, weights: ValueId) -> Result<Op, Problem> {
    let (x, w) = (lowering.ty(call.input(0)?), lowering.ty(weights));
    let size = image(x)?;
    let kernel = match call.ints("kernel_shape")? {
        Some(kernel) => pair(kernel, "kernel_shape")?,
        None => spatial(w)?,
    };
    let window = window(call, kernel, size)?;
    let group = call.int("group", 1)?;
    let group = usize::try_from(group).map_err(|_| Problem::new("group should be positive"))?;
    Ok(Op::Conv(Conv { window, group, activation: Activation::NONE, pad_values: Vec::new() }))
}

pub(super) fn average_pool(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(1)?;
    let op = average_pool_op(lowering, call)?;
    lowering.emit(call, op, &[Some(call.input(0)?)]).map(drop)
}

/// The average over a window, or over the whole map, of the first input.
pub(super) fn average_pool_op(lowering: &Lowering, call: &Call) -> Result<Op, Problem> {
    let size = image(lowering.ty(call.input(0)?))?;
    let kernel = pool_kernel(call)?;
    let own_size = match call.node.inputs.first().and_then(|name| lowering.own_type(name)) {
        Some(own) => spatial(own)?,
        None => size,
    };
    let own_window = window(call, kernel, own_size)?;
    if kernel == own_size && own_window.pads == [0; 4] && own_window.dilation == [1, 1] {
        return Ok(Op::GlobalAveragePool);
    }
    let count_include_pad = call.flag("count_include_pad", false)?;
    let window = window(call, kernel, size)?;
    let rounded = round_up(call, window, size)?;
    if rounded != window && count_include_pad {
        return Err(Problem::new("ceil_mode together with count_include_pad is not supported"));
    }
    Ok(Op::AveragePool { window: rounded, count_include_pad })
}

pub(super) fn max_pool(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let size = image(lowering.ty(x))?;
    let window = round_up(call, window(call, pool_kernel(call)?, size)?, size)?;
    lowering.emit(call, Op::MaxPool { window }, &[Some(x)]).map(drop)
}

pub(super) fn global_average_pool(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    image(lowering.ty(x))?;
    lowering.emit(call, Op::GlobalAveragePool, &call.inputs).map(drop)
}

pub(super) fn global_max_pool(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let kernel = image(lowering.ty(x))?;
    let window = Window { kernel, stride: [1, 1], dilation: [1, 1], pads: [0; 4] };
    lowering.emit(call, Op::MaxPool { window }, &[Some(x)]).map(drop)
}

pub(super) fn pad(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(4)?;
    let x = call.input(0)?;
    let rank = lowering.ty(x).shape.len();
    let (pads, value, given_axes) = if call.opset < 11 {
        (call.ints("pads")?.map(<[i64]>::to_vec), f64::from(call.float("value", 0.0)?), None)
    } else {
        let value = lowering.optional_scalar(call, 2, "the padding value")?;
        (lowering.optional_ints(call, 1, "pads")?, value.unwrap_or(0.0), lowering.optional_ints(call, 3, "axes")?)
    };
    let pads = pads.ok_or_else(|| Problem::new("pads are missing"))?;
    let positions = match &given_axes {
        Some(given) => {
            axes(given, rank)?;
            given.iter().map(|&a| super::call::axis(a, rank)).collect::<Result<Vec<_>, _>>()?
        }
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * positions.len() {
        let expected = format!("{} numbers", 2 * positions.len());
        return Err(Problem::new("pads do not fit the axes").expected(expected, format!("{pads:?}")));
    }
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    for (i, &axis) in positions.iter().enumerate() {
        before[axis] = pads[i];
        after[axis] = pads[positions.len() + i];
    }
    let mode = call.string("mode", "constant")?;
    if mode != "constant" && pads.iter().any(|&p| p != 0) {
        return Err(Problem::new("this way of padding is not supported").expected("mode constant", format!("{mode:?}")));
    }
    lowering.emit(call, Op::Pad { before, after, value }, &[Some(x)]).map(drop)
}

fn pool_kernel(call: &Call) -> Result<[usize; 2], Problem> {
    let kernel = call.ints("kernel_shape")?.ok_or_else(|| Problem::new("attribute \"kernel_shape\" is missing"))?;
    pair(kernel, "kernel_shape")
}

/// Height and width of an image.
fn image(ty: &Type) -> Result<[usize; 2], Problem> {
    if ty.shape.len() != 4 {
        let expected = "a 2-D operator on [N, C, H, W]";
        return Err(Problem::new("only images are supported").expected(expected, ty.to_string()));
    }
    spatial(ty)
}

fn spatial(ty: &Type) -> Result<[usize; 2], Problem> {
    match ty.shape[..] {
        [_, _, height, width] => Ok([height, width]),
        _ => Err(Problem::new("four axes are needed").expected("rank 4", ty.to_string())),
    }
}

fn pair(values: &[i64], what: &str) -> Result<[usize; 2], Problem> {
    match values {
        &[a, b] if a > 0 && b > 0 => Ok([a as usize, b as usize]),
        _ => {
            let message = format!("attribute {what:?} does not fit");
            Err(Problem::new(message).expected("two positive integers", format!("{values:?}")))
        }
    }
}

/// The window of a convolution or pool over a map of `size`, with `auto_pad` resolved.
fn window(call: &Call, kernel: [usize; 2], size: [usize; 2]) -> Result<Window, Problem> {
    let one_or = |name: &str| call.ints(name)?.map_or(Ok([1, 1]), |values| pair(values, name));
    let (stride, dilation) = (one_or("strides")?, one_or("dilations")?);
    let auto_pad = call.string("auto_pad", "NOTSET")?;
    let pads = match auto_pad {
        "VALID" => [0; 4],
        "SAME_UPPER" | "SAME_LOWER" => {
            let mut pads = [0; 4];
            for axis in 0..2 {
                let total = same_padding(size[axis], kernel[axis], stride[axis], dilation[axis])
                    .ok_or_else(|| Problem::new("the kernel is empty or too large"))?;
                let (small, large) = (total / 2, total - total / 2);
                (pads[axis], pads[axis + 2]) = if auto_pad == "SAME_UPPER" { (small, large) } else { (large, small) };
            }
            pads
        }
        "NOTSET" | "" => match call.ints("pads")? {
            None => [0; 4],
            Some(pads) => pads.try_into().map_err(|_| {
                Problem::new("attribute \"pads\" does not fit").expected("four integers", format!("{pads:?}"))
            })?,
        },
        other => {
            return Err(Problem::new("unknown auto_pad").expected("NOTSET, VALID, SAME_UPPER or SAME_LOWER", other));
        }
    };
    if let Some(given) = call.ints("pads")?.filter(|given| *given != pads) {
        return Err(Problem::new("attributes \"auto_pad\" and \"pads\" contradict each other")
            .expected(format!("{pads:?}, as auto_pad = {auto_pad} says, or none"), format!("{given:?}"))
            .hint("remove the one that was not meant")
            .of_file());
    }
    Ok(Window { kernel, stride, dilation, pads })
}

/// Padding in total with which the output has `ceil(size / stride)` elements.
fn same_padding(size: usize, kernel: usize, stride: usize, dilation: usize) -> Option<i64> {
    let extent = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let needed = (size.div_ceil(stride).saturating_sub(1)).checked_mul(stride)?.checked_add(extent)?;
    i64::try_from(needed.saturating_sub(size)).ok()
}

/// With `ceil_mode`, extends the padding behind so that the last, partial window counts.
fn round_up(call: &Call, mut window: Window, size: [usize; 2]) -> Result<Window, Problem> {
    if !call.flag("ceil_mode", false)? {
        return Ok(window);
    }
    for (axis, &size) in size.iter().enumerate() {
        let len = infer::window_len(&window, axis, size).map_err(Problem::new)?;
        let (stride, extent) = (window.stride[axis], (window.kernel[axis] - 1) * window.dilation[axis] + 1);
        let start = len.checked_mul(stride).and_then(|s| i64::try_from(s).ok());
        let start = start.ok_or_else(|| Problem::new("the stride is too large"))?;
        let padded = size as i64 + window.pads[axis] + window.pads[axis + 2];
        let inside = start < size as i64 + window.pads[axis];
        if inside && start < padded && (len - 1) * stride + extent < padded as usize {
            let more = start - padded + extent as i64;
            let pad = window.pads[axis + 2].checked_add(more);
            window.pads[axis + 2] = pad.ok_or_else(|| Problem::new("the padding is too large"))?;
        }
    }
    Ok(window)
}
