//! Operators that only move elements.

use super::{Array, Values};

/// Row-major strides.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Calls `visit` with the offset of every element of a strided view, row-major.
pub(super) fn walk(shape: &[usize], strides: &[i64], start: i64, mut visit: impl FnMut(usize)) {
    let Some((&inner, outer)) = shape.split_last() else {
        return visit(start as usize);
    };
    let (inner_stride, outer_strides) = (strides[outer.len()], &strides[..outer.len()]);
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; outer.len()];
    let mut offset = start;
    loop {
        for i in 0..inner as i64 {
            visit((offset + i * inner_stride) as usize);
        }
        let mut axis = outer.len();
        loop {
            let Some(next) = axis.checked_sub(1) else { return };
            axis = next;
            index[axis] += 1;
            offset += outer_strides[axis];
            if index[axis] < outer[axis] {
                break;
            }
            offset -= outer_strides[axis] * outer[axis] as i64;
            index[axis] = 0;
        }
    }
}

fn view<T: Copy>(values: &[T], shape: &[usize], strides: &[i64], start: i64) -> Vec<T> {
    let mut out = Vec::with_capacity(shape.iter().product());
    walk(shape, strides, start, |offset| out.push(values[offset]));
    out
}

fn view_values(x: &Array, shape: &[usize], strides: &[i64], start: i64) -> Values {
    match &x.values {
        Values::Float(values) => Values::Float(view(values, shape, strides, start)),
        Values::Int(values) => Values::Int(view(values, shape, strides, start)),
    }
}

pub(super) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<i64> {
    let mut out = vec![0; to.len()];
    let lead = to.len() - from.len();
    for (axis, (&dim, stride)) in from.iter().zip(strides(from)).enumerate() {
        out[lead + axis] = if dim == 1 { 0 } else { stride as i64 };
    }
    out
}

pub(super) fn broadcast<T: Copy>(values: &[T], from: &[usize], to: &[usize]) -> Vec<T> {
    view(values, to, &broadcast_strides(from, to), 0)
}

pub(super) fn expand(x: &Array, to: &[usize]) -> Result<Vec<f64>, String> {
    Ok(broadcast(x.floats()?, x.shape(), to))
}

pub(super) fn transpose(x: &Array, perm: &[usize], shape: &[usize]) -> Values {
    let strides = strides(x.shape());
    let permuted: Vec<i64> = perm.iter().map(|&axis| strides[axis] as i64).collect();
    view_values(x, shape, &permuted, 0)
}

pub(super) fn slice(x: &Array, starts: &[i64], steps: &[i64], shape: &[usize]) -> Values {
    if shape.contains(&0) {
        return view_values(x, shape, &vec![0; shape.len()], 0);
    }
    let strides = strides(x.shape());
    let start = starts.iter().zip(&strides).map(|(&start, &stride)| start * stride as i64).sum();
    // The step of a single element is any number, and leads nowhere.
    let step = |axis: usize| if shape[axis] == 1 { 0 } else { steps[axis] * strides[axis] as i64 };
    let stepped: Vec<i64> = (0..shape.len()).map(step).collect();
    view_values(x, shape, &stepped, start)
}

pub(super) fn pad(x: &Array, before: &[i64], value: f64, shape: &[usize]) -> Values {
    match &x.values {
        Values::Float(values) => Values::Float(pad_with(values, x.shape(), before, value, shape)),
        Values::Int(values) => Values::Int(pad_with(values, x.shape(), before, value as i64, shape)),
    }
}

fn pad_with<T: Copy>(values: &[T], from: &[usize], before: &[i64], value: T, shape: &[usize]) -> Vec<T> {
    let mut out = vec![value; shape.iter().product()];
    let kept: Vec<(usize, usize, usize)> = from
        .iter()
        .zip(before.iter().zip(shape))
        .map(|(&size, (&before, &padded))| {
            let skip = usize::try_from(-before).unwrap_or(0);
            let at = usize::try_from(before).unwrap_or(0);
            let len = size.saturating_sub(skip).min(padded.saturating_sub(at));
            (skip, at, len)
        })
        .collect();
    let lens: Vec<usize> = kept.iter().map(|k| k.2).collect();
    let offset = |strides: &[usize], pick: fn(&(usize, usize, usize)) -> usize| -> i64 {
        kept.iter().zip(strides).map(|(k, &stride)| (pick(k) * stride) as i64).sum()
    };
    let signed = |strides: &[usize]| strides.iter().map(|&s| s as i64).collect::<Vec<_>>();
    let (source, target) = (strides(from), strides(shape));
    let kept_values = view(values, &lens, &signed(&source), offset(&source, |k| k.0));
    let mut next = kept_values.iter();
    walk(&lens, &signed(&target), offset(&target, |k| k.1), |offset| {
        if let Some(&value) = next.next() {
            out[offset] = value;
        }
    });
    out
}

pub(super) fn concat(inputs: &[Option<&Array>], axis: usize) -> Result<Values, String> {
    let arrays: Vec<&Array> = inputs.iter().copied().flatten().collect();
    let rows = |array: &Array| array.shape()[axis..].iter().product::<usize>();
    let outer = arrays[0].shape()[..axis].iter().product();
    Ok(match arrays[0].values {
        Values::Float(_) => {
            let parts: Result<Vec<_>, String> = arrays.iter().map(|a| Ok((a.floats()?, rows(a)))).collect();
            Values::Float(interleave(&parts?, outer))
        }
        Values::Int(_) => {
            let parts: Result<Vec<_>, String> = arrays.iter().map(|a| Ok((a.ints()?, rows(a)))).collect();
            Values::Int(interleave(&parts?, outer))
        }
    })
}

fn interleave<T: Copy>(parts: &[(&[T], usize)], outer: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(parts.iter().map(|p| p.0.len()).sum());
    for i in 0..outer {
        for (values, row) in parts {
            out.extend_from_slice(&values[i * row..(i + 1) * row]);
        }
    }
    out
}

pub(super) fn gather(x: &Array, indices: &Array, axis: usize) -> Result<Values, String> {
    let size = x.shape()[axis];
    let wrapped = indices.ints()?.iter().map(|&i| {
        let i = if i < 0 { i + size as i64 } else { i };
        usize::try_from(i)
            .ok()
            .filter(|&i| i < size)
            .ok_or_else(|| format!("index {i} is outside axis {axis} of {}", x.ty))
    });
    let indices: Vec<usize> = wrapped.collect::<Result<_, _>>()?;
    let outer: usize = x.shape()[..axis].iter().product();
    let row: usize = x.shape()[axis + 1..].iter().product();
    Ok(match &x.values {
        Values::Float(values) => Values::Float(gather_rows(values, &indices, outer, size, row)),
        Values::Int(values) => Values::Int(gather_rows(values, &indices, outer, size, row)),
    })
}

fn gather_rows<T: Copy>(values: &[T], indices: &[usize], outer: usize, size: usize, row: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(outer * indices.len() * row);
    for i in 0..outer {
        for &index in indices {
            let start = (i * size + index) * row;
            out.extend_from_slice(&values[start..start + row]);
        }
    }
    out
}
