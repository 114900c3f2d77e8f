//! Affines in front of a convolution or a fully connected layer: normalisation of the image, batch norm in front.

use super::affine::Affine;
use super::affine_after::bias_of;
use super::numbers::{f32s, from_f64};
use super::sweep::{Sweep, join};
use crate::graph::{Conv, DType, Data, Node, Op, Tensor, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let group = match &node.op {
        Op::Conv(conv) => conv.group,
        Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true, .. } => 1,
        _ => return sweep.emit(node),
    };
    let folded = fold(sweep, &node, group);
    sweep.emit(folded.unwrap_or(node));
}

/// `w (scale * x + shift) + b = (w * scale) x + (b + sum(w * shift))`, all affines above composed first.
fn fold(sweep: &mut Sweep, node: &Node, group: usize) -> Option<Node> {
    let (mut x, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let mut affine: Option<Affine> = None;
    let mut origin = Vec::new();
    let mut names = Vec::new();
    while let Some((above, first)) = sweep.producer(x).and_then(|inner| Affine::of(sweep, inner, 1)) {
        if let Some(inner) = sweep.producer(x) {
            origin = join(&inner.origin, &origin);
            names.push(Affine::spelling(inner));
        }
        affine = Some(affine.map_or_else(|| first.clone(), |second| second.after(&first)));
        x = above;
    }
    let affine = affine?;
    names.reverse();
    let op = match &node.op {
        Op::Conv(conv) => Op::Conv(Conv { pad_values: border(sweep, conv, &affine, x)?, ..conv.clone() }),
        op => op.clone(),
    };

    let (weights, offsets) = scale_inputs(sweep.constant(Some(w))?, &affine, group)?;
    let bias = bias_of(sweep, node.inputs.get(2).copied().flatten(), offsets.len())?;
    let bias: Vec<f64> = bias.iter().zip(&offsets).map(|(b, o)| b + o).collect();
    let bias = from_f64(vec![bias.len()], &bias)?;

    sweep.note(node, format!("takes over the {} in front of it", names.join(", ")));
    let w = weights.map_or(w, |weights| sweep.add_constant(w, weights));
    let bias = sweep.add_constant(node.output, bias);
    let inputs = vec![Some(x), Some(w), Some(bias)];
    Some(Node { op, inputs, output: node.output, origin: join(&node.origin, &origin) })
}

/// What the border must hold so that the affine gives what it held: `scale * r + shift = p`.
fn border(sweep: &Sweep, conv: &Conv, affine: &Affine, x: ValueId) -> Option<Vec<f32>> {
    if conv.window.pads == [0; 4] {
        return Some(vec![]);
    }
    let held = |c: usize| conv.pad_values.get(c).map_or(0.0, |&p| f64::from(p));
    let mut values = Vec::with_capacity(affine.scale.len());
    for (c, (&scale, &shift)) in affine.scale.iter().zip(&affine.shift).enumerate() {
        let value = ((held(c) - shift) / scale) as f32;
        if !value.is_finite() {
            return None;
        }
        values.push(value);
    }
    if values.iter().all(|&v| v == 0.0) {
        return Some(vec![]);
    }
    (conv.group == 1 && sweep.is_raw_input(x)).then_some(values)
}

/// Weights times the scale of their input channel (`None` where nothing changes), and what the offsets add to each output.
fn scale_inputs(weights: &Tensor, affine: &Affine, group: usize) -> Option<(Option<Tensor>, Vec<f64>)> {
    let data = f32s(weights)?;
    let &[outputs, per_group, ref taps @ ..] = &weights.shape[..] else { return None };
    let taps: usize = taps.iter().product();
    let outputs_per_group = outputs.checked_div(group)?;
    if taps == 0 || outputs_per_group == 0 || per_group.checked_mul(group)? != affine.scale.len() {
        return None;
    }
    let same = affine.scale.iter().all(|&s| s == 1.0);
    let mut out = Vec::with_capacity(if same { 0 } else { data.len() });
    let mut offsets = Vec::with_capacity(outputs);
    for (m, row) in data.chunks_exact(per_group * taps).enumerate() {
        let first = m / outputs_per_group * per_group;
        let channels = affine.scale.get(first..)?.iter().zip(affine.shift.get(first..)?);
        let mut offset = 0.0;
        for (taps, (&scale, &shift)) in row.chunks_exact(taps).zip(channels) {
            if !same {
                out.extend(taps.iter().map(|&w| (f64::from(w) * scale) as f32));
            }
            if shift != 0.0 {
                offset += shift * taps.iter().map(|&w| f64::from(w)).sum::<f64>();
            }
        }
        offsets.push(offset);
    }
    let weights =
        (!same).then(|| Tensor { dtype: DType::F32, shape: weights.shape.clone(), data: Data::F32(out.into()) });
    Some((weights, offsets))
}
