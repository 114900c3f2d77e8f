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

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{Binary, Conv, DType, Graph, Op};

    fn first(graph: &Graph) -> &Conv {
        let conv = graph.nodes.iter().find_map(|node| match &node.op {
            Op::Conv(conv) => Some(conv),
            _ => None,
        });
        conv.unwrap()
    }

    /// `(x - mean) / std`, in front of a convolution that pads with zeros.
    #[test]
    fn normalisation_of_the_image_keeps_its_border() {
        let mut b = Builder::new(1, DType::F32, &[2, 3, 6, 6]);
        let mean = b.constant(&[1, 3, 1, 1], &[0.25, 0.5, 0.75]);
        let std = b.constant(&[3, 1, 1], &[0.5, 0.25, 2.0]);
        let x = b.node(Op::Binary(Binary::Sub), &[b.input(), mean]);
        let x = b.node(Op::Binary(Binary::Div), &[x, std]);
        let x = b.conv(x, 4, 3, 2, [0, 0, 1, 1]);
        let graph = b.finish(x);
        let canonical = fires(&graph, "fold-affine-before");
        assert_eq!(ops(&canonical), ["Conv"]);
        assert_eq!(first(&canonical).pad_values, [0.25, 0.5, 0.75]);
    }

    #[test]
    fn padding_before_or_after_normalisation() {
        for pad_first in [false, true] {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
            let mut x = b.input();
            if pad_first {
                x = b.pad(x, &[0, 0, 1, 1], &[0, 0, 1, 1], 0.0);
            }
            let (scale, shift) = (b.scalar(1.0 / 127.5), b.scalar(-1.0));
            x = b.node(Op::Binary(Binary::Mul), &[x, scale]);
            x = b.node(Op::Binary(Binary::Add), &[x, shift]);
            if !pad_first {
                x = b.pad(x, &[0, 0, 1, 1], &[0, 0, 1, 1], 0.0);
            }
            x = b.conv(x, 4, 3, 2, [0; 4]);
            let graph = b.finish(x);
            let canonical = rewritten(&graph);
            assert_eq!(ops(&canonical), ["Conv"]);
            assert_eq!(first(&canonical).window.pads, [1; 4]);
            let border = &first(&canonical).pad_values;
            assert_eq!(border.len(), if pad_first { 0 } else { 3 });
            assert!(border.iter().all(|v| (v - 127.5).abs() < 1e-4), "{border:?}");
        }
    }

    #[test]
    fn a_scale_of_zero_folds_only_without_a_border() {
        for (pads, expected) in [([1; 4], vec!["Mul", "Add", "Conv"]), ([0; 4], vec!["Conv"])] {
            let mut b = Builder::new(1, DType::F32, &[1, 2, 6, 6]);
            let (scale, shift) = (b.constant(&[2, 1, 1], &[1.0, 0.0]), b.scalar(1.0));
            let x = b.node(Op::Binary(Binary::Mul), &[b.input(), scale]);
            let x = b.node(Op::Binary(Binary::Add), &[x, shift]);
            let x = b.conv(x, 4, 3, 1, pads);
            let graph = b.finish(x);
            assert_eq!(ops(&rewritten(&graph)), expected);
        }
    }

    #[test]
    fn batch_norm_in_front() {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
        let x = b.batch_norm(b.input());
        let x = b.conv(x, 4, 3, 2, [1; 4]);
        let x = b.clamp(x, 0.0, 6.0);
        let x = b.batch_norm(x);
        let x = b.conv(x, 8, 1, 1, [0; 4]);
        let graph = b.finish(x);
        let canonical = fires(&graph, "fold-affine-before");
        assert_eq!(ops(&canonical), ["Conv", "Conv"]);
    }

    #[test]
    fn on_a_feature_map_the_border_must_stay_zero() {
        for (offset, expected) in [(false, vec!["Conv", "Conv"]), (true, vec!["Conv", "BatchNorm", "Conv"])] {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
            let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
            let x = b.clamp(x, 0.0, 6.0);
            let x = if offset {
                b.batch_norm(x)
            } else {
                let scale = b.random(&[4, 1, 1], 0.5, 2.0);
                b.node(Op::Binary(Binary::Mul), &[x, scale])
            };
            let x = b.depthwise(x, 3, 1, [1; 4]);
            let graph = b.finish(x);
            assert_eq!(ops(&rewritten(&graph)), expected);
        }
    }

    #[test]
    fn grouped_convolutions_take_the_scale_of_their_own_channels() {
        let mut b = Builder::new(1, DType::F32, &[1, 6, 4, 4]);
        let x = b.batch_norm(b.input());
        let x = b.grouped(x, 9, 3, 1, [0; 4], 3);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "fold-affine-before")), ["Conv"]);
    }
}
