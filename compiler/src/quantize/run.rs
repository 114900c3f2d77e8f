//! Runs layers in f32, fast enough for hundreds of pictures; with scales, rounded to codes as the quantised network is.

use super::layers::{Layer, LayerKind, Layers, Value, ValueId};
use crate::graph::{Activation, Quant, Window};
use crate::network::Layout;
use crate::quant::rules;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How the codes of each value count; `None` where it stays a float.
pub type Quants = Vec<Option<Quant>>;

/// An image in the port's own order as `[H][W][C]`, shifted as the layers want it.
pub fn to_hwc(image: &[f32], layers: &Layers, layout: Layout) -> Vec<f32> {
    let value = &layers.values[0];
    let area = value.height * value.width;
    let mut pixels: Vec<f32> = match layout {
        Layout::Nhwc => image.to_vec(),
        Layout::Nchw => (0..area).flat_map(|at| (0..value.channels).map(move |c| image[c * area + at])).collect(),
    };
    if let Some(shift) = &layers.shift {
        pixels.iter_mut().enumerate().for_each(|(at, x)| *x -= shift[at % shift.len()]);
    }
    pixels
}

/// Runs one image, `[H][W][C]`, and shows each value as soon as it is known, the input's included.
pub fn run(layers: &Layers, quants: Option<&Quants>, image: &[f32], mut see: impl FnMut(ValueId, &[f32])) {
    let mut last = vec![0; layers.values.len()];
    for (at, layer) in layers.layers.iter().enumerate() {
        layer.inputs.iter().for_each(|&input| last[input] = at);
    }
    let mut held: Vec<Vec<f32>> = vec![Vec::new(); layers.values.len()];
    held[0] = image.to_vec();
    round(&mut held[0], quants.and_then(|quants| quants[0]));
    see(0, &held[0]);
    for (at, layer) in layers.layers.iter().enumerate() {
        let mut result = compute(layers, layer, |id| &held[id]);
        finish(&mut result, layer, quants);
        see(layer.output, &result);
        held[layer.output] = result;
        for &input in &layer.inputs {
            if last[input] == at {
                held[input] = Vec::new();
            }
        }
    }
}

/// The bounds of a layer, and the rounding of its codes.
pub fn finish(values: &mut [f32], layer: &Layer, quants: Option<&Quants>) {
    let [lo, hi] = layer.clamp;
    if layer.clamp != super::layers::FREE {
        values.iter_mut().for_each(|value| *value = value.max(lo).min(hi));
    }
    round(values, quants.and_then(|quants| quants[layer.output]));
}

/// Each value becomes that of its code.
pub fn round(values: &mut [f32], quant: Option<Quant>) {
    let Some(quant) = quant else { return };
    let [lo, hi] = quant.range().map(|code| (code - quant.zero) as f32);
    for value in values {
        *value = (*value / quant.scale).max(lo).min(hi).round_ties_even() * quant.scale;
    }
}

/// What a layer makes of its inputs, before its bounds.
pub fn compute<'a>(layers: &Layers, layer: &Layer, held: impl Fn(ValueId) -> &'a Vec<f32>) -> Vec<f32> {
    let (from, to) = (&layers.values[layer.inputs[0]], &layers.values[layer.output]);
    let x = held(layer.inputs[0]).as_slice();
    match &layer.kind {
        LayerKind::Conv { window, groups, weights, bias, pads } => {
            let filters = Filters { window, groups: *groups, weights, bias, pads };
            match (*groups == from.channels && *groups == to.channels, *window == Window::ONE) {
                (true, _) => depthwise(&filters, x, from, to),
                (_, true) if *groups == 1 => product(x, weights, bias),
                _ => convolution(&filters, x, from, to),
            }
        }
        LayerKind::Dense { weights, bias } => product(x, weights, bias),
        LayerKind::Add => x.iter().zip(held(layer.inputs[1])).map(|(a, b)| a + b).collect(),
        LayerKind::Scale => {
            let gate = held(layer.inputs[1]);
            x.iter().enumerate().map(|(i, x)| x * gate[i % gate.len()]).collect()
        }
        LayerKind::Concat => {
            let mut all = Vec::with_capacity(to.len());
            for pixel in 0..to.height * to.width {
                for &input in &layer.inputs {
                    let channels = layers.values[input].channels;
                    all.extend_from_slice(&held(input)[pixel * channels..][..channels]);
                }
            }
            all
        }
        LayerKind::MaxPool(window) => windows(window, from, to, |taps, out| {
            out.fill(f32::NEG_INFINITY);
            for at in taps.iter().flatten() {
                out.iter_mut().zip(&x[*at..]).for_each(|(most, x)| *most = most.max(*x));
            }
        }),
        LayerKind::AveragePool { window, count_include_pad } => windows(window, from, to, |taps, out| {
            let inside = taps.iter().flatten().count();
            let count = if *count_include_pad { taps.len() } else { inside };
            for at in taps.iter().flatten() {
                out.iter_mut().zip(&x[*at..]).for_each(|(sum, x)| *sum += *x);
            }
            out.iter_mut().for_each(|sum| *sum /= count as f32);
        }),
        LayerKind::GlobalAveragePool => {
            let mut sums = vec![0.0_f32; from.channels];
            for pixel in x.chunks(from.channels.max(1)) {
                sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += *x);
            }
            let count = (from.height * from.width) as f32;
            sums.iter().map(|sum| sum / count).collect()
        }
        LayerKind::Act(activation) => x.iter().map(|&x| activate(*activation, x)).collect(),
        LayerKind::Slopes(slopes) => {
            x.iter().enumerate().map(|(i, &x)| if x < 0.0 { x * slopes[i % slopes.len()] } else { x }).collect()
        }
        LayerKind::Softmax { log } => x.chunks(from.channels.max(1)).flat_map(|row| softmax(row, *log)).collect(),
        LayerKind::LpNormalize { p, epsilon } => {
            let each = |row: &[f32]| {
                let power = i32::from(*p);
                let sum: f32 = row.iter().map(|x| x.abs().powi(power)).sum();
                let length = if power == 1 { sum } else { sum.sqrt() };
                row.iter().map(|x| x / length.max(*epsilon)).collect::<Vec<f32>>()
            };
            x.chunks(from.channels.max(1)).flat_map(each).collect()
        }
    }
}

fn activate(activation: Activation, x: f32) -> f32 {
    rules::activate(activation, x)
}

fn softmax(row: &[f32], log: bool) -> Vec<f32> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|x| (x - most).exp()).sum();
    row.iter().map(|x| if log { x - most - sum.ln() } else { (x - most).exp() / sum }).collect()
}

struct Filters<'a> {
    window: &'a Window,
    groups: usize,
    weights: &'a [f32],
    bias: &'a [f32],
    pads: &'a [f32],
}

/// Calls `write` with the offset of each tap's pixel, `None` on the border, and the output's pixel, zeros before.
fn windows(window: &Window, from: &Value, to: &Value, mut write: impl FnMut(&[Option<usize>], &mut [f32])) -> Vec<f32> {
    let mut out = vec![0.0; to.len()];
    let mut taps = vec![None; window.kernel[0] * window.kernel[1]];
    for (pixel, out) in out.chunks_mut(to.channels.max(1)).enumerate() {
        place(window, from, [pixel / to.width, pixel % to.width], &mut taps);
        write(&taps, out);
    }
    out
}

/// The offsets of a window's pixels.
fn place(window: &Window, from: &Value, at: [usize; 2], taps: &mut [Option<usize>]) {
    let position = |axis: usize, tap: usize, size: usize| {
        let at = (at[axis] * window.stride[axis] + tap * window.dilation[axis]) as i64 - window.pads[axis];
        usize::try_from(at).ok().filter(|&at| at < size)
    };
    for (index, tap) in taps.iter_mut().enumerate() {
        let row = position(0, index / window.kernel[1], from.height);
        let column = position(1, index % window.kernel[1], from.width);
        *tap = row.zip(column).map(|(row, column)| (row * from.width + column) * from.channels);
    }
}

fn depthwise(filters: &Filters, x: &[f32], from: &Value, to: &Value) -> Vec<f32> {
    let taps = filters.window.kernel[0] * filters.window.kernel[1];
    let channels = to.channels;
    let by_tap: Vec<f32> =
        (0..taps).flat_map(|tap| (0..channels).map(move |c| filters.weights[c * taps + tap])).collect();
    windows(filters.window, from, to, |pixel, out| {
        out.copy_from_slice(filters.bias);
        for (weights, at) in by_tap.chunks(channels).zip(pixel) {
            let border = if filters.pads.is_empty() { None } else { Some(filters.pads) };
            if let Some(x) = at.map(|at| &x[at..]).or(border) {
                for ((sum, weight), x) in out.iter_mut().zip(weights).zip(x) {
                    *sum += *weight * *x;
                }
            }
        }
    })
}

fn convolution(filters: &Filters, x: &[f32], from: &Value, to: &Value) -> Vec<f32> {
    let taps = filters.window.kernel[0] * filters.window.kernel[1];
    let (read, written) = (from.channels / filters.groups, to.channels / filters.groups);
    let k = taps * read;
    let mut out = vec![0.0; to.len()];
    let mut columns = vec![0.0; to.width * k];
    let mut pixel = vec![None; taps];
    for group in 0..filters.groups {
        // Taps in front of channels, as the columns have them.
        let rows = filters.weights[group * written * k..][..written * k].chunks(k);
        let turned: Vec<f32> =
            rows.flat_map(|row| (0..taps).flat_map(move |tap| (0..read).map(move |c| row[c * taps + tap]))).collect();
        let panels = pack(&turned, k);
        let bias = &filters.bias[group * written..][..written];
        for y in 0..to.height {
            for (at, column) in columns.chunks_mut(k).enumerate() {
                place(filters.window, from, [y, at], &mut pixel);
                for (tap, to) in pixel.iter().zip(column.chunks_mut(read)) {
                    match tap {
                        Some(at) => to.copy_from_slice(&x[at + group * read..][..read]),
                        None if filters.pads.is_empty() => to.fill(0.0),
                        None => to.copy_from_slice(&filters.pads[group * read..][..read]),
                    }
                }
            }
            let row = &mut out[y * to.width * to.channels..][..to.width * to.channels];
            multiply(&columns, k, &panels, bias, row, [group * written, to.channels]);
        }
    }
    out
}

/// Every row of `[rows][K]` by weights `[N][K]`.
fn product(x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let (n, k) = (bias.len(), weights.len() / bias.len().max(1));
    let mut out = vec![0.0; x.len() / k.max(1) * n];
    multiply(x, k, &pack(weights, k), bias, &mut out, [0, n]);
    out
}

const LANES: usize = 8;
const ROWS: usize = 4;

/// Weights `[N][K]` as `[N / 8][K][8]`, zeros behind the last.
fn pack(weights: &[f32], k: usize) -> Vec<f32> {
    let n = weights.len() / k.max(1);
    let mut panels = vec![0.0; n.div_ceil(LANES) * k * LANES];
    for (index, row) in weights.chunks(k.max(1)).enumerate() {
        let panel = &mut panels[index / LANES * k * LANES..];
        for (tap, &weight) in row.iter().enumerate() {
            panel[tap * LANES + index % LANES] = weight;
        }
    }
    panels
}

/// Rows of `[rows][K]` by panels, into columns from `first` on of rows `stride` apart.
fn multiply(x: &[f32], k: usize, panels: &[f32], bias: &[f32], out: &mut [f32], [first, stride]: [usize; 2]) {
    for (block, rows) in x.chunks(ROWS * k.max(1)).enumerate() {
        let count = rows.len() / k.max(1);
        let row = |r: usize| &rows[r.min(count - 1) * k..][..k];
        let inputs = [row(0), row(1), row(2), row(3)];
        for (column, panel) in panels.chunks(LANES * k.max(1)).enumerate() {
            let mut sums = [[0.0_f32; LANES]; ROWS];
            for (tap, weights) in panel.as_chunks::<LANES>().0.iter().enumerate() {
                for (sums, input) in sums.iter_mut().zip(&inputs) {
                    let x = input[tap];
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += x * weight;
                    }
                }
            }
            let lanes = LANES.min(bias.len() - column * LANES);
            let bias = &bias[column * LANES..][..lanes];
            for (r, sums) in sums.iter().enumerate().take(count) {
                let at = (block * ROWS + r) * stride + first + column * LANES;
                out[at..][..lanes].iter_mut().zip(sums.iter().zip(bias)).for_each(|(to, (sum, bias))| *to = sum + bias);
            }
        }
    }
}

/// Does something with each of so many items on all processors: a state per thread.
pub fn each<S: Send>(count: usize, start: impl Fn() -> S + Sync, work: impl Fn(&mut S, usize) + Sync) -> Vec<S> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count.max(1));
    let next = AtomicUsize::new(0);
    let body = || {
        let mut state = start();
        loop {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= count {
                return state;
            }
            work(&mut state, item);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..threads).map(|_| scope.spawn(body)).collect();
        let mut states = vec![body()];
        for thread in threads {
            match thread.join() {
                Ok(state) => states.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    })
}
