//! Operators that move elements or rename their axes.

use super::call::{Call, axes, axis};
use super::lookup;
use super::lower::Lowering;
use super::resize;
use crate::diagnostic::Problem;
use crate::graph::{Op, Type, ValueId, infer};

/// Copies that an axis may be tiled to where they aren't a broadcast.
const MAX_COPIES: usize = 64;

pub(super) fn reshape(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let target = lowering.optional_ints(call, 1, "the target shape")?;
    let mut target = target.ok_or_else(|| Problem::new("the target shape is missing"))?;
    if target.len() > infer::MAX_RANK {
        return Err(
            Problem::new("too many axes").expected(format!("at most {}", infer::MAX_RANK), target.len().to_string())
        );
    }
    let shape = match resize::follow(lowering, call, x, &mut target) {
        Some(shape) => shape,
        None => resolve(lowering.ty(x), &target, call.flag("allowzero", false)?)?,
    };
    emit_reshape(lowering, call, x, shape)
}

/// The shape a target stands for: 0 copies a dimension (unless allowed), one -1 takes what is left.
fn resolve(x: &Type, target: &[i64], allow_zero: bool) -> Result<Vec<usize>, Problem> {
    let refuse = |message: &str| {
        Problem::new(message).expected(format!("a shape for the {} elements of {x}", x.len()), format!("{target:?}"))
    };
    let mut shape = Vec::with_capacity(target.len());
    let mut open = None;
    for (i, &dim) in target.iter().enumerate() {
        shape.push(match dim {
            0 if !allow_zero => {
                *x.shape.get(i).ok_or_else(|| refuse("a 0 in the target copies an axis that does not exist"))?
            }
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            dim => usize::try_from(dim).map_err(|_| refuse("the target shape is not valid"))?,
        });
    }
    let known = infer::elements(&shape).map_err(Problem::new)?;
    if let Some(open) = open {
        if known == 0 || !x.len().is_multiple_of(known) {
            return Err(refuse("the target shape does not fit"));
        }
        shape[open] = x.len() / known;
    } else if known != x.len() {
        return Err(refuse("the target shape does not fit"));
    }
    Ok(shape)
}

fn emit_reshape(lowering: &mut Lowering, call: &Call, x: ValueId, shape: Vec<usize>) -> Result<(), Problem> {
    let dtype = lowering.ty(x).dtype;
    lowering.emit_as(call, Op::Reshape, &[Some(x)], Type { dtype, shape }).map(drop)
}

pub(super) fn flatten(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let shape = lowering.ty(x).shape.clone();
    let at = match call.int("axis", 1)? {
        end if end == shape.len() as i64 => shape.len(),
        at => axis(at, shape.len())?,
    };
    let (rows, columns) = shape.split_at(at);
    emit_reshape(lowering, call, x, vec![rows.iter().product(), columns.iter().product()])
}

pub(super) fn squeeze(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let shape = lowering.ty(x).shape.clone();
    let dropped = match axes_parameter(lowering, call)? {
        Some(given) => axes(&given, shape.len())?,
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
    };
    if let Some(&axis) = dropped.iter().find(|&&axis| shape[axis] != 1) {
        let found = format!("axis {axis} of {}", lowering.ty(x));
        return Err(Problem::new("only axes of one element can be dropped").expected("1", found));
    }
    let kept = shape.iter().enumerate().filter(|(i, _)| !dropped.contains(i)).map(|(_, &d)| d).collect();
    emit_reshape(lowering, call, x, kept)
}

pub(super) fn unsqueeze(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let given = axes_parameter(lowering, call)?.ok_or_else(|| Problem::new("the axes are missing"))?;
    let mut shape = lowering.ty(x).shape.clone();
    for axis in axes(&given, shape.len() + given.len())? {
        shape.insert(axis, 1);
    }
    emit_reshape(lowering, call, x, shape)
}

/// An attribute before opset 13, an input from then on.
fn axes_parameter(lowering: &Lowering, call: &Call) -> Result<Option<Vec<i64>>, Problem> {
    if call.opset < 13 {
        call.at_most(1)?;
        return Ok(call.ints("axes")?.map(<[i64]>::to_vec));
    }
    call.at_most(2)?;
    lowering.optional_ints(call, 1, "axes")
}

pub(super) fn transpose(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let rank = lowering.ty(call.input(0)?).shape.len();
    let perm = match call.ints("perm")? {
        Some(perm) => perm.iter().map(|&p| axis(p, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    lowering.emit(call, Op::Transpose { perm }, &call.inputs).map(drop)
}

pub(super) fn concat(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = concat_op(lowering, call, call.input(0)?)?;
    lowering.emit(call, op, &call.inputs).map(drop)
}

/// The concatenation of values of the rank of this one.
pub(super) fn concat_op(lowering: &Lowering, call: &Call, x: ValueId) -> Result<Op, Problem> {
    if call.node.attribute("axis").is_none() {
        return Err(Problem::new("attribute \"axis\" is missing"));
    }
    let axis = axis(call.int("axis", 0)?, lowering.ty(x).shape.len())?;
    Ok(Op::Concat { axis })
}

pub(super) fn gather(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let rank = lowering.ty(call.input(0)?).shape.len();
    let axis = axis(call.int("axis", 0)?, rank)?;
    lowering.emit(call, Op::Gather { axis }, &call.inputs).map(drop)
}

pub(super) fn expand(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let target = lowering.optional_ints(call, 1, "the target shape")?;
    let target = target.ok_or_else(|| Problem::new("the target shape is missing"))?;
    let dims: Result<Vec<usize>, _> = target.iter().map(|&d| usize::try_from(d)).collect();
    let dims =
        dims.map_err(|_| Problem::new("the target shape is not valid").expected("sizes", format!("{target:?}")))?;
    let ty = lowering.ty(x);
    let shape = infer::broadcast(&ty.shape, &dims).map_err(Problem::new)?;
    let ty = Type { dtype: ty.dtype, shape };
    lowering.emit_as(call, Op::Expand, &[Some(x)], ty).map(drop)
}

/// Copies beside each other along each axis: a broadcast where there is one element, else a concatenation.
/// A resize to the size that is there; any other is refused.
pub(super) fn resize(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let shape = lowering.ty(x).shape.clone();
    let given = match call.ints("axes")? {
        Some(given) => given.iter().map(|&a| axis(a, shape.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..shape.len()).collect(),
    };
    let scales = call.optional(if call.opset < 11 { 1 } else { 2 }).filter(|&id| !lowering.ty(id).is_empty());
    let same = match scales.or_else(|| call.optional(3)).and_then(|id| lowering.constant(id)) {
        Some(wanted) if wanted.len() != given.len() => false,
        Some(wanted) if scales.is_some() => wanted.to_f64().iter().all(|&scale| scale == 1.0),
        Some(wanted) => wanted.to_f64().iter().zip(&given).all(|(&size, &axis)| size == shape[axis] as f64),
        None => false,
    };
    if !same || call.string("coordinate_transformation_mode", "half_pixel")? == "tf_crop_and_resize" {
        return Err(lookup::unknown(call.node));
    }
    lowering.emit(call, Op::Identity, &[Some(x)]).map(drop)
}

pub(super) fn tile(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    call.at_most(2)?;
    let mut x = call.input(0)?;
    let repeats = lowering.optional_ints(call, 1, "the repeats")?.unwrap_or_default();
    let ty = lowering.ty(x).clone();
    let counts: Option<Vec<usize>> = repeats.iter().map(|&n| usize::try_from(n).ok().filter(|&n| n > 0)).collect();
    let Some(counts) = counts.filter(|counts| counts.len() == ty.shape.len()) else {
        let expected = format!("{} positive numbers", ty.shape.len());
        return Err(Problem::new("the repeats do not fit").expected(expected, format!("{repeats:?}")));
    };
    let tiled: Option<Vec<usize>> = ty.shape.iter().zip(&counts).map(|(&size, &n)| size.checked_mul(n)).collect();
    infer::elements(&tiled.ok_or_else(|| Problem::new("the result is too large"))?).map_err(Problem::new)?;
    for (axis, &count) in counts.iter().enumerate().filter(|&(axis, &count)| count > 1 && ty.shape[axis] != 1) {
        if count > MAX_COPIES {
            let expected = format!("at most {MAX_COPIES}");
            return Err(Problem::new("too many copies").expected(expected, count.to_string()));
        }
        x = lowering.emit_inner(call, Op::Concat { axis }, &vec![Some(x); count], None)?;
    }
    let mut shape = lowering.ty(x).shape.clone();
    for (size, &count) in shape.iter_mut().zip(&counts) {
        *size = if *size == 1 { count } else { *size };
    }
    lowering.emit_as(call, Op::Expand, &[Some(x)], Type { dtype: ty.dtype, shape }).map(drop)
}

/// Bounds are attributes before opset 10, inputs from then on.
pub(super) fn slice(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let ty = lowering.ty(x).clone();
    let rank = ty.shape.len();
    let (starts, ends, given_axes, given_steps) = if call.opset < 10 {
        let list = |name: &str| Ok::<_, Problem>(call.ints(name)?.map(<[i64]>::to_vec));
        (list("starts")?, list("ends")?, list("axes")?, None)
    } else {
        call.at_most(5)?;
        let list = |i, what| lowering.optional_ints(call, i, what);
        (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?, list(4, "steps")?)
    };
    let (Some(starts), Some(ends)) = (starts, ends) else {
        return Err(Problem::new("starts or ends are missing"));
    };
    let count = starts.len();
    let given_axes = given_axes.unwrap_or_else(|| (0..count as i64).collect());
    let given_steps = given_steps.unwrap_or_else(|| vec![1; count]);
    if [ends.len(), given_axes.len(), given_steps.len()] != [count; 3] {
        return Err(Problem::new("starts, ends, axes and steps differ in length"));
    }
    axes(&given_axes, rank)?;
    let (mut first, mut steps, mut shape) = (vec![0; rank], vec![1; rank], ty.shape.clone());
    for i in 0..count {
        let axis = axis(given_axes[i], rank)?;
        let (start, len) = slice_axis(ty.shape[axis], starts[i], ends[i], given_steps[i])?;
        (first[axis], steps[axis], shape[axis]) = (start, given_steps[i], len);
    }
    let op = Op::Slice { starts: first, steps };
    lowering.emit_as(call, op, &[Some(x)], Type { dtype: ty.dtype, shape }).map(drop)
}

/// First index and number of elements; bounds count from the back where negative, and are clamped to the axis.
fn slice_axis(size: usize, start: i64, end: i64, step: i64) -> Result<(i64, usize), Problem> {
    let size = size as i64;
    let wrap = |bound: i64| if bound < 0 { bound.saturating_add(size) } else { bound };
    let (start, end) = (wrap(start), wrap(end));
    let (start, span) = match step {
        0 => return Err(Problem::new("a step is 0").expected("another step", "0")),
        1.. => {
            let start = start.clamp(0, size);
            (start, end.clamp(0, size) - start)
        }
        _ => {
            let start = start.clamp(0, (size - 1).max(0));
            (start, start - end.clamp(-1, size - 1))
        }
    };
    let len = if span <= 0 || size == 0 { 0 } else { (span as u64).div_ceil(step.unsigned_abs()) };
    Ok((start, len as usize))
}

/// Every part that is read becomes a slice.
pub(super) fn split(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = call.input(0)?;
    let ty = lowering.ty(x).clone();
    let axis = axis(call.int("axis", 0)?, ty.shape.len())?;
    let parts = call.node.outputs.len();
    let given = if call.opset < 13 {
        call.ints("split")?.map(<[i64]>::to_vec)
    } else {
        lowering.optional_ints(call, 1, "the lengths")?
    };
    if call.opset >= 18 {
        let number = call.node.attribute("num_outputs").map(|_| call.int("num_outputs", 0)).transpose()?;
        if number.is_some() == given.is_some() || number.is_some_and(|number| usize::try_from(number) != Ok(parts)) {
            let lengths = if given.is_some() { "lengths" } else { "no lengths" };
            let found = number.map_or(lengths.into(), |number| format!("{lengths}, num_outputs = {number}"));
            let expected = format!("either lengths as an input or num_outputs = {parts}, since opset 18");
            return Err(Problem::new("its outputs are not told").expected(expected, found).of_file());
        }
    }
    let lens: Vec<usize> = match given {
        Some(given) => given.iter().map(|&len| usize::try_from(len).unwrap_or(usize::MAX)).collect(),
        None => {
            let len = ty.shape[axis].div_ceil(parts.max(1));
            (0..parts).map(|i| len.min(ty.shape[axis].saturating_sub(i * len))).collect()
        }
    };
    let total = lens.iter().try_fold(0usize, |sum, &len| sum.checked_add(len));
    if lens.len() != parts || total != Some(ty.shape[axis]) {
        let expected = format!("{parts} lengths that add up to {}", ty.shape[axis]);
        return Err(Problem::new("the parts do not fit").expected(expected, format!("{lens:?}")));
    }
    let mut start = 0;
    for (i, &len) in lens.iter().enumerate() {
        if !call.node.outputs[i].is_empty() {
            let mut part = ty.clone();
            part.shape[axis] = len;
            let mut starts = vec![0; ty.shape.len()];
            starts[axis] = start as i64;
            let op = Op::Slice { starts, steps: vec![1; ty.shape.len()] };
            lowering.emit_output(call, i, op, &[Some(x)], Some(part))?;
        }
        start += len;
    }
    Ok(())
}
