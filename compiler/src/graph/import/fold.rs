//! Operators that are understood where they compute constants: shape arithmetic, mostly.

use super::call::Call;
use super::linear::reduced_axes;
use super::lower::{Comparison, Lowering};
use crate::diagnostic::Problem;
use crate::graph::{Binary, DType, Op, Tensor, Type, Unary, ValueId, infer};
use crate::reference;

pub(super) fn choose(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    if let Some(comparison) = call.node.inputs.first().and_then(|name| lowering.comparison(name)).cloned() {
        return select(lowering, call, &comparison);
    }
    let (condition, a, b) = (known(lowering, call, 0)?, known(lowering, call, 1)?, known(lowering, call, 2)?);
    if a.dtype != b.dtype || condition.dtype != DType::Bool {
        let found = format!("{}, {} and {}", condition.ty(), a.ty(), b.ty());
        return Err(Problem::new("element types do not fit").expected("bool, and twice the same type", found));
    }
    let shape = infer::broadcast(&condition.shape, &a.shape);
    let shape = shape.and_then(|shape| infer::broadcast(&shape, &b.shape)).map_err(Problem::new)?;
    let dtype = a.dtype;
    lowering.spend(3 * infer::elements(&shape).map_err(Problem::new)?)?;
    let at = |i| known(lowering, call, i).and_then(|t| expanded(t, &shape));
    let (condition, a, b) = (at(0)?, at(1)?, at(2)?);
    let ty = Type { dtype, shape: shape.clone() };
    let tensor = if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
        let pick = |(i, c): (usize, f64)| if c != 0.0 { a[i] } else { b[i] };
        Tensor::int(dtype, shape, condition.to_f64().into_iter().enumerate().map(pick).collect::<Vec<_>>())
    } else {
        let (a, b) = (a.to_f64(), b.to_f64());
        let pick = |(i, c): (usize, f64)| if c != 0.0 { a[i] } else { b[i] };
        Tensor::from_f64(&ty, condition.to_f64().into_iter().enumerate().map(pick).collect())
    };
    lowering.emit_constant(call, tensor)
}

/// A choice between computed values: the larger or smaller of two, or a value and a multiple of it on either side of 0.
fn select(lowering: &mut Lowering, call: &Call, comparison: &Comparison) -> Result<(), Problem> {
    let &Comparison { more, less, .. } = comparison;
    let (then, otherwise) = (call.input(1)?, call.input(2)?);
    let number = |id: ValueId| lowering.constant(id).and_then(Tensor::scalar);
    let same = |a: ValueId, b: ValueId| a == b || number(a).is_some_and(|value| number(b) == Some(value));
    let bound = [Some(more), Some(less)];
    if same(then, more) && same(otherwise, less) {
        return lowering.emit(call, Op::Binary(Binary::Max), &bound).map(drop);
    }
    if same(then, less) && same(otherwise, more) {
        return lowering.emit(call, Op::Binary(Binary::Min), &bound).map(drop);
    }
    let (x, multiple) = match (number(more), number(less)) {
        (None, Some(0.0)) if then == more => (more, otherwise),
        (Some(0.0), None) if otherwise == less => (less, then),
        _ => (more, more),
    };
    let slope = lowering.producer(multiple).and_then(|node| match (&node.op, &node.inputs[..]) {
        (Op::Binary(Binary::Mul), &[Some(a), Some(k)]) if a == x => Some(k),
        (Op::Binary(Binary::Mul), &[Some(k), Some(a)]) if a == x => Some(k),
        _ => None,
    });
    match slope.filter(|&k| lowering.constant(k).is_some()) {
        Some(slope) => lowering.emit(call, Op::PRelu, &[Some(x), Some(slope)]).map(drop),
        None => Err(Problem::new("a choice by computed values that is no activation")
            .expected("x > k ? x : k, x > 0 ? x : slope * x, and their kin", "another choice")),
    }
}

/// Comparisons, logic and the remainder, of integers or booleans or of floats.
pub(super) fn compare(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    if let Some(comparison) = computed(lowering, call)? {
        return lowering.compare_later(call, comparison);
    }
    let (a, b) = (known(lowering, call, 0)?, known(lowering, call, 1)?);
    if a.dtype != b.dtype {
        let found = format!("{} and {}", a.ty(), b.ty());
        return Err(Problem::new("element types differ").expected("the same type twice", found));
    }
    let shape = infer::broadcast(&a.shape, &b.shape).map_err(Problem::new)?;
    lowering.spend(2 * infer::elements(&shape).map_err(Problem::new)?)?;
    let at = |i| known(lowering, call, i).and_then(|t| expanded(t, &shape));
    let (a, b) = (at(0)?, at(1)?);
    let op = call.node.op_type.as_str();
    if op == "Mod" {
        let tensor = remainder(&a, &b, call.flag("fmod", false)?)?;
        return lowering.emit_constant(call, tensor);
    }
    let results: Vec<i64> = match (a.as_int(), b.as_int()) {
        (Some(a), Some(b)) => a.iter().zip(b.iter()).map(|(a, b)| ordered(op, a, b).into()).collect(),
        _ => a.to_f64().iter().zip(&b.to_f64()).map(|(a, b)| ordered(op, a, b).into()).collect(),
    };
    lowering.emit_constant(call, Tensor::int(DType::Bool, shape, results))
}

/// A comparison of floats of which one is computed.
fn computed(lowering: &Lowering, call: &Call) -> Result<Option<Comparison>, Problem> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let Some(problem) = known(lowering, call, 0).and(known(lowering, call, 1)).err() else { return Ok(None) };
    let [first, second] = [a, b].map(|id| lowering.ty(id).dtype);
    let (more, less) = match call.node.op_type.as_str() {
        "Greater" | "GreaterOrEqual" => (a, b),
        "Less" | "LessOrEqual" => (b, a),
        _ => return Ok(None),
    };
    let problem = Some(problem.at(call.node.label(), call.node.operator()));
    Ok((first.is_float() && second.is_float()).then_some(Comparison { more, less, problem }))
}

fn ordered<T: PartialOrd + Default>(op: &str, a: &T, b: &T) -> bool {
    let zero = T::default();
    match op {
        "Equal" => a == b,
        "Less" => a < b,
        "LessOrEqual" => a <= b,
        "Greater" => a > b,
        "GreaterOrEqual" => a >= b,
        "And" => *a != zero && *b != zero,
        _ => *a != zero || *b != zero,
    }
}

/// Of integers; with `fmod` the sign of the dividend, otherwise that of the divisor.
fn remainder(a: &Tensor, b: &Tensor, fmod: bool) -> Result<Tensor, Problem> {
    let (Some(x), Some(y)) = (a.as_int(), b.as_int()) else {
        return Err(Problem::new("only the remainder of integers is supported").expected("i64", a.ty().to_string()));
    };
    let remainders = x.iter().zip(y.iter()).map(|(&x, &y)| {
        let truncated = x.checked_rem(y)?;
        let wraps = !fmod && truncated != 0 && (truncated < 0) != (y < 0);
        Some(if wraps { truncated + y } else { truncated })
    });
    let remainders: Option<Vec<i64>> = remainders.collect();
    let remainders = remainders.ok_or_else(|| Problem::new("integer division by zero"))?;
    Ok(Tensor::int(a.dtype, a.shape.clone(), remainders))
}

pub(super) fn pointwise(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let op = call.node.op_type.as_str();
    let input = call.input(0)?;
    if op == "Abs" && lowering.constant(input).is_none() {
        let negative = lowering.emit_inner(call, Op::Unary(Unary::Neg), &[Some(input)], None)?;
        return lowering.emit(call, Op::Binary(Binary::Max), &[Some(input), Some(negative)]).map(drop);
    }
    let x = known(lowering, call, 0)?;
    let tensor = match x.as_int() {
        Some(ints) => {
            let f = |&v: &i64| match op {
                "Not" => i64::from(v == 0),
                "Abs" => v.saturating_abs(),
                _ => v,
            };
            Tensor::int(x.dtype, x.shape.clone(), ints.iter().map(f).collect::<Vec<_>>())
        }
        None => {
            let f = |v: f64| match op {
                "Floor" => v.floor(),
                "Ceil" => v.ceil(),
                _ => v.abs(),
            };
            Tensor::from_f64(&x.ty(), x.to_f64().into_iter().map(f).collect())
        }
    };
    lowering.emit_constant(call, tensor)
}

pub(super) fn reduce(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let x = known(lowering, call, 0)?.clone();
    let op = call.node.op_type.as_str();
    let input_since = if op == "ReduceSum" { 13 } else { 18 };
    let Some(axes) = reduced_axes(lowering, call, input_since, x.shape.len())? else {
        return lowering.emit_constant(call, x);
    };
    let Some(ints) = x.as_int().filter(|_| axes.len() == x.shape.len() && !x.is_empty()) else {
        let found = format!("axes {axes:?} of {}", x.ty());
        return Err(
            Problem::new("only the reduction of all integers of a constant is supported").expected("all axes", found)
        );
    };
    let reduced = match op {
        "ReduceProd" => ints.iter().fold(1, |a: i64, &b| a.wrapping_mul(b)),
        "ReduceSum" => ints.iter().fold(0, |a: i64, &b| a.wrapping_add(b)),
        "ReduceMax" => ints.iter().fold(i64::MIN, |a, &b| a.max(b)),
        _ => ints.iter().fold(i64::MAX, |a, &b| a.min(b)),
    };
    let shape = if call.flag("keepdims", true)? { vec![1; x.shape.len()] } else { Vec::new() };
    lowering.emit_constant(call, Tensor::int(x.dtype, shape, [reduced]))
}

fn known<'l>(lowering: &'l Lowering, call: &Call, i: usize) -> Result<&'l Tensor, Problem> {
    lowering.constant(call.input(i)?).ok_or_else(|| {
        Problem::new("this operator is supported only where its result is known at compile time")
            .expected("constant inputs", format!("input {i} is computed from the model's input"))
    })
}

fn expanded(x: &Tensor, shape: &[usize]) -> Result<Tensor, Problem> {
    let ty = Type::new(x.dtype, shape);
    reference::evaluate(&Op::Expand, &[Some(x)], &ty).map_err(Problem::new)
}
