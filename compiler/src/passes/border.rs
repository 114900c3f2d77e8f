//! Paddings that no convolution can take over as they are: those of a value other than zero, in front of an activation, or in
//! front of a pool.

use super::affine_after::bias_of;
use super::numbers::from_f64;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, Conv, DType, Node, Op, Tensor, Unary, ValueId};
use crate::reference::math::activate;

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let rewritten = match &node.op {
        Op::Conv(conv) if conv.window.pads == [0; 4] && conv.pad_values.is_empty() => shift(sweep, &node),
        Op::Unary(Unary::Act(activation)) => behind(sweep, &node, *activation),
        Op::MaxPool { .. } | Op::AveragePool { .. } => pool(sweep, &node),
        _ => None,
    };
    if rewritten.is_none() {
        sweep.emit(node);
    }
}

/// The padding that computes a value: what it pads, its value, and the border.
fn padding(sweep: &Sweep, padded: ValueId) -> Option<(ValueId, f64, [i64; 4])> {
    let pad = sweep.producer(padded)?;
    let Op::Pad { before, after, value } = &pad.op else { return None };
    let (&[0, 0, top, left], &[0, 0, bottom, right]) = (&before[..], &after[..]) else { return None };
    let border = [top, left, bottom, right];
    let x = pad.inputs.first().copied()??;
    (border.iter().all(|&n| n >= 0) && sweep.ty(x).dtype == DType::F32).then_some((x, *value, border))
}

/// With a border of `v` around `x`, the convolution is that of `x - v` with a border of zeros, plus `v` times its weights' sum.
fn shift(sweep: &mut Sweep, node: &Node) -> Option<()> {
    let (padded, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let (x, value, _) = padding(sweep, padded)?;
    if value == 0.0 || !value.is_finite() || !sweep.unused(padded) || sweep.is_raw_input(x) {
        return None;
    }
    let weights = sweep.constant(Some(w))?;
    let outputs = *weights.shape.first()?;
    let taps = weights.len().checked_div(outputs)?;
    let sums: Vec<f64> = weights.to_f64().chunks(taps).map(|row| row.iter().sum()).collect();
    let bias = match node.inputs.get(2).copied().flatten() {
        Some(b) => bias_of(sweep, Some(b), outputs)?,
        None => vec![0.0; outputs],
    };
    let bias: Vec<f64> = bias.iter().zip(&sums).map(|(b, sum)| b + value * sum).collect();
    let bias = from_f64(vec![outputs], &bias)?;
    let pad = sweep.take(padded)?;
    if !sweep.unused(x) {
        sweep.emit(pad);
        return None;
    }
    sweep.note(node, format!("a border of {value} is one of zeros around what is {value} less"));
    let amount = sweep.add_constant(node.output, Tensor::f32([], [value as f32]));
    let less = sweep.add_value(padded, sweep.ty(x).clone());
    let around = sweep.add_value(padded, sweep.ty(padded).clone());
    let bias = sweep.add_constant(node.output, bias);
    let Op::Pad { before, after, .. } = pad.op else { return None };
    let origin = pad.origin;
    sweep.emit(Node {
        op: Op::Binary(Binary::Sub),
        inputs: vec![Some(x), Some(amount)],
        output: less,
        origin: origin.clone(),
    });
    sweep.emit(Node { op: Op::Pad { before, after, value: 0.0 }, inputs: vec![Some(less)], output: around, origin });
    sweep.emit(Node { inputs: vec![Some(around), Some(w), Some(bias)], ..node.clone() });
    Some(())
}

/// An activation of a padded map is a padding of the activated map.
fn behind(sweep: &mut Sweep, node: &Node, activation: Activation) -> Option<()> {
    let padded = node.inputs.first().copied()??;
    let (x, value, _) = padding(sweep, padded)?;
    if !sweep.unused(padded) {
        return None;
    }
    let pad = sweep.take(padded)?;
    let Op::Pad { before, after, .. } = pad.op else { return None };
    sweep.note(node, "moves in front of the padding");
    let activated = sweep.add_value(node.output, sweep.ty(x).clone());
    sweep.emit(Node { inputs: vec![Some(x)], output: activated, ..node.clone() });
    let op = Op::Pad { before, after, value: f64::from(activate(activation, value) as f32) };
    sweep.emit(Node { op, inputs: vec![Some(activated)], output: node.output, origin: pad.origin });
    Some(())
}

/// A maximum ignores a border that no value of the map is below; an average counts a border of zeros in its divisor.
fn pool(sweep: &mut Sweep, node: &Node) -> Option<()> {
    let padded = node.inputs.first().copied()??;
    let (x, value, border) = padding(sweep, padded)?;
    let origin = join(&node.origin, &sweep.producer(padded)?.origin);
    let mut op = node.op.clone();
    let window = match &mut op {
        Op::MaxPool { window } if value <= f64::from(f32::MIN) || value <= least(sweep, x) => window,
        Op::AveragePool { window, count_include_pad } if value == 0.0 => {
            if window.pads != [0; 4] && !*count_include_pad {
                return None;
            }
            *count_include_pad = true;
            window
        }
        _ => return None,
    };
    for (at, (own, extra)) in window.pads.iter_mut().zip(border).enumerate() {
        *own = own.checked_add(extra)?;
        // Each window holds something of the map.
        if window.dilation[at % 2] != 1 || *own >= window.kernel[at % 2] as i64 {
            return None;
        }
    }
    let pads = window.pads;
    sweep.note(node, format!("takes over the padding in front of it: pads {pads:?}"));
    sweep.emit(Node { op, inputs: vec![Some(x)], output: node.output, origin });
    Some(())
}

/// A number that nothing in a map is below.
fn least(sweep: &Sweep, x: ValueId) -> f64 {
    match sweep.producer(x).map(|node| &node.op) {
        Some(
            Op::Unary(Unary::Act(Activation::Clamp { lo, .. }))
            | Op::Conv(Conv { activation: Activation::Clamp { lo, .. }, .. }),
        ) => f64::from(*lo),
        Some(Op::Unary(Unary::Act(Activation::Sigmoid | Activation::HardSigmoid { .. }))) => 0.0,
        _ => f64::NEG_INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{DType, Graph, Op, ValueId, Window};

    fn padded(value: f64, clamped: bool, spell: impl Fn(&mut Builder, ValueId) -> ValueId) -> Graph {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
        let mut x = b.conv(b.input(), 4, 1, 1, [0; 4]);
        if clamped {
            x = b.clamp(x, 0.0, f32::INFINITY);
        }
        let x = b.pad(x, &[0, 0, 1, 0], &[0, 0, 1, 2], value);
        let y = spell(&mut b, x);
        b.finish(y)
    }

    #[test]
    fn a_border_of_another_value_is_one_of_zeros() {
        for depthwise in [false, true] {
            let graph = padded(0.5, true, |b, x| match depthwise {
                true => b.depthwise(x, 3, 1, [0; 4]),
                false => b.conv(x, 5, 3, 2, [0; 4]),
            });
            assert_eq!(ops(&fires(&graph, "move-paddings")), ["Conv", "Sub", "Conv"]);
        }
    }

    #[test]
    fn activations_move_in_front_of_a_padding() {
        for value in [0.0, -2.0, 0.25] {
            let graph = padded(value, false, |b, x| {
                let x = b.clamp(x, 0.0, 6.0);
                b.conv(x, 5, 3, 1, [0; 4])
            });
            let names = ops(&fires(&graph, "move-paddings"));
            assert_eq!(names.contains(&"Sub"), value > 0.0, "{names:?}");
            assert!(!names.contains(&"Pad"), "{names:?}");
        }
    }

    #[test]
    fn pools_take_over_a_padding_that_they_ignore_or_count() {
        let window = Window { kernel: [3; 2], stride: [2; 2], dilation: [1; 2], pads: [0; 4] };
        let max = |b: &mut Builder, x| b.node(Op::MaxPool { window }, &[x]);
        let mean = |b: &mut Builder, x| b.node(Op::AveragePool { window, count_include_pad: false }, &[x]);
        for (graph, folds) in [
            (padded(f64::from(f32::MIN), false, max), true),
            (padded(0.0, true, max), true),
            (padded(0.0, false, max), false),
            (padded(1.0, true, max), false),
            (padded(0.0, false, mean), true),
            (padded(1.0, true, mean), false),
        ] {
            assert_eq!(!ops(&rewritten(&graph)).contains(&"Pad"), folds, "{graph}");
        }
    }
}
