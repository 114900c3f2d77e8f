//! One channel spread over several in front of a convolution.

use super::affine_after::bias_of;
use super::numbers::{f32s, from_f64};
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Conv, DType, Data, Node, Op, Tensor, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let folded = fold(sweep, &node);
    sweep.emit(folded.unwrap_or(node));
}

/// `sum_c w[c] (scale[c] * x + shift[c]) + b = (sum_c w[c] * scale[c]) x + (b + sum_c w[c] * shift[c])`.
fn fold(sweep: &mut Sweep, node: &Node) -> Option<Node> {
    let Op::Conv(conv) = &node.op else { return None };
    let (middle, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let inner = sweep.sole_producer(middle).filter(|inner| spreads(sweep, inner))?;
    let x = inner.inputs.first().copied()??;
    let scale = f32s(sweep.constant(inner.inputs.get(1).copied().flatten())?)?.clone();
    let shift = bias_of(sweep, inner.inputs.get(2).copied().flatten(), scale.len())?;
    if conv.group != 1 {
        return None;
    }
    let pad_values = border(sweep, conv, &scale, &shift, x)?;

    let weights = sweep.constant(Some(w))?;
    let &[outputs, channels, ref kernel @ ..] = &weights.shape[..] else { return None };
    let taps: usize = kernel.iter().product();
    if channels != scale.len() || taps == 0 {
        return None;
    }
    let mut bias = bias_of(sweep, node.inputs.get(2).copied().flatten(), outputs)?;
    let mut merged = Vec::with_capacity(outputs * taps);
    for (row, bias) in f32s(weights)?.chunks_exact(channels * taps).zip(&mut bias) {
        let mut sums = vec![0.0; taps];
        for ((taps, &scale), &shift) in row.chunks_exact(taps).zip(scale.iter()).zip(&shift) {
            for (sum, &w) in sums.iter_mut().zip(taps) {
                *sum += f64::from(w) * f64::from(scale);
                *bias += f64::from(w) * shift;
            }
        }
        merged.extend(sums.iter().map(|&sum| sum as f32));
    }
    let shape = [&[outputs, 1], kernel].concat();
    let merged = Tensor { dtype: DType::F32, shape, data: Data::F32(merged.into()) };
    let bias = from_f64(vec![outputs], &bias)?;

    let origin = join(&node.origin, &inner.origin);
    sweep.note(node, format!("reads the one channel that was spread over {channels}: its weights are their sums"));
    sweep.take(middle)?;
    let (merged, bias) = (sweep.add_constant(w, merged), sweep.add_constant(node.output, bias));
    let op = Op::Conv(Conv { pad_values, ..conv.clone() });
    Some(Node { op, inputs: vec![Some(x), Some(merged), Some(bias)], output: node.output, origin })
}

/// A 1x1 convolution of one channel to several that keeps every pixel in its place.
fn spreads(sweep: &Sweep, node: &Node) -> bool {
    let Op::Conv(conv) = &node.op else { return false };
    let window = conv.window;
    let one_channel = node.inputs.first().copied().flatten().is_some_and(|x| sweep.shape(x).get(1) == Some(&1));
    one_channel
        && (window.kernel, window.stride, window.pads) == ([1, 1], [1, 1], [0; 4])
        && conv.activation == Activation::NONE
}

/// What the one channel's border must hold so that every channel holds what it held: `scale[c] * r + shift[c] = p[c]`.
/// There is such a value only where the channels agree on it, up to the rounding of `scale` and `shift` to f32.
fn border(sweep: &Sweep, conv: &Conv, scale: &[f32], shift: &[f64], x: ValueId) -> Option<Vec<f32>> {
    if conv.window.pads == [0; 4] {
        return Some(vec![]);
    }
    let held = |c: usize| conv.pad_values.get(c).map_or(0.0, |&p| f64::from(p));
    let values = || scale.iter().zip(shift).enumerate().map(|(c, (&s, &t))| (held(c) - t) / f64::from(s));
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let value = f64::midpoint(low, high) as f32;
    let agree = high - low <= 4.0 * f64::from(f32::EPSILON) * low.abs().max(high.abs());
    if !agree || !value.is_finite() || values().any(f64::is_nan) {
        return None;
    }
    if value == 0.0 {
        return Some(vec![]);
    }
    sweep.is_raw_input(x).then(|| vec![value])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{Binary, DType, Graph, Op};

    /// Grey to three channels, `(x - mean) / std`, a convolution with these pads.
    fn grey(mean: &[f32], std: &[f32], pads: [i64; 4]) -> Graph {
        let mut b = Builder::new(1, DType::U8, &[2, 1, 6, 6]);
        let x = b.cast(b.input(), DType::F32);
        let x = b.conv(x, 3, 1, 1, [0; 4]);
        let shape = |values: &[f32]| if values.len() == 1 { vec![] } else { vec![values.len(), 1, 1] };
        let (mean, std) = (b.constant(&shape(mean), mean), b.constant(&shape(std), std));
        let x = b.node(Op::Binary(Binary::Sub), &[x, mean]);
        let x = b.node(Op::Binary(Binary::Div), &[x, std]);
        let x = b.conv(x, 4, 3, 2, pads);
        b.finish(x)
    }

    #[test]
    fn weights_are_summed_without_a_border() {
        let graph = grey(&[0.25, 0.5, 0.75], &[0.5, 0.25, 2.0], [0; 4]);
        assert_eq!(ops(&fires(&graph, "fold-spread")), ["Cast", "Conv"]);
    }

    #[test]
    fn a_border_that_one_channel_can_not_hold_keeps_the_spread() {
        let graph = grey(&[0.25, 0.5, 0.75], &[0.5, 0.25, 2.0], [1; 4]);
        assert_eq!(ops(&rewritten(&graph)), ["Cast", "Conv", "Conv"]);
    }
}
