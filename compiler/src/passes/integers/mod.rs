//! Quantised graphs: what stands between `DequantizeLinear` and `QuantizeLinear` becomes an operator on codes.
//!
//! What doesn't stays as it is and runs in float between the two. `docs/quantization.md` says what each operator computes.

mod operand;
pub(super) mod table;

use super::sweep::{Sweep, join};
use crate::graph::{
    Activation, Binary, DType, Integer, IntegerOp, Node, Op, Quant, Tensor, Type, Unary, ValueId, Window,
};
use crate::quant::rules;
use operand::{Codes, operand, source};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let &Op::QuantizeLinear { axis } = &node.op else { return sweep.emit(node) };
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    if sweep.constant(Some(x)).is_some() {
        return constant(sweep, node, axis);
    }
    let dtype = sweep.ty(node.output).dtype;
    let scale = node.inputs.get(1).copied().flatten();
    let to = operand::quant(sweep, scale, node.inputs.get(2).copied().flatten(), dtype);
    let formed = to.and_then(|to| form(sweep, &node, x, to));
    if formed.is_none() {
        sweep.emit(node);
    }
}

/// Codes of constants are known.
fn constant(sweep: &mut Sweep, node: Node, axis: usize) {
    match known_codes(sweep, &node, axis) {
        Some(codes) => {
            sweep.note(&node, "codes of constants are known at compile time");
            let codes = sweep.add_constant(node.output, codes);
            sweep.replace(node, codes);
        }
        None => sweep.emit(node),
    }
}

fn known_codes(sweep: &Sweep, node: &Node, axis: usize) -> Option<Tensor> {
    let constant = |at: usize| sweep.constant(node.inputs.get(at).copied().flatten());
    let (x, dtype) = (constant(0)?.to_f32(), sweep.ty(node.output).dtype);
    let scales = constant(1)?.to_f32();
    let zeros = match node.inputs.get(2).copied().flatten() {
        None => vec![0],
        Some(_) => constant(2)?.as_int()?.to_vec(),
    };
    let shape = sweep.shape(node.output);
    let (channels, inner) = (*shape.get(axis).unwrap_or(&1), shape.iter().skip(axis + 1).product::<usize>().max(1));
    let sound = matches!(dtype, DType::U8 | DType::I8) && scales.iter().all(|scale| scale.is_normal() && *scale > 0.0);
    let code = |(at, &x): (usize, &f32)| {
        let channel = at / inner % channels.max(1);
        let scale = *scales.get(if scales.len() == 1 { 0 } else { channel })?;
        let zero = *zeros.get(if zeros.len() == 1 { 0 } else { channel })? as i32;
        Some(rules::quantize(x, Quant { dtype, scale, zero }))
    };
    let codes = x.iter().enumerate().map(code).collect::<Option<Vec<i64>>>()?;
    sound.then(|| Tensor::int(dtype, shape, codes))
}

/// Numbers that stay float are known where their codes are: weights of what forms no operator on codes.
pub(super) fn dequantise(sweep: &mut Sweep, node: Node) {
    let known = matches!(node.op, Op::DequantizeLinear { .. })
        && node.inputs.iter().all(|id| id.is_none() || sweep.constant(*id).is_some());
    if !known {
        return sweep.emit(node);
    }
    let inputs: Vec<Option<&Tensor>> = node.inputs.iter().map(|&id| sweep.constant(id)).collect();
    match crate::reference::evaluate(&node.op, &inputs, sweep.ty(node.output)) {
        Ok(numbers) => {
            sweep.note(&node, "the numbers of constant codes are known at compile time");
            let numbers = sweep.add_constant(node.output, numbers);
            sweep.replace(node, numbers);
        }
        Err(_) => sweep.emit(node),
    }
}

/// The codes of a value, computed from codes by an operator that this emits in place of the node that quantises the value.
fn form(sweep: &mut Sweep, node: &Node, x: ValueId, to: Quant) -> Option<()> {
    if let Some(codes) = operand(sweep, x) {
        return requantised(sweep, node, codes, to);
    }
    if table::form(sweep, node, x, to).is_some() {
        return Some(());
    }
    let mut result = Place { node: node.clone(), to, clamp: to.range() };
    let x = result.peel(sweep, x);
    let float = sweep.producer(x)?.clone();
    result.node.origin = join(&float.origin, &result.node.origin);
    match &float.op {
        Op::Conv(conv) if conv.activation == Activation::NONE && conv.pad_values.is_empty() => {
            convolution(sweep, result, &float, conv.window, conv.group)
        }
        &Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b, activation: Activation::NONE } => {
            let [x, w, bias] = [0, 1, 2].map(|at| float.inputs.get(at).copied().flatten());
            dense(sweep, result, x?, w?, bias, !trans_b)
        }
        Op::MatMul => dense(sweep, result, float.inputs[0]?, float.inputs[1]?, None, true),
        Op::Binary(Binary::Add) => {
            let (a, b) = (float.inputs[0]?, float.inputs[1]?);
            biased(sweep, &result, a, b).or_else(|| biased(sweep, &result, b, a)).or_else(|| {
                (sweep.shape(a) == sweep.shape(b) && source(sweep, b).is_some()).then_some(())?;
                let (a, b) = (operand(sweep, a)?, operand(sweep, b)?);
                result.emit(sweep, IntegerOp::Add, &[a, b], &[])
            })
        }
        Op::Binary(Binary::Mul) => {
            let (a, b) = (float.inputs[0]?, float.inputs[1]?);
            let [a, b] = if sweep.shape(a) == sweep.shape(x) { [a, b] } else { [b, a] };
            (sweep.shape(a) == sweep.shape(x) && source(sweep, b).is_some()).then_some(())?;
            let operands = [operand(sweep, a)?, operand(sweep, b)?];
            result.emit(sweep, IntegerOp::Mul, &operands, &[])
        }
        &Op::AveragePool { window, count_include_pad } => {
            let codes = operand(sweep, float.inputs[0]?)?;
            result.emit(sweep, IntegerOp::AveragePool { window, count_include_pad }, &[codes], &[])
        }
        Op::GlobalAveragePool => {
            let codes = operand(sweep, float.inputs[0]?)?;
            result.emit(sweep, IntegerOp::GlobalAveragePool, &[codes], &[])
        }
        Op::ReduceMean { axes, .. } if axes[..] == [2, 3] => mean(sweep, &result, float.inputs[0]?),
        Op::MaxPool { window } => {
            (result.clamp == result.to.range()).then_some(())?;
            let codes = operand(sweep, float.inputs[0]?)?;
            moving(sweep, &result, Op::MaxPool { window: *window }, &[codes])
        }
        Op::Concat { axis } if result.clamp == result.to.range() => {
            float.inputs.iter().all(|input| input.is_some_and(|input| source(sweep, input).is_some())).then_some(())?;
            let mut parts = Vec::new();
            for input in &float.inputs {
                parts.push(operand(sweep, (*input)?)?);
            }
            moving(sweep, &result, Op::Concat { axis: *axis }, &parts)
        }
        _ => None,
    }
}

/// What an operator on codes gives: the node whose place it takes, and how its codes count.
#[derive(Clone)]
struct Place {
    node: Node,
    to: Quant,
    clamp: [i32; 2],
}

impl Place {
    /// The value in front of the clamps that a quantised value passed. Rounding is monotonous, so their bounds may as well
    /// be codes.
    fn peel(&mut self, sweep: &Sweep, mut x: ValueId) -> ValueId {
        let mut bounds = Vec::new();
        while let Some((inner, clamp, origin)) = clamped(sweep, x) {
            bounds.push(clamp.map(|bound| rules::quantize(bound, self.to) as i32));
            self.node.origin = join(origin, &self.node.origin);
            x = inner;
        }
        for [lo, hi] in bounds.into_iter().rev() {
            self.clamp = self.clamp.map(|bound| bound.clamp(lo, hi));
        }
        x
    }

    fn emit(&self, sweep: &mut Sweep, op: IntegerOp, operands: &[Codes], constants: &[ValueId]) -> Option<()> {
        let inputs = operands.iter().map(|codes| codes.quant).collect();
        let integer = Integer { op, inputs, output: self.to, clamp: self.clamp };
        let values = operands.iter().map(|codes| codes.value).chain(constants.iter().copied());
        sweep.note(&self.node, format!("{} on codes", integer.name()));
        let inputs = values.map(Some).collect();
        sweep.emit(Node { op: Op::Integer(Box::new(integer)), inputs, ..self.node.clone() });
        Some(())
    }
}

/// The value that a clamp, a minimum or a maximum bounds, and its bounds.
fn clamped<'a>(sweep: &'a Sweep, x: ValueId) -> Option<(ValueId, [f32; 2], &'a [String])> {
    let Node { op, inputs, origin, .. } = sweep.producer(x)?;
    let (inner, bounds) = match (op, &inputs[..]) {
        (&Op::Unary(Unary::Act(Activation::Clamp { lo, hi })), &[Some(inner)]) => (inner, [lo, hi]),
        (Op::Binary(of @ (Binary::Min | Binary::Max)), &[Some(a), Some(b)]) => {
            let bound = |id| match sweep.constant(Some(id))?.to_f32()[..] {
                [bound] => Some(bound),
                _ => None,
            };
            let (inner, bound) = bound(b).map(|bound| (a, bound)).or_else(|| bound(a).map(|bound| (b, bound)))?;
            let least = *of == Binary::Max;
            (inner, if least { [bound, f32::INFINITY] } else { [f32::NEG_INFINITY, bound] })
        }
        _ => return None,
    };
    Some((inner, bounds, origin))
}

fn requantised(sweep: &mut Sweep, node: &Node, codes: Codes, to: Quant) -> Option<()> {
    if codes.quant == to {
        sweep.note(node, "its result has the codes it was dequantised from");
        sweep.replace(node.clone(), codes.value);
    } else {
        sweep.note(node, "codes of another meaning are a table");
        sweep.emit(Node { op: table::requantise(codes.quant, to), inputs: vec![Some(codes.value)], ..node.clone() });
    }
    Some(())
}

fn convolution(sweep: &mut Sweep, result: Place, float: &Node, mut window: Window, group: usize) -> Option<()> {
    let [x, w, bias] = [0, 1, 2].map(|at| float.inputs.get(at).copied().flatten());
    let (codes, weights) = operand::weights(sweep, w?, false)?;
    let bias = operand::bias(sweep, bias, source(sweep, x?)?.quant, &weights)?;
    let mut x = operand(sweep, x?)?;
    if let Some(Node { op: Op::Pad { before, after, value }, inputs, .. }) = sweep.producer(x.value)
        && let ([0, 0, top, left], [0, 0, bottom, right]) = (&before[..], &after[..])
        && [top, left, bottom, right].iter().all(|pad| **pad >= 0)
        && *value == f64::from(x.quant.zero)
        && let Some(&Some(inner)) = inputs.first()
    {
        let more = [*top, *left, *bottom, *right];
        for (pad, more) in window.pads.iter_mut().zip(more) {
            *pad = pad.checked_add(more)?;
        }
        x.value = inner;
    }
    let constants = [sweep.add_constant(w?, codes), sweep.add_constant(float.output, bias)];
    result.emit(sweep, IntegerOp::Conv { window, group, weights }, &[x], &constants)
}

fn dense(sweep: &mut Sweep, result: Place, x: ValueId, w: ValueId, bias: Option<ValueId>, turned: bool) -> Option<()> {
    let (&[_, _], &[_, _]) = (sweep.shape(x), sweep.shape(w)) else { return None };
    let (codes, weights) = operand::weights(sweep, w, turned)?;
    let bias = operand::bias(sweep, bias, source(sweep, x)?.quant, &weights)?;
    let x = operand(sweep, x)?;
    let constants = [sweep.add_constant(w, codes), sweep.add_constant(result.node.output, bias)];
    result.emit(sweep, IntegerOp::Dense { weights }, &[x], &constants)
}

/// A matrix product and its bias.
fn biased(sweep: &mut Sweep, result: &Place, product: ValueId, bias: ValueId) -> Option<()> {
    let matmul = sweep.producer(product).filter(|node| node.op == Op::MatMul)?.clone();
    let mut result = result.clone();
    result.node.origin = join(&matmul.origin, &result.node.origin);
    dense(sweep, result, matmul.inputs[0]?, matmul.inputs[1]?, Some(bias), true)
}

/// A mean over rows and columns that may drop them.
fn mean(sweep: &mut Sweep, result: &Place, x: ValueId) -> Option<()> {
    let &[n, c, _, _] = sweep.shape(x) else { return None };
    let codes = operand(sweep, x)?;
    if sweep.shape(result.node.output).len() == 4 {
        return result.emit(sweep, IntegerOp::GlobalAveragePool, &[codes], &[]);
    }
    let pooled = sweep.add_value(result.node.output, Type { dtype: result.to.dtype, shape: vec![n, c, 1, 1] });
    let mut inner = result.clone();
    inner.node.output = pooled;
    inner.emit(sweep, IntegerOp::GlobalAveragePool, &[codes], &[])?;
    sweep.emit(Node { op: Op::Reshape, inputs: vec![Some(pooled)], ..result.node.clone() });
    Some(())
}

/// An operator that chooses or moves elements, of one meaning.
fn moving(sweep: &mut Sweep, result: &Place, op: Op, parts: &[Codes]) -> Option<()> {
    sweep.note(&result.node, format!("{} of codes", op.name()));
    let inputs = parts.iter().map(|codes| {
        if codes.quant == result.to {
            return Some(codes.value);
        }
        let ty = Type { dtype: result.to.dtype, shape: sweep.shape(codes.value).to_vec() };
        let output = sweep.add_value(codes.value, ty);
        let op = table::requantise(codes.quant, result.to);
        sweep.emit(Node { op, inputs: vec![Some(codes.value)], output, origin: result.node.origin.clone() });
        Some(output)
    });
    let inputs = inputs.collect();
    sweep.emit(Node { op, inputs, ..result.node.clone() });
    Some(())
}
