//! Linear maps of an image's channels in front of a convolution: swapped (BGR), repeated (grey), chosen, each with a scale
//! and an offset. The convolution behind takes them into its weights.

use super::affine::Affine;
use super::affine_after::bias_of;
use super::colours::plain;
use super::numbers::{f32s, from_f64};
use super::sweep::{Sweep, join};
use crate::graph::{Binary, Conv, DType, Data, Node, Op, Tensor, Type, ValueId};

/// Each channel of a value is `scale * x + shift` of a channel of another value.
struct Selection {
    source: ValueId,
    /// The channel of the source, per channel.
    channels: Vec<usize>,
    affine: Affine,
    /// Whether more than affines are involved.
    selects: bool,
    origin: Vec<String>,
}

impl Selection {
    /// How the channels of a value, along `axis`, come about.
    fn of(sweep: &Sweep, id: ValueId, axis: usize, depth: usize) -> Option<Self> {
        let channels = *sweep.shape(id).get(axis)?;
        Self::above(sweep, id, axis, depth).or_else(|| {
            Some(Self {
                source: id,
                channels: (0..channels).collect(),
                affine: Affine { scale: vec![1.0; channels], shift: vec![0.0; channels] },
                selects: false,
                origin: Vec::new(),
            })
        })
    }

    /// The same where the operator that computes the value says so.
    fn above(sweep: &Sweep, id: ValueId, axis: usize, depth: usize) -> Option<Self> {
        Self::by(sweep, sweep.producer(id)?, axis, depth)
    }

    fn by(sweep: &Sweep, node: &Node, axis: usize, depth: usize) -> Option<Self> {
        let x = node.inputs.first().copied()??;
        let depth = depth.checked_sub(1)?;
        if let Some((inner, affine)) = Affine::of(sweep, node, axis) {
            let mut selection = Self::of(sweep, inner, axis, depth)?;
            selection.affine = affine.after(&selection.affine);
            return Some(selection.join(node));
        }
        let picked = picked(sweep, node, axis);
        let picked = match (picked, &node.op) {
            (Some(picked), _) => return Self::of(sweep, x, axis, depth)?.pick(&picked, node),
            (None, Op::Reshape) => one_by_number(sweep, node, x, axis),
            (None, Op::Concat { axis: along }) if *along == axis => return concat(sweep, node, axis, depth),
            _ => None,
        }?;
        let (source, channel) = picked;
        let mut selection = Self::of(sweep, source, axis, depth)?.pick(&[channel], node)?;
        selection.origin = join(&selection.origin, &sweep.producer(x)?.origin);
        Some(selection)
    }

    fn pick(self, picked: &[usize], node: &Node) -> Option<Self> {
        let at = |values: &[f64]| picked.iter().map(|&c| values.get(c).copied()).collect::<Option<Vec<f64>>>();
        let channels = picked.iter().map(|&c| self.channels.get(c).copied()).collect::<Option<_>>()?;
        let affine = Affine { scale: at(&self.affine.scale)?, shift: at(&self.affine.shift)? };
        Some(Self { channels, affine, selects: true, ..self }.join(node))
    }

    fn join(mut self, node: &Node) -> Self {
        self.origin = join(&self.origin, &node.origin);
        self
    }
}

/// The channels that a slice, a gather by constants, or the broadcast of one channel takes.
pub(super) fn picked(sweep: &Sweep, node: &Node, axis: usize) -> Option<Vec<usize>> {
    let (from, to) = (sweep.shape(node.inputs.first().copied()??), sweep.shape(node.output));
    let others = |from: &[usize], to: &[usize]| {
        from.len() == to.len() && from.iter().zip(to).enumerate().all(|(at, (a, b))| at == axis || a == b)
    };
    match &node.op {
        Op::Slice { starts, steps } if others(from, to) => {
            let whole = |at: usize| at == axis || (starts[at] == 0 && (steps[at] == 1 || to[at] == 1));
            if !(0..from.len()).all(whole) {
                return None;
            }
            (0..to[axis] as i64).map(|i| usize::try_from(starts[axis] + steps[axis] * i).ok()).collect()
        }
        Op::Gather { axis: along } if *along == axis => {
            let indices = sweep.constant(node.inputs.get(1).copied().flatten())?;
            let size = *from.get(axis)? as i64;
            let wrap = |&i: &i64| usize::try_from(if i < 0 { i + size } else { i }).ok();
            (indices.shape.len() == 1).then(|| indices.as_int()?.iter().map(wrap).collect())?
        }
        Op::Expand if others(from, to) && from.get(axis) == Some(&1) => Some(vec![0; to[axis]]),
        _ => None,
    }
}

/// `x[:, c]` with the axis put back by a reshape.
pub(super) fn one_by_number(sweep: &Sweep, node: &Node, x: ValueId, axis: usize) -> Option<(ValueId, usize)> {
    let gather = sweep.producer(x).filter(|inner| inner.op == Op::Gather { axis })?;
    let source = gather.inputs.first().copied()??;
    let index = sweep.constant(gather.inputs.get(1).copied().flatten()).filter(|index| index.shape.is_empty())?;
    let mut shape = sweep.shape(source).to_vec();
    let size = std::mem::replace(shape.get_mut(axis)?, 1) as i64;
    let index = index.scalar()? as i64;
    let channel = usize::try_from(if index < 0 { index + size } else { index }).ok()?;
    (sweep.shape(node.output) == shape).then_some((source, channel))
}

/// Channels of one value beside each other.
fn concat(sweep: &Sweep, node: &Node, axis: usize, depth: usize) -> Option<Selection> {
    let parts = node.inputs.iter().map(|id| Selection::of(sweep, (*id)?, axis, depth)).collect::<Option<Vec<_>>>()?;
    parts
        .into_iter()
        .try_fold(None::<Selection>, |all, part| match all {
            None => Some(Some(part)),
            Some(mut all) if all.source == part.source => {
                all.channels.extend(part.channels);
                all.affine.scale.extend(part.affine.scale);
                all.affine.shift.extend(part.affine.shift);
                all.origin = join(&all.origin, &part.origin);
                Some(Some(all))
            }
            Some(_) => None,
        })?
        .map(|all| Selection { selects: true, ..all }.join(node))
}

/// Operators above a value that are looked at.
const MAX_DEPTH: usize = 16;

/// A concatenation of channels of the model's input becomes a gather, a scale and an offset; so does the broadcast of one.
pub(super) fn recognise(sweep: &mut Sweep, node: Node) {
    let axis = match &node.op {
        Op::Concat { axis } => Some(*axis),
        Op::Expand => {
            let (from, to) = (node.inputs[0].map(|x| sweep.shape(x)).unwrap_or_default(), sweep.shape(node.output));
            (0..to.len()).find(|&at| from.get(at) == Some(&1) && to[at] != 1)
        }
        _ => None,
    };
    let found = axis.and_then(|axis| Some((axis, Selection::by(sweep, &node, axis, MAX_DEPTH)?)));
    match found {
        Some((axis, selection)) if selection.selects && sweep.is_raw_input(selection.source) => {
            sweep.note(&node, "channels of the model's input, swapped, repeated or chosen");
            gather(sweep, node, &selection, axis);
        }
        _ => sweep.emit(node),
    }
}

fn gather(sweep: &mut Sweep, node: Node, selection: &Selection, axis: usize) {
    let Selection { source, channels, affine, .. } = selection;
    let ty = sweep.ty(node.output).clone();
    let origin = join(&selection.origin, &node.origin);
    let mut broadcast = vec![1; ty.shape.len() - axis];
    broadcast[0] = channels.len();
    let constant = |values: &[f64]| Tensor::from_f64(&Type::new(DType::F32, broadcast.clone()), values.to_vec());
    let mut arithmetic = Vec::new();
    for (op, values, neutral) in [(Binary::Mul, &affine.scale, 1.0), (Binary::Add, &affine.shift, 0.0)] {
        if values.iter().any(|&v| v != neutral) {
            arithmetic.push((op, constant(values)));
        }
    }
    let indices: Vec<i64> = channels.iter().map(|&c| c as i64).collect();
    let indices = sweep.add_constant(node.output, Tensor::ints(indices));
    let mut output = if arithmetic.is_empty() { node.output } else { sweep.add_value(node.output, ty.clone()) };
    let inputs = vec![Some(*source), Some(indices)];
    sweep.emit(Node { op: Op::Gather { axis }, inputs, output, origin: origin.clone() });
    let count = arithmetic.len();
    for (i, (op, constant)) in arithmetic.into_iter().enumerate() {
        let constant = sweep.add_constant(node.output, constant);
        let inputs = vec![Some(output), Some(constant)];
        output = if i + 1 == count { node.output } else { sweep.add_value(node.output, ty.clone()) };
        sweep.emit(Node { op: Op::Binary(op), inputs, output, origin: origin.clone() });
    }
}

/// A convolution reads the channels as they are in front of the selection.
pub(super) fn fold(sweep: &mut Sweep, node: Node) {
    let folded = folded(sweep, &node);
    sweep.emit(folded.unwrap_or(node));
}

/// `sum_c w[c] (scale[c] * x[from[c]] + shift[c]) + b`, summed by the channels of `x`.
fn folded(sweep: &mut Sweep, node: &Node) -> Option<Node> {
    let Op::Conv(conv) = &node.op else { return None };
    let (x, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    if conv.group != 1 {
        return None;
    }
    let selection = Selection::of(sweep, x, 1, MAX_DEPTH).filter(|selection| selection.selects)?;
    let Selection { source, channels: ref from, ref affine, ref origin, .. } = selection;
    if sweep.ty(source).dtype != DType::F32 {
        return None;
    }
    let inputs = *sweep.shape(source).get(1)?;
    let Some(pad_values) = border(sweep, conv, from, affine, source, inputs) else {
        return made_first(sweep, node, &selection);
    };
    let weights = sweep.constant(Some(w))?;
    let &[outputs, channels, ref kernel @ ..] = &weights.shape[..] else { return None };
    let taps: usize = kernel.iter().product();
    if channels != from.len() || taps == 0 {
        return None;
    }
    let mut bias = bias_of(sweep, node.inputs.get(2).copied().flatten(), outputs)?;
    let mut merged = Vec::with_capacity(outputs * inputs * taps);
    for (row, bias) in f32s(weights)?.chunks_exact(channels * taps).zip(&mut bias) {
        let mut sums = vec![0.0; inputs * taps];
        for (c, own) in row.chunks_exact(taps).enumerate() {
            for (sum, &w) in sums[from[c] * taps..].iter_mut().zip(own) {
                *sum += f64::from(w) * affine.scale[c];
                *bias += f64::from(w) * affine.shift[c];
            }
        }
        merged.extend(sums.iter().map(|&sum| sum as f32));
    }
    let shape = [&[outputs, inputs], kernel].concat();
    let merged = Tensor { dtype: DType::F32, shape, data: Data::F32(merged.into()) };
    let bias = from_f64(vec![outputs], &bias)?;

    sweep.note(
        node,
        format!("reads {inputs} channels as they come; what made {channels} of them goes into its weights"),
    );
    let (merged, bias) = (sweep.add_constant(w, merged), sweep.add_constant(node.output, bias));
    let op = Op::Conv(Conv { pad_values, ..conv.clone() });
    let inputs = vec![Some(source), Some(merged), Some(bias)];
    Some(Node { op, inputs, output: node.output, origin: join(&node.origin, origin) })
}

/// Where no border of the image gives what the channels' border holds, a convolution of the image makes them.
fn made_first(sweep: &mut Sweep, node: &Node, selection: &Selection) -> Option<Node> {
    let Selection { source, channels, affine, origin, .. } = selection;
    let colours = *sweep.shape(*source).get(1).filter(|_| sweep.is_raw_input(*source))?;
    let row = |(&channel, &scale): (&usize, &f64)| {
        (0..colours).map(move |k| if k == channel { scale } else { 0.0 }).collect::<Vec<f64>>()
    };
    let rows: Vec<f64> = channels.iter().zip(&affine.scale).flat_map(row).collect();
    let weights = from_f64(vec![channels.len(), colours, 1, 1], &rows)?;
    let bias = from_f64(vec![channels.len()], &affine.shift)?;
    sweep.note(node, "its border is no border of the image: a convolution of the image makes the channels first");
    let constants = [weights, bias].map(|tensor| Some(sweep.add_constant(node.output, tensor)));
    let ty = sweep.ty(node.inputs[0]?).clone();
    let made = sweep.add_value(node.output, ty);
    let inputs = vec![Some(*source), constants[0], constants[1]];
    sweep.emit(Node { op: plain(), inputs, output: made, origin: origin.clone() });
    let mut inputs = node.inputs.clone();
    inputs[0] = Some(made);
    Some(Node { inputs, ..node.clone() })
}

/// What the border must hold so that every channel behind holds what it held: `scale[c] * r + shift[c] = p[c]`. There is
/// such a value only where all that are made from one channel agree on it, up to the rounding of constants to f32.
fn border(
    sweep: &Sweep,
    conv: &Conv,
    from: &[usize],
    affine: &Affine,
    source: ValueId,
    inputs: usize,
) -> Option<Vec<f32>> {
    if conv.window.pads == [0; 4] {
        return Some(vec![]);
    }
    let mut values: Vec<Option<f64>> = vec![None; inputs];
    for (c, &channel) in from.iter().enumerate() {
        let held = conv.pad_values.get(c).map_or(0.0, |&p| f64::from(p));
        let value = (held - affine.shift[c]) / affine.scale[c];
        let slot = values.get_mut(channel)?;
        let known = *slot.get_or_insert(value);
        let agree = (known - value).abs() <= 4.0 * f64::from(f32::EPSILON) * known.abs().max(value.abs());
        if !agree || !(value as f32).is_finite() {
            return None;
        }
    }
    let values: Vec<f32> = values.into_iter().map(|value| value.unwrap_or(0.0) as f32).collect();
    if values.iter().all(|&v| v == 0.0) {
        return Some(vec![]);
    }
    sweep.is_raw_input(source).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Binary, DType, Graph, Op, Tensor, ValueId};

    const TO_NCHW: [usize; 4] = [0, 3, 1, 2];

    fn gather(b: &mut Builder, x: ValueId, axis: usize, indices: &[i64]) -> ValueId {
        let indices = b.tensor(Tensor::ints(indices));
        b.node(Op::Gather { axis }, &[x, indices])
    }

    /// A model whose input's channels are changed, then normalised, in front of a padded convolution.
    fn model(
        dtype: DType,
        nhwc: bool,
        channels: usize,
        change: impl Fn(&mut Builder, ValueId, usize) -> ValueId,
    ) -> Graph {
        let shape = if nhwc { [1, 6, 6, channels] } else { [1, channels, 6, 6] };
        let mut b = Builder::new(1, dtype, &shape);
        let axis = if nhwc { 3 } else { 1 };
        let input = b.input();
        let mut x = change(&mut b, input, axis);
        if dtype != DType::F32 {
            x = b.cast(x, DType::F32);
        }
        let count = b.shape(x)[axis];
        let mut broadcast = vec![1; 4 - axis];
        broadcast[0] = count;
        let (mean, std) = (b.constant(&broadcast, &vec![0.5; count]), b.constant(&broadcast, &vec![0.25; count]));
        x = b.node(Op::Binary(Binary::Sub), &[x, mean]);
        x = b.node(Op::Binary(Binary::Div), &[x, std]);
        if nhwc {
            x = b.transpose(x, &TO_NCHW);
        }
        x = b.conv(x, 4, 3, 2, [0, 0, 1, 1]);
        b.finish(x)
    }

    #[test]
    fn swapped_channels_go_into_the_weights() {
        let swaps: [fn(&mut Builder, ValueId, usize) -> ValueId; 4] = [
            |b, x, axis| gather(b, x, axis, &[2, 1, -3]),
            |b, x, axis| {
                let (mut starts, mut steps) = (vec![0; 4], vec![1; 4]);
                (starts[axis], steps[axis]) = (2, -1);
                let shape = b.shape(x);
                b.slice(x, &starts, &steps, &shape)
            },
            |b, x, axis| {
                let parts = [2, 1, 0].map(|c| {
                    let (mut starts, mut shape) = (vec![0; 4], b.shape(x));
                    (starts[axis], shape[axis]) = (c, 1);
                    b.slice(x, &starts, &[1; 4], &shape)
                });
                b.node(Op::Concat { axis }, &parts)
            },
            |b, x, axis| {
                let mut shape = b.shape(x);
                shape[axis] = 1;
                let parts = [2, 1, 0].map(|c| {
                    let index = b.tensor(Tensor::int(DType::I64, [], [c]));
                    let part = b.node(Op::Gather { axis }, &[x, index]);
                    b.reshape(part, &shape)
                });
                b.node(Op::Concat { axis }, &parts)
            },
        ];
        for (i, swap) in swaps.into_iter().enumerate() {
            for (dtype, nhwc) in [(DType::F32, false), (DType::F32, true), (DType::U8, false), (DType::U8, true)] {
                let canonical = fires(&model(dtype, nhwc, 3, swap), "fold-channels");
                let mut rest = ops(&canonical);
                rest.retain(|op| !["Cast", "Transpose"].contains(op));
                assert_eq!(rest, ["Conv"], "{i} {dtype} {nhwc}: {canonical}");
            }
        }
    }

    #[test]
    fn repeated_channels_are_summed() {
        let repeats: [fn(&mut Builder, ValueId, usize) -> ValueId; 2] = [
            |b, x, axis| b.node(Op::Concat { axis }, &[x, x, x]),
            |b, x, axis| {
                let mut shape = b.shape(x);
                shape[axis] = 3;
                b.expand(x, &shape)
            },
        ];
        for repeat in repeats {
            for nhwc in [false, true] {
                let canonical = fires(&model(DType::F32, nhwc, 1, repeat), "fold-channels");
                let mut rest = ops(&canonical);
                rest.retain(|op| !["Transpose", "Reshape"].contains(op));
                assert_eq!(rest, ["Conv"], "{canonical}");
            }
        }
    }

    /// As torchvision's `transform_input` has it: each channel with a scale and an offset of its own.
    #[test]
    fn channels_with_arithmetic_of_their_own() {
        let graph = model(DType::F32, false, 3, |b, x, axis| {
            let parts = [0, 1, 2].map(|c| {
                let part = gather(b, x, axis, &[c]);
                let (scale, offset) = (b.scalar(0.5 + c as f32), b.scalar(0.0));
                let part = b.node(Op::Binary(Binary::Mul), &[part, scale]);
                b.node(Op::Binary(Binary::Add), &[part, offset])
            });
            b.node(Op::Concat { axis }, &parts)
        });
        assert_eq!(ops(&fires(&graph, "fold-channels")), ["Conv"]);
    }

    #[test]
    fn a_border_that_no_value_can_hold_keeps_the_channels_apart() {
        let mut b = Builder::new(1, DType::F32, &[1, 1, 6, 6]);
        let x = b.node(Op::Concat { axis: 1 }, &[b.input(), b.input()]);
        let mean = b.constant(&[2, 1, 1], &[0.25, 0.5]);
        let x = b.node(Op::Binary(Binary::Sub), &[x, mean]);
        let x = b.conv(x, 4, 3, 2, [1; 4]);
        let graph = b.finish(x);
        assert_eq!(ops(&super::super::testing::rewritten(&graph)), ["Conv", "Conv"]);
    }
}
