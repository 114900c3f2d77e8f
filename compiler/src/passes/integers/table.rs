//! Elementwise arithmetic between codes and codes: a table of 256.

use super::operand::{operand, source};
use crate::graph::{Binary, Integer, IntegerOp, Node, Op, Quant, Unary, ValueId};
use crate::passes::sweep::Sweep;
use crate::quant::rules;
use std::sync::Arc;

/// A float value as a function of one code, or of nothing.
#[derive(Clone)]
enum Function {
    Constant(f32),
    /// The number for each code, from the smallest, and the dequantised value.
    OfCode(ValueId, Arc<[f32]>),
}

/// The operator that maps codes to codes of other meaning.
pub(super) fn requantise(from: Quant, to: Quant) -> Op {
    table(from, to, &numbers(from))
}

fn numbers(from: Quant) -> Arc<[f32]> {
    let [lo, hi] = from.range();
    (lo..=hi).map(|code| rules::dequantize(code.into(), from)).collect()
}

fn table(from: Quant, to: Quant, numbers: &[f32]) -> Op {
    let entries = numbers.iter().map(|&x| rules::quantize(x, to) as i16).collect();
    Op::Integer(Box::new(Integer { op: IntegerOp::Table(entries), inputs: vec![from], output: to, clamp: to.range() }))
}

/// The table that a value, which a node quantises, is of the codes that it is computed from.
pub(super) fn form(sweep: &mut Sweep, node: &Node, value: ValueId, to: Quant) -> Option<()> {
    let Function::OfCode(from, numbers) = function(sweep, value)? else { return None };
    if sweep.shape(from) != sweep.shape(value) {
        return None;
    }
    let codes = operand(sweep, from)?;
    sweep.note(node, "arithmetic on single codes is a table");
    let op = table(codes.quant, to, &numbers);
    sweep.emit(Node { op, inputs: vec![Some(codes.value)], ..node.clone() });
    Some(())
}

fn function(sweep: &Sweep, value: ValueId) -> Option<Function> {
    if let Some(constant) = sweep.constant(Some(value)) {
        let scalar = constant.scalar()?;
        return constant.dtype.is_float().then_some(Function::Constant(scalar as f32));
    }
    if let Some(codes) = source(sweep, value) {
        return Some(Function::OfCode(value, numbers(codes.quant)));
    }
    let node = sweep.producer(value)?;
    let mut arguments = Vec::new();
    for input in &node.inputs {
        arguments.push(function(sweep, (*input)?)?);
    }
    match (&node.op, &arguments[..]) {
        (Op::Unary(op), [x]) => Some(map(x, |x| unary(*op, x))),
        (Op::Binary(op), [a, b]) => combine(sweep, a, b, |a, b| binary(*op, a, b)),
        (Op::Identity, [x]) => Some(x.clone()),
        _ => None,
    }
}

fn map(x: &Function, f: impl Fn(f32) -> f32) -> Function {
    match x {
        Function::Constant(x) => Function::Constant(f(*x)),
        Function::OfCode(from, numbers) => Function::OfCode(*from, numbers.iter().map(|&x| f(x)).collect()),
    }
}

fn combine(sweep: &Sweep, a: &Function, b: &Function, f: impl Fn(f32, f32) -> f32) -> Option<Function> {
    let same = |a, b| source(sweep, a).map(|codes| codes.value) == source(sweep, b).map(|codes| codes.value);
    Some(match (a, b) {
        (a, Function::Constant(b)) => map(a, |a| f(a, *b)),
        (Function::Constant(a), b) => map(b, |b| f(*a, b)),
        (&Function::OfCode(from, ref a), &Function::OfCode(other, ref b)) if same(from, other) => {
            Function::OfCode(from, a.iter().zip(b.iter()).map(|(&a, &b)| f(a, b)).collect())
        }
        _ => return None,
    })
}

fn unary(op: Unary, x: f32) -> f32 {
    match op {
        Unary::Act(activation) => rules::activate(activation, x),
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => x.recip(),
        Unary::Neg => -x,
        Unary::Exp => f64::from(x).exp() as f32,
        Unary::Log => f64::from(x).ln() as f32,
    }
}

fn binary(op: Binary, a: f32, b: f32) -> f32 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::Pow => f64::from(a).powf(f64::from(b)) as f32,
    }
}

/// A table that only clamps becomes the clamp of the operator that computes its argument.
pub(in crate::passes) fn rewrite(sweep: &mut Sweep, node: Node) {
    let clamp = match &node.op {
        Op::Integer(integer) => as_clamp(integer),
        _ => None,
    };
    let (Some([lo, hi]), Some(&Some(x))) = (clamp, node.inputs.first()) else { return sweep.emit(node) };
    let takes = |op: &Op| matches!(op, Op::Integer(inner) if !matches!(inner.op, IntegerOp::Table(_)));
    if !sweep.sole_producer(x).is_some_and(|inner| takes(&inner.op)) {
        return sweep.emit(node);
    }
    let Some(mut inner) = sweep.take(x) else { return sweep.emit(node) };
    if let Op::Integer(integer) = &mut inner.op {
        integer.clamp = integer.clamp.map(|bound| bound.clamp(lo, hi));
    }
    sweep.note(&node, "a clamp of codes is the bounds of the operator in front");
    inner.origin = crate::passes::sweep::join(&inner.origin, &node.origin);
    inner.output = node.output;
    sweep.emit(inner);
}

/// The bounds of a table that changes nothing else.
fn as_clamp(integer: &Integer) -> Option<[i32; 2]> {
    let IntegerOp::Table(entries) = &integer.op else { return None };
    let [lo, hi] = integer.output.range();
    let ends = [i32::from(*entries.first()?), i32::from(*entries.last()?)];
    let clamps = (lo..=hi)
        .zip(entries.iter())
        .all(|(code, &entry)| code.clamp(ends[0], ends[1].max(ends[0])) == i32::from(entry));
    (integer.inputs == [integer.output] && clamps).then_some(ends)
}
