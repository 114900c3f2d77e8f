//! Elementwise operators, reductions and products.

use super::movement::{broadcast, broadcast_strides, strides, walk};
use super::{Array, Values};
use crate::graph::{Activation, Binary, DType, Type, Unary, half};

pub(crate) fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Clamp { lo, hi } => clamp(x, f64::from(lo), f64::from(hi)),
        Activation::HardSwish => x * clamp(x / 6.0 + 0.5, 0.0, 1.0),
        Activation::HardSigmoid { alpha, beta } => clamp(f64::from(alpha) * x + f64::from(beta), 0.0, 1.0),
        Activation::Sigmoid => sigmoid(x),
        Activation::Swish => x * sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::LeakyRelu { alpha } => leaky(x, f64::from(alpha)),
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn leaky(x: f64, slope: f64) -> f64 {
    if x < 0.0 { slope * x } else { x }
}

/// `min(hi, max(lo, x))` with NaN passing through.
fn clamp(x: f64, lo: f64, hi: f64) -> f64 {
    let raised = if x < lo { lo } else { x };
    if raised > hi { hi } else { raised }
}

pub(super) fn unary(op: Unary, x: &Array) -> Result<Values, String> {
    let f: Box<dyn Fn(f64) -> f64> = match op {
        Unary::Act(activation) => Box::new(move |v| activate(activation, v)),
        Unary::Sqrt => Box::new(f64::sqrt),
        Unary::Reciprocal => Box::new(f64::recip),
        Unary::Neg => Box::new(|v| -v),
        Unary::Exp => Box::new(f64::exp),
        Unary::Log => Box::new(f64::ln),
    };
    Ok(match &x.values {
        Values::Float(values) => Values::Float(values.iter().map(|&v| f(v)).collect()),
        Values::Int(values) => match op {
            Unary::Neg => Values::Int(values.iter().map(|&v| wrap(x.ty.dtype, v.wrapping_neg())).collect()),
            Unary::Act(Activation::Clamp { lo, hi }) => {
                Values::Int(values.iter().map(|&v| v.max(lo as i64).min(hi as i64)).collect())
            }
            _ => return Err(format!("not defined for {}", x.ty)),
        },
    })
}

pub(super) fn binary(op: Binary, a: &Array, b: &Array, ty: &Type) -> Result<Values, String> {
    if a.ty.dtype.is_float() {
        let f = |x: f64, y: f64| match op {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Div => x / y,
            Binary::Pow => x.powf(y),
            Binary::Min if x.is_nan() || y.is_nan() => f64::NAN,
            Binary::Max if x.is_nan() || y.is_nan() => f64::NAN,
            Binary::Min => x.min(y),
            Binary::Max => x.max(y),
        };
        let a = broadcast(a.floats()?, a.shape(), &ty.shape);
        let b = broadcast(b.floats()?, b.shape(), &ty.shape);
        return Ok(Values::Float(a.iter().zip(&b).map(|(&x, &y)| f(x, y)).collect()));
    }
    let f = |x: i64, y: i64| match op {
        Binary::Add => Some(x.wrapping_add(y)),
        Binary::Sub => Some(x.wrapping_sub(y)),
        Binary::Mul => Some(x.wrapping_mul(y)),
        Binary::Div => x.checked_div(y),
        Binary::Pow => Some(u32::try_from(y).map_or(if x == 1 { 1 } else { 0 }, |y| x.wrapping_pow(y))),
        Binary::Min => Some(x.min(y)),
        Binary::Max => Some(x.max(y)),
    };
    let a = broadcast(a.ints()?, a.shape(), &ty.shape);
    let b = broadcast(b.ints()?, b.shape(), &ty.shape);
    let results = a.iter().zip(&b).map(|(&x, &y)| f(x, y).map(|v| wrap(ty.dtype, v)));
    results.collect::<Option<_>>().map(Values::Int).ok_or_else(|| "integer division by zero".into())
}

/// Wraps around at the width of an integer type.
fn wrap(dtype: DType, value: i64) -> i64 {
    match dtype {
        DType::I8 => i64::from(value as i8),
        DType::U8 => i64::from(value as u8),
        DType::I16 => i64::from(value as i16),
        DType::U16 => i64::from(value as u16),
        DType::I32 => i64::from(value as i32),
        DType::U32 => i64::from(value as u32),
        _ => value,
    }
}

pub(super) fn cast(x: &Array, to: DType) -> Values {
    match &x.values {
        Values::Float(values) if to.is_float() => Values::Float(values.iter().map(|&v| half::round(to, v)).collect()),
        Values::Float(values) if to == DType::Bool => {
            Values::Int(values.iter().map(|&v| i64::from(v != 0.0)).collect())
        }
        Values::Float(values) => {
            let (lo, hi) = to.int_range().unwrap_or((i64::MIN, i64::MAX));
            Values::Int(values.iter().map(|&v| (v as i64).clamp(lo, hi)).collect())
        }
        Values::Int(values) if to.is_float() => {
            Values::Float(values.iter().map(|&v| half::round(to, v as f64)).collect())
        }
        Values::Int(values) if to == DType::Bool => Values::Int(values.iter().map(|&v| i64::from(v != 0)).collect()),
        Values::Int(values) => Values::Int(values.iter().map(|&v| wrap(to, v)).collect()),
    }
}

pub(super) fn batch_norm(x: &Array, [scale, bias, mean, var]: [&Array; 4], epsilon: f64) -> Result<Vec<f64>, String> {
    let [scale, bias, mean, var] = [scale.floats()?, bias.floats()?, mean.floats()?, var.floats()?];
    let mut out = x.floats()?.to_vec();
    let plane: usize = x.shape()[2..].iter().product();
    for (i, values) in out.chunks_mut(plane.max(1)).enumerate() {
        let c = i % scale.len();
        let factor = scale[c] / (var[c] + epsilon).sqrt();
        for value in values {
            *value = (*value - mean[c]) * factor + bias[c];
        }
    }
    Ok(out)
}

pub(super) fn mean(x: &Array, axes: &[usize]) -> Result<Vec<f64>, String> {
    let kept: Vec<usize> = x.shape().iter().enumerate().map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
    let mut sums = vec![0.0; kept.iter().product()];
    let mut values = x.floats()?.iter();
    walk(x.shape(), &broadcast_strides(&kept, x.shape()), 0, |offset| {
        if let Some(value) = values.next() {
            sums[offset] += value;
        }
    });
    let count: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    for sum in &mut sums {
        *sum /= count as f64;
    }
    Ok(sums)
}

pub(super) fn largest(x: &Array, axes: &[usize]) -> Result<Vec<f64>, String> {
    let kept: Vec<usize> = x.shape().iter().enumerate().map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
    let mut most = vec![f64::NEG_INFINITY; kept.iter().product()];
    let mut values = x.floats()?.iter();
    walk(x.shape(), &broadcast_strides(&kept, x.shape()), 0, |offset| {
        if let Some(&value) = values.next()
            && !(value <= most[offset] || most[offset].is_nan())
        {
            most[offset] = value;
        }
    });
    Ok(most)
}

pub(super) fn softmax(x: &Array, axis: usize, flat: bool, log: bool) -> Result<Vec<f64>, String> {
    let mut out = x.floats()?.to_vec();
    let (len, inner) =
        if flat { (x.shape()[axis..].iter().product(), 1) } else { (x.shape()[axis], strides(x.shape())[axis]) };
    let block: usize = len * inner;
    for values in out.chunks_mut(block.max(1)) {
        for i in 0..inner {
            let max = values[i..].iter().step_by(inner).fold(f64::NEG_INFINITY, |m, &v| m.max(v));
            let sum: f64 = values[i..].iter().step_by(inner).map(|v| (v - max).exp()).sum();
            for value in values[i..].iter_mut().step_by(inner) {
                *value = if log { *value - max - sum.ln() } else { (*value - max).exp() / sum };
            }
        }
    }
    Ok(out)
}

pub(super) fn prelu(x: &Array, slope: &Array) -> Result<Vec<f64>, String> {
    let slope = broadcast(slope.floats()?, slope.shape(), x.shape());
    Ok(x.floats()?.iter().zip(&slope).map(|(&x, &slope)| leaky(x, slope)).collect())
}

/// Visits the elements along `axis`, line by line: `line` gets their offsets.
fn lines(shape: &[usize], axis: usize, mut line: impl FnMut(&mut dyn Iterator<Item = usize>)) {
    let (size, stride) = (shape[axis], strides(shape)[axis]);
    let outer: usize = shape[..axis].iter().product();
    for start in (0..outer).flat_map(|i| (0..stride).map(move |j| i * size * stride + j)) {
        line(&mut (0..size).map(|i| start + i * stride));
    }
}

pub(super) fn lp_normalize(x: &Array, axis: usize, p: u8, epsilon: f64) -> Result<Vec<f64>, String> {
    let values = x.floats()?;
    let mut out = values.to_vec();
    lines(x.shape(), axis, |line| {
        let offsets: Vec<usize> = line.collect();
        let term = |&at: &usize| if p == 1 { values[at].abs() } else { values[at] * values[at] };
        let sum: f64 = offsets.iter().map(term).sum();
        let norm = if p == 1 { sum } else { sum.sqrt() };
        let norm = if norm < epsilon { epsilon } else { norm };
        for &at in &offsets {
            out[at] /= norm;
        }
    });
    Ok(out)
}

pub(super) fn arg_max(x: &Array, axis: usize, select_last: bool) -> Vec<i64> {
    let values = x.to_floats();
    let mut out = Vec::new();
    lines(x.shape(), axis, |line| {
        let mut best = (0, f64::NEG_INFINITY);
        for (i, at) in line.enumerate() {
            if i == 0 || values[at] > best.1 || select_last && values[at] == best.1 {
                best = (i, values[at]);
            }
        }
        out.push(best.0 as i64);
    });
    out
}

pub(super) fn gemm(a: &Array, b: &Array, trans_a: bool, trans_b: bool) -> Result<Vec<f64>, String> {
    let matrix = |x: &Array, transposed: bool| -> Result<(Vec<f64>, [usize; 2]), String> {
        let (rows, columns) = (x.shape()[0], x.shape()[1]);
        if !transposed {
            return Ok((x.floats()?.to_vec(), [rows, columns]));
        }
        match super::movement::transpose(x, &[1, 0], &[columns, rows]) {
            Values::Float(values) => Ok((values, [columns, rows])),
            Values::Int(_) => Err("floats are needed".into()),
        }
    };
    let ((a, [m, k]), (b, [_, n])) = (matrix(a, trans_a)?, matrix(b, trans_b)?);
    Ok(product(&a, &b, m, k, n))
}

fn product(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; m * n];
    for i in 0..m {
        let row = &mut out[i * n..(i + 1) * n];
        for (p, &factor) in a[i * k..(i + 1) * k].iter().enumerate() {
            for (sum, &value) in row.iter_mut().zip(&b[p * n..(p + 1) * n]) {
                *sum += factor * value;
            }
        }
    }
    out
}

pub(super) fn scale_add(
    mut product: Vec<f64>,
    c: Option<Vec<f64>>,
    alpha: f64,
    beta: f64,
    activation: Activation,
) -> Vec<f64> {
    for (i, value) in product.iter_mut().enumerate() {
        let sum = alpha * *value + c.as_ref().map_or(0.0, |c| beta * c[i]);
        *value = activate(activation, sum);
    }
    product
}

pub(super) fn matmul(a: &Array, b: &Array, shape: &[usize]) -> Result<Values, String> {
    let left = if let [k] = *a.shape() { vec![1, k] } else { a.shape().to_vec() };
    let right = if let [k] = *b.shape() { vec![k, 1] } else { b.shape().to_vec() };
    let (Some((batch_a, &[m, k])), Some((batch_b, &[_, n]))) =
        (left.split_last_chunk::<2>(), right.split_last_chunk::<2>())
    else {
        return Err("matrices are needed".into());
    };
    let batch = &shape[..batch_a.len().max(batch_b.len())];
    let starts = |from: &[usize]| {
        let mut starts = Vec::new();
        walk(batch, &broadcast_strides(from, batch), 0, |offset| starts.push(offset));
        starts
    };
    let (x, y) = (a.to_floats(), b.to_floats());
    let mut out = Vec::with_capacity(shape.iter().product());
    for (i, j) in starts(batch_a).into_iter().zip(starts(batch_b)) {
        out.extend(product(&x[i * m * k..(i + 1) * m * k], &y[j * k * n..(j + 1) * k * n], m, k, n));
    }
    Ok(if a.ty.dtype.is_float() {
        Values::Float(out)
    } else {
        Values::Int(out.into_iter().map(|v| wrap(a.ty.dtype, v as i64)).collect())
    })
}
