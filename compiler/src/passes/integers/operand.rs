//! What stands in front of a float operator in a quantised graph: dequantised codes, weights and biases.

use crate::graph::{DType, Data, Node, Op, Quant, Tensor, Type, ValueId, WeightQuant};
use crate::passes::numbers::permuted;
use crate::passes::sweep::Sweep;
use crate::quant::rules;
use std::sync::Arc;

/// Codes of 8 bits and what they stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codes {
    pub value: ValueId,
    pub quant: Quant,
}

/// A bias as integers counts as it is where its scale is that of the products but for rounding.
const SAME_SCALE: f64 = 1.0 / (1 << 20) as f64;

/// The quantisation of a whole value, from constants.
pub(super) fn quant(sweep: &Sweep, scale: Option<ValueId>, zero: Option<ValueId>, dtype: DType) -> Option<Quant> {
    let scale = sweep.constant(scale)?.scalar()? as f32;
    let zero = match zero {
        Some(_) => sweep.constant(zero)?.scalar()?,
        None => 0.0,
    };
    let sound = scale.is_normal() && scale > 0.0 && matches!(dtype, DType::U8 | DType::I8);
    sound.then_some(Quant { dtype, scale, zero: zero as i32 })
}

fn input(node: &Node, at: usize) -> Option<ValueId> {
    node.inputs.get(at).copied().flatten()
}

/// Whether a float value is dequantised from codes, perhaps moved since: their quantisation, and the codes, or where they were
/// moved the value itself, to compare with.
pub(super) fn source(sweep: &Sweep, value: ValueId) -> Option<Codes> {
    let node = sweep.producer(value)?;
    let x = input(node, 0)?;
    match &node.op {
        Op::DequantizeLinear { .. } if sweep.constant(Some(x)).is_none() => {
            let quant = quant(sweep, input(node, 1), input(node, 2), sweep.ty(x).dtype)?;
            Some(Codes { value: x, quant })
        }
        Op::Identity => source(sweep, x),
        Op::Reshape | Op::Transpose { .. } => Some(Codes { value, ..source(sweep, x)? }),
        Op::Pad { value: border, .. } => {
            let quant = source(sweep, x)?.quant;
            let code = rules::quantize(*border as f32, quant);
            (f64::from(rules::dequantize(code, quant)) == *border).then_some(Codes { value, quant })
        }
        _ => None,
    }
}

/// The codes that a float value is dequantised from, in the value's own shape: what only moves elements between the two moves
/// the codes instead.
pub(super) fn operand(sweep: &mut Sweep, value: ValueId) -> Option<Codes> {
    let found = source(sweep, value)?;
    let node = sweep.producer(value)?.clone();
    let x = input(&node, 0)?;
    match &node.op {
        Op::DequantizeLinear { .. } => Some(found),
        Op::Identity => operand(sweep, x),
        Op::Reshape | Op::Transpose { .. } => {
            let codes = operand(sweep, x)?;
            moved(sweep, &node, node.op.clone(), codes)
        }
        Op::Pad { before, after, value } => {
            let codes = operand(sweep, x)?;
            let code = rules::quantize(*value as f32, codes.quant);
            let op = Op::Pad { before: before.clone(), after: after.clone(), value: code as f64 };
            moved(sweep, &node, op, codes)
        }
        _ => None,
    }
}

fn moved(sweep: &mut Sweep, node: &Node, op: Op, codes: Codes) -> Option<Codes> {
    let ty = Type { dtype: codes.quant.dtype, shape: sweep.shape(node.output).to_vec() };
    let value = sweep.add_value(codes.value, ty);
    sweep.emit(Node { op, inputs: vec![Some(codes.value)], output: value, origin: node.origin.clone() });
    Some(Codes { value, ..codes })
}

/// Constant weights and what they stand for, per index of an axis, which becomes the first of two where `turned`.
pub(super) fn weights(sweep: &Sweep, value: ValueId, turned: bool) -> Option<(Tensor, WeightQuant)> {
    let node = sweep.producer(value)?;
    if let Op::Transpose { perm } = &node.op {
        return if perm[..] == [1, 0] { weights(sweep, input(node, 0)?, !turned) } else { None };
    }
    let &Op::DequantizeLinear { axis } = &node.op else { return None };
    let codes = sweep.constant(input(node, 0))?;
    let scales = sweep.constant(input(node, 1))?.to_f32();
    let zeros: Arc<[i64]> = match input(node, 2) {
        None => Arc::new([0]),
        zero => sweep.constant(zero)?.as_int()?.clone(),
    };
    let outputs = *codes.shape.get(usize::from(turned))?;
    let fits = |len: usize| len == 1 || (len == outputs && axis == usize::from(turned));
    let sound = scales.iter().all(|scale| scale.is_normal() && *scale > 0.0);
    if !sound || !matches!(codes.dtype, DType::U8 | DType::I8) || !fits(scales.len()) || !fits(zeros.len()) {
        return None;
    }
    let each = |m: usize, len: usize| if len == 1 { 0 } else { m };
    let quant = WeightQuant {
        scales: (0..outputs).map(|m| scales[each(m, scales.len())]).collect(),
        zeros: (0..outputs).map(|m| zeros[each(m, zeros.len())] as i32).collect(),
    };
    let codes = if turned { permuted(codes, &[1, 0]) } else { codes.clone() };
    Some((codes, quant))
}

/// The bias in units of `x * weights`, `[M]`: integers of that scale as they are, all others the nearest multiple.
pub(super) fn bias(sweep: &Sweep, value: Option<ValueId>, x: Quant, weights: &WeightQuant) -> Option<Tensor> {
    let outputs = weights.scales.len();
    let tensor = |values: Vec<i64>| Some(Tensor::int(DType::I32, [outputs], values));
    let Some(id) = value else { return tensor(vec![0; outputs]) };
    let each = |m: usize, len: usize| if len == 1 { 0 } else { m };
    let fits = |len: usize| len == 1 || len == outputs;
    if let Some(constant) = sweep.constant(Some(id)) {
        let values = constant.to_f64();
        let sound = constant.dtype == DType::F32 && fits(values.len()) && values.iter().all(|v| v.is_finite());
        let of = |m: usize| rules::bias(values[each(m, values.len())], x.scale, weights.scales[m]).into();
        return if sound { tensor((0..outputs).map(of).collect()) } else { None };
    }
    let node = sweep.producer(id).filter(|node| matches!(node.op, Op::DequantizeLinear { .. }))?;
    let Data::Int(codes) = &sweep.constant(input(node, 0))?.data else { return None };
    let scales = sweep.constant(input(node, 1))?.to_f32();
    let zeros = match input(node, 2) {
        None => Arc::new([0]),
        zero => sweep.constant(zero)?.as_int()?.clone(),
    };
    let fit = fits(codes.len()) && fits(scales.len()) && fits(zeros.len());
    if !fit || scales.iter().any(|scale| !scale.is_finite()) {
        return None;
    }
    let of = |m: usize| {
        let code = codes[each(m, codes.len())] - zeros[each(m, zeros.len())];
        let scale = f64::from(scales[each(m, scales.len())]);
        let product = f64::from(x.scale) * f64::from(weights.scales[m]);
        match i32::try_from(code) {
            Ok(code) if (scale / product - 1.0).abs() <= SAME_SCALE => code.into(),
            _ => rules::bias(code as f64 * scale, x.scale, weights.scales[m]).into(),
        }
    };
    tensor((0..outputs).map(of).collect())
}
