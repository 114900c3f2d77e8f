//! Shape and type inference: the one place that knows what an operator returns.

use super::{Activation, Conv, DType, Integer, IntegerOp, Op, Type, Unary, WeightQuant, Window};

/// No value may have more elements.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// No value may have more axes.
pub const MAX_RANK: usize = 16;

/// No pool may have a larger window: unlike a convolution's, no weights in the file bound it.
const MAX_POOL_WINDOW: usize = 1 << 20;

/// The type an operator returns for inputs of these types.
///
/// `declared` is the output value's own type, which [`Op::Reshape`], [`Op::Expand`], [`Op::Slice`] (shape), [`Op::Cast`]
/// and [`Op::QuantizeLinear`] (element type) take as an attribute; the other operators ignore it.
///
/// # Errors
/// Says in one sentence why the operator does not accept these inputs.
pub fn output_type(op: &Op, inputs: &[Option<&Type>], declared: Option<&Type>) -> Result<Type, String> {
    let given = Inputs { inputs, declared };
    let ty = match op {
        Op::Conv(conv) => convolution(conv, &given)?,
        Op::BatchNorm { .. } => batch_norm(&given)?,
        Op::Binary(_) => binary(&given)?,
        Op::Unary(unary) => {
            let x = given.only()?;
            if !matches!(unary, Unary::Act(Activation::Clamp { .. }) | Unary::Neg) {
                float(x)?;
            }
            x.clone()
        }
        Op::Pad { before, after, .. } => pad(given.only()?, before, after)?,
        Op::AveragePool { window, .. } => {
            let x = given.only()?;
            float(x)?;
            pool(x, window)?
        }
        Op::MaxPool { window } => pool(given.only()?, window)?,
        Op::GlobalAveragePool => {
            let x = given.only()?;
            float(x)?;
            let [n, c, _, _] = image(x)?;
            Type::new(x.dtype, [n, c, 1, 1])
        }
        Op::ReduceMean { axes, keep_dims } | Op::ReduceMax { axes, keep_dims } => {
            reduce(given.only()?, axes, *keep_dims)?
        }
        Op::Reshape => {
            let (x, target) = (given.only()?, given.declared()?);
            let len = elements(&target.shape)?;
            check(x.len() == len, || format!("{x} has {} elements, {target} has {len}", x.len()))?;
            Type::new(x.dtype, target.shape.clone())
        }
        Op::Transpose { perm } => transpose(given.only()?, perm)?,
        Op::Gemm { trans_a, trans_b, .. } => gemm(&given, *trans_a, *trans_b)?,
        Op::MatMul => matmul(&given)?,
        Op::Softmax { axis, .. } => {
            let x = given.only()?;
            float(x)?;
            axis_of(x, *axis)?;
            x.clone()
        }
        Op::PRelu => {
            given.at_most(2)?;
            let (x, slope) = (given.get(0)?, given.get(1)?);
            float(x)?;
            same_dtype(x, slope)?;
            let shape = broadcast(&x.shape, &slope.shape)?;
            check(shape == x.shape, || format!("the slope {slope} does not broadcast to {x}"))?;
            x.clone()
        }
        Op::LpNormalize { axis, p, .. } => {
            let x = given.only()?;
            float(x)?;
            axis_of(x, *axis)?;
            check(matches!(p, 1 | 2), || format!("a norm with p = {p}"))?;
            x.clone()
        }
        Op::ArgMax { axis, keep_dims, .. } => {
            let x = given.only()?;
            let size = axis_of(x, *axis)?;
            check(size > 0, || format!("there is no largest element on an empty axis of {x}"))?;
            let mut shape = x.shape.clone();
            if *keep_dims {
                shape[*axis] = 1;
            } else {
                shape.remove(*axis);
            }
            Type::new(DType::I64, shape)
        }
        Op::Identity => given.only()?.clone(),
        Op::Cast => Type::new(given.declared()?.dtype, given.only()?.shape.clone()),
        Op::Concat { axis } => concat(&given, *axis)?,
        Op::Slice { starts, steps } => slice(&given, starts, steps)?,
        Op::Gather { axis } => gather(&given, *axis)?,
        Op::Expand => {
            let (x, target) = (given.only()?, given.declared()?);
            let shape = broadcast(&x.shape, &target.shape)?;
            check(shape == target.shape, || format!("{x} does not broadcast to {target}"))?;
            Type::new(x.dtype, shape)
        }
        Op::QuantizeLinear { axis } => quantize(&given, *axis)?,
        Op::DequantizeLinear { axis } => dequantize(&given, *axis)?,
        Op::Integer(integer) => integer_type(integer, &given)?,
    };
    elements(&ty.shape)?;
    Ok(ty)
}

/// Rows or columns a window yields on an axis of `size` elements.
///
/// # Errors
/// Where the padded axis is smaller than the window, or the window is degenerate.
pub fn window_len(window: &Window, axis: usize, size: usize) -> Result<usize, String> {
    let (kernel, stride, dilation) = (window.kernel[axis], window.stride[axis], window.dilation[axis]);
    check(kernel > 0 && stride > 0 && dilation > 0, || "kernel, strides and dilations must be positive".into())?;
    let extent = (kernel - 1).checked_mul(dilation).and_then(|e| e.checked_add(1)).ok_or("the kernel is too large")?;
    let padded = i64::try_from(size)
        .ok()
        .and_then(|s| s.checked_add(window.pads[axis])?.checked_add(window.pads[axis + 2]))
        .ok_or("the padding is too large")?;
    match usize::try_from(padded) {
        Ok(padded) if padded >= extent => Ok((padded - extent) / stride + 1),
        _ => Err(format!("a window of {extent} does not fit into {padded} elements (padding included)")),
    }
}

/// The shape two shapes broadcast to, ONNX (numpy) rules.
///
/// # Errors
/// Where they don't broadcast.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|i| match (dim(a, i), dim(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// Number of elements of a shape.
///
/// # Errors
/// Where it exceeds [`MAX_ELEMENTS`], or the shape [`MAX_RANK`].
pub fn elements(shape: &[usize]) -> Result<usize, String> {
    check(shape.len() <= MAX_RANK, || format!("{} axes, at most {MAX_RANK} are possible", shape.len()))?;
    shape
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= MAX_ELEMENTS)
        .ok_or_else(|| format!("shape {shape:?} has more than {MAX_ELEMENTS} elements"))
}

struct Inputs<'a> {
    inputs: &'a [Option<&'a Type>],
    declared: Option<&'a Type>,
}

impl<'a> Inputs<'a> {
    fn optional(&self, i: usize) -> Option<&'a Type> {
        self.inputs.get(i).copied().flatten()
    }

    fn get(&self, i: usize) -> Result<&'a Type, String> {
        self.optional(i).ok_or_else(|| format!("input {i} is missing"))
    }

    fn only(&self) -> Result<&'a Type, String> {
        self.at_most(1)?;
        self.get(0)
    }

    fn declared(&self) -> Result<&'a Type, String> {
        self.declared.ok_or_else(|| "the output's type is not declared".into())
    }

    fn at_most(&self, n: usize) -> Result<(), String> {
        check(self.inputs.len() <= n, || format!("{} inputs, at most {n} expected", self.inputs.len()))
    }
}

fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message()) }
}

fn float(ty: &Type) -> Result<(), String> {
    check(ty.dtype.is_float(), || format!("a floating-point input is needed, not {ty}"))
}

fn same_dtype(a: &Type, b: &Type) -> Result<(), String> {
    check(a.dtype == b.dtype, || format!("element types {} and {} differ", a.dtype, b.dtype))
}

fn image(ty: &Type) -> Result<[usize; 4], String> {
    ty.shape.as_slice().try_into().map_err(|_| format!("an input [N, C, H, W] is needed, not {ty}"))
}

fn axis_of(ty: &Type, axis: usize) -> Result<usize, String> {
    ty.shape.get(axis).copied().ok_or_else(|| format!("axis {axis} does not exist in {ty}"))
}

fn vector(ty: Option<&Type>, len: usize, dtype: DType, what: &str) -> Result<(), String> {
    ty.map_or(Ok(()), |ty| {
        check(ty.shape == [len] && ty.dtype == dtype, || format!("{what} should be {dtype}[{len}], not {ty}"))
    })
}

fn convolution(conv: &Conv, given: &Inputs) -> Result<Type, String> {
    given.at_most(3)?;
    let (x, w) = (given.get(0)?, given.get(1)?);
    float(x)?;
    same_dtype(x, w)?;
    let [n, c, height, width] = image(x)?;
    let [m, per_group, kh, kw] =
        w.shape.as_slice().try_into().map_err(|_| format!("weights [M, C/group, kh, kw] are needed, not {w}"))?;
    let group = conv.group;
    check(group > 0 && c % group == 0 && m % group == 0, || {
        format!("{group} groups don't divide {c} input and {m} output channels evenly")
    })?;
    check(per_group == c / group, || format!("weights {w} do not fit {c} input channels in {group} groups"))?;
    check(conv.window.kernel == [kh, kw], || format!("kernel {:?} does not fit weights {w}", conv.window.kernel))?;
    check(conv.pad_values.is_empty() || conv.pad_values.len() == c, || {
        format!("{} pad values for {c} channels", conv.pad_values.len())
    })?;
    vector(given.optional(2), m, x.dtype, "the bias")?;
    Ok(Type::new(x.dtype, [n, m, window_len(&conv.window, 0, height)?, window_len(&conv.window, 1, width)?]))
}

fn batch_norm(given: &Inputs) -> Result<Type, String> {
    given.at_most(5)?;
    let x = given.get(0)?;
    float(x)?;
    let channels = axis_of(x, 1)?;
    for (i, what) in ["the scale", "the bias", "the mean", "the variance"].into_iter().enumerate() {
        let parameter = given.get(i + 1)?;
        check(parameter.shape == [channels] && parameter.dtype.is_float(), || {
            format!("{what} should have shape [{channels}], not {parameter}")
        })?;
    }
    Ok(x.clone())
}

fn binary(given: &Inputs) -> Result<Type, String> {
    given.at_most(2)?;
    let (a, b) = (given.get(0)?, given.get(1)?);
    same_dtype(a, b)?;
    check(a.dtype != DType::Bool, || "numbers are needed, not booleans".into())?;
    Ok(Type::new(a.dtype, broadcast(&a.shape, &b.shape)?))
}

fn pad(x: &Type, before: &[i64], after: &[i64]) -> Result<Type, String> {
    let rank = x.shape.len();
    check(before.len() == rank && after.len() == rank, || format!("{} pads for {x}", before.len() + after.len()))?;
    let shape = x.shape.iter().zip(before.iter().zip(after)).map(|(&d, (&b, &a))| {
        let padded = i64::try_from(d).ok()?.checked_add(b)?.checked_add(a)?;
        usize::try_from(padded).ok()
    });
    let shape: Option<Vec<_>> = shape.collect();
    Ok(Type::new(x.dtype, shape.ok_or_else(|| format!("pads {before:?} and {after:?} do not fit {x}"))?))
}

fn pool(x: &Type, window: &Window) -> Result<Type, String> {
    let [n, c, height, width] = image(x)?;
    let [rows, columns] = window.kernel;
    check(rows.checked_mul(columns).is_some_and(|size| size <= MAX_POOL_WINDOW), || {
        format!("a window of {rows}x{columns} is too large, at most {MAX_POOL_WINDOW} elements are possible")
    })?;
    for axis in 0..2 {
        let extent = window.kernel[axis].saturating_sub(1).saturating_mul(window.dilation[axis]).saturating_add(1);
        for pad in [window.pads[axis], window.pads[axis + 2]] {
            check(usize::try_from(pad).is_ok_and(|p| p < extent), || {
                format!("pads {:?} should be smaller than the window {:?}", window.pads, window.kernel)
            })?;
        }
    }
    Ok(Type::new(x.dtype, [n, c, window_len(window, 0, height)?, window_len(window, 1, width)?]))
}

fn reduce(x: &Type, axes: &[usize], keep_dims: bool) -> Result<Type, String> {
    float(x)?;
    check(axes.is_sorted_by(|a, b| a < b), || format!("axes {axes:?} are not sorted and distinct"))?;
    for &axis in axes {
        check(axis_of(x, axis)? > 0, || format!("nothing is left of an empty axis of {x}"))?;
    }
    let kept = |(i, &d): (usize, &usize)| match (axes.contains(&i), keep_dims) {
        (false, _) => Some(d),
        (true, true) => Some(1),
        (true, false) => None,
    };
    Ok(Type::new(x.dtype, x.shape.iter().enumerate().filter_map(kept).collect::<Vec<_>>()))
}

fn transpose(x: &Type, perm: &[usize]) -> Result<Type, String> {
    let mut seen = vec![false; x.shape.len()];
    for &axis in perm {
        if let Some(seen) = seen.get_mut(axis) {
            *seen = true;
        }
    }
    check(perm.len() == x.shape.len() && seen.iter().all(|&s| s), || {
        format!("{perm:?} does not permute the axes of {x}")
    })?;
    Ok(Type::new(x.dtype, perm.iter().map(|&axis| x.shape[axis]).collect::<Vec<_>>()))
}

fn gemm(given: &Inputs, trans_a: bool, trans_b: bool) -> Result<Type, String> {
    given.at_most(3)?;
    let (a, b) = (given.get(0)?, given.get(1)?);
    float(a)?;
    same_dtype(a, b)?;
    let matrix = |ty: &Type, transposed: bool| -> Result<[usize; 2], String> {
        let [rows, columns] = ty.shape.as_slice().try_into().map_err(|_| format!("a matrix is needed, not {ty}"))?;
        Ok(if transposed { [columns, rows] } else { [rows, columns] })
    };
    let ([m, k], [k2, n]) = (matrix(a, trans_a)?, matrix(b, trans_b)?);
    check(k == k2, || format!("inner dimensions of {a} and {b} differ: {k} and {k2}"))?;
    if let Some(c) = given.optional(2) {
        same_dtype(a, c)?;
        let fits = broadcast(&c.shape, &[m, n]).is_ok_and(|shape| shape == [m, n]);
        check(fits, || format!("{c} does not broadcast to [{m}, {n}]"))?;
    }
    Ok(Type::new(a.dtype, [m, n]))
}

fn matmul(given: &Inputs) -> Result<Type, String> {
    given.at_most(2)?;
    let (a, b) = (given.get(0)?, given.get(1)?);
    same_dtype(a, b)?;
    check(!a.shape.is_empty() && !b.shape.is_empty(), || "scalars have no matrix product".into())?;
    let left = if let [k] = a.shape[..] { vec![1, k] } else { a.shape.clone() };
    let right = if let [k] = b.shape[..] { vec![k, 1] } else { b.shape.clone() };
    let ((batch_a, [m, k]), (batch_b, [k2, n])) = (split_matrix(&left)?, split_matrix(&right)?);
    check(k == k2, || format!("inner dimensions of {a} and {b} differ: {k} and {k2}"))?;
    let mut shape = broadcast(batch_a, batch_b)?;
    shape.extend((a.shape.len() > 1).then_some(*m));
    shape.extend((b.shape.len() > 1).then_some(*n));
    Ok(Type::new(a.dtype, shape))
}

fn split_matrix(shape: &[usize]) -> Result<(&[usize], &[usize; 2]), String> {
    shape.split_last_chunk::<2>().ok_or_else(|| "a matrix is needed".into())
}

fn concat(given: &Inputs, axis: usize) -> Result<Type, String> {
    let first = given.get(0)?;
    let mut shape = first.shape.clone();
    axis_of(first, axis)?;
    for i in 1..given.inputs.len() {
        let next = given.get(i)?;
        same_dtype(first, next)?;
        let fits = next.shape.len() == shape.len()
            && next.shape.iter().zip(&shape).enumerate().all(|(i, (a, b))| i == axis || a == b);
        check(fits, || format!("{first} and {next} do not concatenate along axis {axis}"))?;
        shape[axis] = shape[axis].checked_add(next.shape[axis]).ok_or("the result is too large")?;
    }
    Ok(Type::new(first.dtype, shape))
}

fn slice(given: &Inputs, starts: &[i64], steps: &[i64]) -> Result<Type, String> {
    let (x, target) = (given.only()?, given.declared()?);
    let rank = x.shape.len();
    check(starts.len() == rank && steps.len() == rank && target.shape.len() == rank, || {
        format!("starts, steps and result need {rank} axes")
    })?;
    for (axis, &size) in x.shape.iter().enumerate() {
        let (start, step) = (starts[axis], steps[axis]);
        let last = i64::try_from(target.shape[axis]).ok().and_then(|n| start.checked_add(step.checked_mul(n - 1)?));
        let inside = |i: i64| usize::try_from(i).is_ok_and(|i| i < size);
        check(target.shape[axis] == 0 || inside(start) && last.is_some_and(inside), || {
            format!("{} elements from {start} in steps of {step} leave axis {axis} of {x}", target.shape[axis])
        })?;
    }
    Ok(Type::new(x.dtype, target.shape.clone()))
}

fn gather(given: &Inputs, axis: usize) -> Result<Type, String> {
    given.at_most(2)?;
    let (data, indices) = (given.get(0)?, given.get(1)?);
    axis_of(data, axis)?;
    check(matches!(indices.dtype, DType::I32 | DType::I64), || format!("indices should be i32 or i64, not {indices}"))?;
    let mut shape = data.shape[..axis].to_vec();
    shape.extend(&indices.shape);
    shape.extend(&data.shape[axis + 1..]);
    Ok(Type::new(data.dtype, shape))
}

fn quantize(given: &Inputs, axis: usize) -> Result<Type, String> {
    given.at_most(3)?;
    let (x, scale) = (given.get(0)?, given.get(1)?);
    check(x.dtype.is_float() || x.dtype == DType::I32, || format!("{x} cannot be quantised"))?;
    per_channel(x, scale, axis)?;
    let dtype = match given.optional(2) {
        Some(zero) => {
            per_channel(x, zero, axis)?;
            zero.dtype
        }
        None => given.declared.map_or(DType::U8, |d| d.dtype),
    };
    Ok(Type::new(dtype, x.shape.clone()))
}

fn dequantize(given: &Inputs, axis: usize) -> Result<Type, String> {
    given.at_most(3)?;
    let (x, scale) = (given.get(0)?, given.get(1)?);
    check(!x.dtype.is_float(), || format!("{x} is not quantised"))?;
    float(scale)?;
    per_channel(x, scale, axis)?;
    if let Some(zero) = given.optional(2) {
        same_dtype(x, zero)?;
        per_channel(x, zero, axis)?;
    }
    Ok(Type::new(scale.dtype, x.shape.clone()))
}

/// The type of an operator on codes: as of its float counterpart, each operand of the type it says.
fn integer_type(integer: &Integer, given: &Inputs) -> Result<Type, String> {
    let x = given.get(0)?;
    for (i, quant) in integer.inputs.iter().enumerate() {
        let operand = given.get(i)?;
        check(operand.dtype == quant.dtype, || format!("operand {i} should be {}, not {operand}", quant.dtype))?;
    }
    let products = |weights: &WeightQuant| -> Result<&Type, String> {
        given.at_most(3)?;
        let w = given.get(1)?;
        check(matches!(w.dtype, DType::U8 | DType::I8), || format!("weights should be codes, not {w}"))?;
        let m = axis_of(w, 0)?;
        check(weights.scales.len() == m && weights.zeros.len() == m, || {
            format!("{} scales and {} zero points for {m} outputs", weights.scales.len(), weights.zeros.len())
        })?;
        vector(Some(given.get(2)?), m, DType::I32, "the bias")?;
        Ok(w)
    };
    let as_float = |ty: &Type| Type::new(DType::F32, ty.shape.clone());
    let shape = match &integer.op {
        IntegerOp::Conv { window, group, weights } => {
            let w = products(weights)?;
            let conv = Conv { window: *window, group: *group, activation: Activation::NONE, pad_values: vec![] };
            let types = [Some(&as_float(x)), Some(&as_float(w))];
            convolution(&conv, &Inputs { inputs: &types, declared: None })?.shape
        }
        IntegerOp::Dense { weights } => {
            let w = products(weights)?;
            let types = [Some(&as_float(x)), Some(&as_float(w))];
            gemm(&Inputs { inputs: &types, declared: None }, false, true)?.shape
        }
        IntegerOp::Add | IntegerOp::Mul => {
            given.at_most(2)?;
            let other = given.get(1)?;
            let shape = broadcast(&x.shape, &other.shape)?;
            check(shape == x.shape, || format!("{other} does not broadcast to {x}"))?;
            shape
        }
        IntegerOp::AveragePool { window, .. } => {
            given.at_most(1)?;
            pool(x, window)?.shape
        }
        IntegerOp::GlobalAveragePool => {
            given.at_most(1)?;
            let [n, c, _, _] = image(x)?;
            vec![n, c, 1, 1]
        }
        IntegerOp::Table(table) => {
            given.at_most(1)?;
            check(table.len() == 256, || format!("a table of {} codes", table.len()))?;
            x.shape.clone()
        }
    };
    Ok(Type::new(integer.output.dtype, shape))
}

fn per_channel(x: &Type, parameter: &Type, axis: usize) -> Result<(), String> {
    let fits = match parameter.shape[..] {
        [] | [1] => true,
        [n] => axis_of(x, axis)? == n,
        _ => false,
    };
    check(fits, || format!("{parameter} is neither a scalar nor one value per element of axis {axis} of {x}"))
}
