//! Sums of an image's channels: grey from colours, another colour space, one grey with a normalisation for each of three
//! channels. Together they are one 1x1 convolution of the image, which the convolution behind takes into its weights.

use super::affine::Affine;
use super::affine_after::bias_of;
use super::channels::{one_by_number, picked};
use super::numbers::{f32s, from_f64, per_channel};
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, Conv, DType, Node, Op, Type, ValueId, Window};

/// Channels of an image that are mixed at most.
pub(super) const MOST_COLOURS: usize = 4;

/// Channels that are made of them at most.
const MOST_MADE: usize = 16;

/// Operators above a value that are looked at.
const MOST_OPERATORS: usize = 64;

/// Each channel of a value is a weighted sum of the image's channels, and an offset.
#[derive(Clone)]
struct Mix {
    /// `[channels][colours]`
    rows: Vec<Vec<f64>>,
    shift: Vec<f64>,
}

/// Finds the mix above a value.
struct Search<'s, 'g> {
    sweep: &'s Sweep<'g>,
    axis: usize,
    image: Option<ValueId>,
    origin: Vec<String>,
    left: usize,
    /// Whether more than selections and affines are involved.
    sums: bool,
}

impl Search<'_, '_> {
    fn of(&mut self, id: ValueId) -> Option<Mix> {
        let channels = *self.sweep.shape(id).get(self.axis)?;
        if self.sweep.is_raw_input(id) {
            let known = *self.image.get_or_insert(id);
            if known != id || channels > MOST_COLOURS || self.sweep.ty(id).dtype != DType::F32 {
                return None;
            }
            let row = |c: usize| (0..channels).map(|k| f64::from(u8::from(k == c))).collect();
            return Some(Mix { rows: (0..channels).map(row).collect(), shift: vec![0.0; channels] });
        }
        let node = self.sweep.producer(id).filter(|_| channels <= MOST_MADE)?.clone();
        self.by(&node)
    }

    fn by(&mut self, node: &Node) -> Option<Mix> {
        self.left = self.left.checked_sub(1)?;
        let mix = self.made(node)?;
        self.origin = join(&self.origin, &node.origin);
        Some(mix)
    }

    fn made(&mut self, node: &Node) -> Option<Mix> {
        let (sweep, axis) = (self.sweep, self.axis);
        let x = node.inputs.first().copied()??;
        if let Some((inner, affine)) = Affine::of(sweep, node, axis) {
            return Some(self.of(inner)?.scaled(&affine));
        }
        if let Some(channels) = picked(sweep, node, axis) {
            return self.of(x)?.picked(&channels);
        }
        match &node.op {
            Op::Reshape => {
                let (source, channel) = one_by_number(sweep, node, x, axis)?;
                self.of(source)?.picked(&[channel])
            }
            Op::Concat { axis: along } if *along == axis => {
                let parts = node.inputs.iter().map(|id| self.of((*id)?)).collect::<Option<Vec<_>>>()?;
                let (rows, shift) =
                    parts.into_iter().map(|part| (part.rows, part.shift)).unzip::<_, _, Vec<_>, Vec<_>>();
                Some(Mix { rows: rows.concat(), shift: shift.concat() })
            }
            &Op::Binary(op) => self.binary(node, op),
            Op::ReduceMean { axes, keep_dims: true } if axes[..] == [axis] => {
                self.sums = true;
                let mix = self.of(x)?;
                let share = 1.0 / mix.rows.len() as f64;
                Some(mix.times(&[vec![share; mix.rows.len()]]))
            }
            Op::MatMul if axis + 1 == sweep.shape(x).len() => {
                self.sums = true;
                let matrix = sweep.constant(node.inputs.get(1).copied().flatten())?;
                let &[inputs, outputs] = &matrix.shape[..] else { return None };
                let values = matrix.to_f64();
                let column = |n: usize| (0..inputs).map(|k| values[k * outputs + n]).collect();
                let mix = self.of(x).filter(|mix| mix.rows.len() == inputs && outputs <= MOST_MADE)?;
                Some(mix.times(&(0..outputs).map(column).collect::<Vec<Vec<f64>>>()))
            }
            Op::Conv(conv) if axis == 1 && is_plain(conv) => {
                self.sums = true;
                let weights = sweep.constant(node.inputs.get(1).copied().flatten())?;
                let &[outputs, inputs, ..] = &weights.shape[..] else { return None };
                let bias = bias_of(sweep, node.inputs.get(2).copied().flatten(), outputs)?;
                let mix = self.of(x).filter(|mix| mix.rows.len() == inputs && inputs > 0 && outputs == 1)?;
                let matrix: Vec<Vec<f64>> = weights.to_f64().chunks(inputs).map(<[f64]>::to_vec).collect();
                let mut mix = mix.times(&matrix);
                mix.shift.iter_mut().zip(bias).for_each(|(shift, bias)| *shift += bias);
                Some(mix)
            }
            _ => None,
        }
    }

    /// A sum or difference of two mixes, or arithmetic by constants that makes several channels of one.
    fn binary(&mut self, node: &Node, op: Binary) -> Option<Mix> {
        self.sums = true;
        let (sweep, axis) = (self.sweep, self.axis);
        let &[Some(a), Some(b)] = &node.inputs[..] else { return None };
        let shape = sweep.shape(node.output);
        let spread = |id: ValueId| {
            let own = sweep.shape(id);
            let others = |at: usize| at == axis || own.get(at) == shape.get(at);
            own.len() == shape.len() && (0..shape.len()).all(others)
        };
        let (x, constant) = match (sweep.constant(Some(a)), sweep.constant(Some(b))) {
            (None, None) if [a, b].into_iter().all(spread) => {
                let sign = match op {
                    Binary::Add => 1.0,
                    Binary::Sub => -1.0,
                    _ => return None,
                };
                let (first, second) = (self.of(a)?.widened(shape[axis])?, self.of(b)?.widened(shape[axis])?);
                return Some(first.plus(&second, sign));
            }
            (None, Some(constant)) => (a, constant),
            (Some(constant), None) => (b, constant),
            _ => return None,
        };
        if !spread(x) || sweep.shape(x).get(axis) != Some(&1) {
            return None;
        }
        let values = per_channel(constant, shape, axis)?;
        let mix = self.of(x)?.widened(shape[axis])?;
        let (zeros, ones) = (vec![0.0; values.len()], vec![1.0; values.len()]);
        let negative = |values: &[f64]| values.iter().map(|v| -v).collect::<Vec<f64>>();
        let affine = match (op, x == a) {
            (Binary::Add, _) => Affine { scale: ones, shift: values },
            (Binary::Sub, true) => Affine { scale: ones, shift: negative(&values) },
            (Binary::Sub, false) => Affine { scale: negative(&ones), shift: values },
            (Binary::Mul, _) => Affine { scale: values, shift: zeros },
            (Binary::Div, true) => Affine { scale: values.iter().map(|v| 1.0 / v).collect(), shift: zeros },
            _ => return None,
        };
        Some(mix.scaled(&affine))
    }
}

impl Mix {
    /// Whether it is more than a scale and an offset of each channel.
    fn mixes(&self) -> bool {
        let own = |c: usize, row: &[f64]| row.iter().enumerate().all(|(k, &w)| k == c || w == 0.0);
        self.rows.iter().enumerate().any(|(c, row)| self.rows.len() != row.len() || !own(c, row))
    }

    fn scaled(mut self, affine: &Affine) -> Self {
        for ((row, shift), (a, b)) in
            self.rows.iter_mut().zip(&mut self.shift).zip(affine.scale.iter().zip(&affine.shift))
        {
            row.iter_mut().for_each(|w| *w *= a);
            *shift = *shift * a + b;
        }
        self
    }

    fn picked(&self, channels: &[usize]) -> Option<Self> {
        let rows = channels.iter().map(|&c| self.rows.get(c).cloned()).collect::<Option<_>>()?;
        let shift = channels.iter().map(|&c| self.shift.get(c).copied()).collect::<Option<_>>()?;
        Some(Self { rows, shift })
    }

    /// One channel repeated, or as many as there are.
    fn widened(self, channels: usize) -> Option<Self> {
        if self.rows.len() == channels {
            Some(self)
        } else {
            self.picked(&vec![0; channels]).filter(|_| self.rows.len() == 1)
        }
    }

    fn plus(mut self, other: &Self, sign: f64) -> Self {
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            row.iter_mut().zip(more).for_each(|(w, more)| *w += sign * more);
        }
        self.shift.iter_mut().zip(&other.shift).for_each(|(shift, more)| *shift += sign * more);
        self
    }

    /// `matrix` times this.
    fn times(&self, matrix: &[Vec<f64>]) -> Self {
        let colours = self.rows.first().map_or(0, Vec::len);
        let sum =
            |row: &Vec<f64>, value: &dyn Fn(usize) -> f64| row.iter().enumerate().map(|(k, w)| w * value(k)).sum();
        let rows = matrix.iter().map(|row| (0..colours).map(|c| sum(row, &|k| self.rows[k][c])).collect()).collect();
        let shift = matrix.iter().map(|row| sum(row, &|k| self.shift[k])).collect();
        Self { rows, shift }
    }
}

/// A 1x1 convolution that keeps every pixel in its place.
fn is_plain(conv: &Conv) -> bool {
    let window = conv.window;
    (window.kernel, window.stride, window.pads) == ([1, 1], [1, 1], [0; 4])
        && conv.group == 1
        && conv.activation == Activation::NONE
}

/// Such a convolution.
pub(super) fn plain() -> Op {
    let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };
    Op::Conv(Conv { window, group: 1, activation: Activation::NONE, pad_values: vec![] })
}

/// What reads sums of the image's channels reads a 1x1 convolution of it instead.
pub(super) fn recognise(sweep: &mut Sweep, mut node: Node) {
    let whole = mix(sweep, |search| search.by(&node), sweep.shape(node.output).len());
    if whole.is_none() {
        for at in 0..node.inputs.len() {
            let Some(x) = node.inputs[at].filter(|&x| !sweep.is_raw_input(x)) else { continue };
            let found = mix(sweep, |search| search.of(x), sweep.shape(x).len());
            if let Some(found) = found.filter(|found| found.sums && found.mix.mixes()) {
                node.inputs[at] = convolve(sweep, &node, x, &found).or(node.inputs[at]);
            }
        }
    }
    sweep.emit(node);
}

/// Sums of an image's channels.
struct Found {
    axis: usize,
    image: ValueId,
    origin: Vec<String>,
    sums: bool,
    mix: Mix,
}

/// What a search finds, along the axes that channels may lie on.
fn mix(sweep: &Sweep, find: impl Fn(&mut Search) -> Option<Mix>, rank: usize) -> Option<Found> {
    let axes: &[usize] = match rank {
        4 => &[1, 3],
        3 => &[0, 2],
        _ => return None,
    };
    axes.iter().find_map(|&axis| {
        let mut search = Search { sweep, axis, image: None, origin: Vec::new(), left: MOST_OPERATORS, sums: false };
        let mix = find(&mut search)?;
        let Search { image, origin, sums, .. } = search;
        Some(Found { axis, image: image?, origin, sums, mix })
    })
}

/// Emits the convolution, with what brings the image to `[N, C, H, W]` and its result to the axes of the node's.
fn convolve(sweep: &mut Sweep, node: &Node, x: ValueId, found: &Found) -> Option<ValueId> {
    let Found { axis, image, ref origin, ref mix, .. } = *found;
    let (colours, made) = (mix.rows.first()?.len(), mix.rows.len());
    let weights = from_f64(vec![made, colours, 1, 1], &mix.rows.concat())?;
    let bias = from_f64(vec![made], &mix.shift)?;
    sweep.note(node, format!("{made} sums of the image's {colours} channels: a 1x1 convolution"));
    let (own, result) = (sweep.shape(image).to_vec(), sweep.shape(x).to_vec());
    let kept = own.len() == result.len() && (0..own.len()).all(|at| at == axis || own[at] == result[at]);
    if !kept {
        return None;
    }
    let constants = [sweep.add_constant(x, weights), sweep.add_constant(x, bias)];
    let four = |shape: &[usize]| if shape.len() == 3 { [&[1], shape].concat() } else { shape.to_vec() };
    let permuted = |shape: &[usize], perm: &[usize]| perm.iter().map(|&p| shape[p]).collect::<Vec<usize>>();
    let (to_nchw, to_nhwc) = (vec![0, 3, 1, 2], vec![0, 2, 3, 1]);
    let last = axis + 1 == own.len();
    let made = if last { permuted(&four(&result), &to_nchw) } else { four(&result) };
    let mut steps = Vec::new();
    if own.len() == 3 {
        steps.push((Op::Reshape, four(&own)));
    }
    if last {
        steps.push((Op::Transpose { perm: to_nchw.clone() }, permuted(&four(&own), &to_nchw)));
    }
    steps.push((plain(), made));
    if last {
        steps.push((Op::Transpose { perm: to_nhwc }, four(&result)));
    }
    if own.len() == 3 {
        steps.push((Op::Reshape, result));
    }
    let mut value = image;
    for (op, shape) in steps {
        let mut inputs = vec![Some(value)];
        if let Op::Conv(_) = op {
            inputs.extend(constants.map(Some));
        }
        value = sweep.add_value(x, Type::new(DType::F32, shape));
        sweep.emit(Node { op, inputs, output: value, origin: origin.clone() });
    }
    Some(value)
}

/// A convolution reads the colours as they are in front of the one that mixes them.
pub(super) fn fold(sweep: &mut Sweep, node: Node) {
    let folded = folded(sweep, &node);
    sweep.emit(folded.unwrap_or(node));
}

/// `sum_c w[c] (sum_k m[c][k] x[k] + t[c]) + b`, summed by the colours.
fn folded(sweep: &mut Sweep, node: &Node) -> Option<Node> {
    let Op::Conv(conv) = &node.op else { return None };
    let (middle, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
    let inner = sweep.sole_producer(middle)?;
    let x = inner.inputs.first().copied()??;
    let colours = *sweep.shape(x).get(1)?;
    // One channel is always less to read; of several, those of the image only.
    let few = colours == 1 || (colours <= MOST_COLOURS && sweep.is_raw_input(x));
    let Op::Conv(mixing) = &inner.op else { return None };
    if conv.group != 1 || !few || !is_plain(mixing) {
        return None;
    }
    let matrix = f32s(sweep.constant(inner.inputs.get(1).copied().flatten())?)?.clone();
    let shift = bias_of(sweep, inner.inputs.get(2).copied().flatten(), matrix.len() / colours)?;
    let pad_values = border(sweep, conv, &matrix, &shift, x)?;

    let weights = sweep.constant(Some(w))?;
    let &[outputs, channels, ref kernel @ ..] = &weights.shape[..] else { return None };
    let taps: usize = kernel.iter().product();
    if channels != shift.len() || taps == 0 {
        return None;
    }
    let mut bias = bias_of(sweep, node.inputs.get(2).copied().flatten(), outputs)?;
    let mut merged = Vec::with_capacity(outputs * colours * taps);
    for (row, bias) in f32s(weights)?.chunks_exact(channels * taps).zip(&mut bias) {
        let mut sums = vec![0.0; colours * taps];
        for (c, (own, &shift)) in row.chunks_exact(taps).zip(&shift).enumerate() {
            for (k, sums) in sums.chunks_exact_mut(taps).enumerate() {
                let scale = f64::from(matrix[c * colours + k]);
                sums.iter_mut().zip(own).for_each(|(sum, &w)| *sum += f64::from(w) * scale);
            }
            *bias += shift * own.iter().map(|&w| f64::from(w)).sum::<f64>();
        }
        merged.extend(sums);
    }
    let merged = from_f64([&[outputs, colours], kernel].concat(), &merged)?;
    let bias = from_f64(vec![outputs], &bias)?;

    let origin = join(&node.origin, &inner.origin);
    sweep.note(
        node,
        format!("reads {colours} channels as they come; what made {channels} of them goes into its weights"),
    );
    sweep.take(middle)?;
    let (merged, bias) = (sweep.add_constant(w, merged), sweep.add_constant(node.output, bias));
    let op = Op::Conv(Conv { pad_values, ..conv.clone() });
    Some(Node { op, inputs: vec![Some(x), Some(merged), Some(bias)], output: node.output, origin })
}

/// What the colours' border must hold so that every channel holds what it held, where there is such a thing up to the
/// rounding of constants to f32: `sum_k m[c][k] r[k] + t[c] = p[c]`.
fn border(sweep: &Sweep, conv: &Conv, matrix: &[f32], shift: &[f64], x: ValueId) -> Option<Vec<f32>> {
    if conv.window.pads == [0; 4] {
        return Some(vec![]);
    }
    let colours = matrix.len() / shift.len().max(1);
    let rows: Vec<Vec<f64>> =
        matrix.chunks_exact(colours.max(1)).map(|row| row.iter().map(|&m| f64::from(m)).collect()).collect();
    let held = |c: usize| conv.pad_values.get(c).map_or(0.0, |&p| f64::from(p));
    let wanted: Vec<f64> = shift.iter().enumerate().map(|(c, t)| held(c) - t).collect();
    let found: Vec<f32> = least_squares(&rows, &wanted)?.iter().map(|&r| r as f32).collect();
    let agree = rows.iter().zip(&wanted).zip(shift).all(|((row, wanted), shift)| {
        let terms = row.iter().zip(&found).map(|(m, &r)| m * f64::from(r));
        let size = terms.clone().fold(wanted.abs().max(shift.abs()), |most, term| most.max(term.abs()));
        (terms.sum::<f64>() - wanted).abs() <= 4.0 * f64::from(f32::EPSILON) * size
    });
    if !agree || found.iter().any(|r| !r.is_finite()) {
        return None;
    }
    if found.iter().all(|&r| r == 0.0) {
        return Some(vec![]);
    }
    sweep.is_raw_input(x).then_some(found)
}

/// What comes nearest to solving `rows * r = wanted`; colours that no row tells apart are 0.
fn least_squares(rows: &[Vec<f64>], wanted: &[f64]) -> Option<Vec<f64>> {
    let n = rows.first()?.len();
    let product =
        |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| (0..rows.len()).map(|c| a(c) * b(c)).sum::<f64>();
    let mut system: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let column = |c: usize| rows[c][i];
            let mut equation: Vec<f64> = (0..n).map(|k| product(&column, &|c| rows[c][k])).collect();
            equation.push(product(&column, &|c| wanted[c]));
            equation
        })
        .collect();
    let size = system.iter().flatten().fold(0.0_f64, |most, v| most.max(v.abs()));
    let mut solved = vec![None; n];
    let mut used = 0;
    for k in 0..n {
        let pivot = (used..n).max_by(|&a, &b| system[a][k].abs().total_cmp(&system[b][k].abs()))?;
        if system[pivot][k].abs() <= 1e-12 * size {
            continue;
        }
        system.swap(used, pivot);
        let row = system[used].clone();
        for (_, equation) in system.iter_mut().enumerate().filter(|&(i, _)| i != used) {
            let factor = equation[k] / row[k];
            equation.iter_mut().zip(&row).for_each(|(v, own)| *v -= factor * own);
        }
        solved[k] = Some(used);
        used += 1;
    }
    Some((0..n).map(|k| solved[k].map_or(0.0, |at| system[at][n] / system[at][k])).collect())
}

#[cfg(test)]
mod tests;
