//! Runs a network naively in f64, from the model's input to its outputs. Stages on codes are run by [`quant`](crate::quant).

use super::{Conv, Depthwise, Epilogue, FeatureMap, Finish, Layout, Network, Stage, StageKind};
use crate::graph::{Activation, DType, Tensor, Type, Window, half};
use std::collections::BTreeMap;

/// `[H][W][C]` of one image.
pub(crate) type Values = Vec<f64>;

/// All images of a batch, of the model's own input shape; the outputs in the network's order.
pub(crate) fn run(network: &Network, input: &Tensor) -> Vec<Tensor> {
    let values = input.to_f64();
    let mut outputs = vec![Vec::new(); network.outputs.len()];
    for image in values.chunks((values.len() / network.batch).max(1)) {
        for (output, values) in outputs.iter_mut().zip(evaluate(network, image)) {
            output.extend(values);
        }
    }
    let ports = network.outputs.iter().map(|output| Type::new(output.port.dtype, output.port.shape.clone()));
    ports.zip(outputs).map(|(ty, values)| Tensor::from_f64(&ty, values)).collect()
}

/// One image in the port's own order; the outputs in theirs.
pub(crate) fn evaluate(network: &Network, image: &[f64]) -> Vec<Values> {
    let dims = |id: super::MapId| network.maps[id.0 as usize];
    let mut maps = BTreeMap::new();
    maps.insert(network.input_map, reordered(image, dims(network.input_map), network.input.layout, true));
    for stage in &network.stages {
        let inputs: Vec<(&Values, FeatureMap)> = stage.inputs.iter().map(|id| (&maps[id], dims(*id))).collect();
        let to = dims(stage.output);
        let mut result = compute(stage, &inputs, to);
        debug_assert_eq!(result.len(), to.height * to.width * to.channels, "{}", stage.kind.name());
        apply(&stage.epilogue, stage.epilogue.add.map(|id| &maps[&id]), to.channels, &mut result);
        let earlier = maps.insert(stage.output, result);
        debug_assert!(earlier.is_none(), "a map is written twice");
    }
    let output = |output: &super::Output| {
        let mut values = Vec::new();
        for piece in &output.pieces {
            debug_assert_eq!(values.len(), piece.offset);
            values.extend(reordered(&maps[&piece.map], dims(piece.map), piece.layout, false));
        }
        output.finish.iter().fold(values, finish)
    };
    network.outputs.iter().map(output).collect()
}

/// Between a port's own order and `[H][W][C]`.
fn reordered(values: &[f64], dims: FeatureMap, layout: Layout, to_hwc: bool) -> Values {
    let FeatureMap { height, width, channels, .. } = dims;
    let mut out = vec![0.0; values.len()];
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let hwc = (y * width + x) * channels + c;
                let own = match layout {
                    Layout::Nhwc => hwc,
                    Layout::Nchw => (c * height + y) * width + x,
                };
                let (from, to) = if to_hwc { (own, hwc) } else { (hwc, own) };
                out[to] = values[from];
            }
        }
    }
    out
}

fn compute(stage: &Stage, inputs: &[(&Values, FeatureMap)], to: FeatureMap) -> Values {
    let (input, from) = inputs[0];
    match &stage.kind {
        StageKind::Stem(body) | StageKind::Conv(body) => conv(body, input, from, to),
        StageKind::Depthwise(body) => depthwise(body, input, from, to),
        StageKind::Pointwise(body) => dense(&body.weights, &body.bias, input),
        StageKind::Dense(body) => dense(&body.weights, &body.bias, input),
        StageKind::MaxPool(window) => windows(window, from, to, |taps, c| {
            taps.iter().flatten().map(|at| input[at + c]).fold(f64::NEG_INFINITY, f64::max)
        }),
        StageKind::AveragePool { window, count_include_pad } => {
            let whole = (window.kernel[0] * window.kernel[1]) as f64;
            windows(window, from, to, |taps, c| {
                let inside = taps.iter().flatten().count() as f64;
                let sum: f64 = taps.iter().flatten().map(|at| input[at + c]).sum();
                sum / if *count_include_pad { whole } else { inside }
            })
        }
        StageKind::GlobalAveragePool => {
            let pixels = (from.height * from.width) as f64;
            (0..from.channels).map(|c| input.iter().skip(c).step_by(from.channels).sum::<f64>() / pixels).collect()
        }
        StageKind::Scale => {
            let gate = inputs[1].0;
            input.iter().enumerate().map(|(i, x)| x * gate[i % gate.len()]).collect()
        }
        StageKind::Concat => {
            let pixels = 0..to.height * to.width;
            let pixel = |pixel: usize| {
                inputs.iter().flat_map(move |(x, dims)| x[pixel * dims.channels..].iter().take(dims.channels).copied())
            };
            pixels.flat_map(pixel).collect()
        }
        StageKind::Softmax { log } => softmax(input, 1, from.channels, *log),
        StageKind::LpNormalize { p, epsilon } => normalize(input, 1, from.channels, *p, *epsilon),
        StageKind::Import | StageKind::Elementwise => input.clone(),
        StageKind::Integer(integer) => crate::quant::stage(integer, inputs, to),
        StageKind::Quantise => crate::quant::quantise(input, to),
        StageKind::Dequantise => crate::quant::dequantise(input, from),
    }
}

fn apply(epilogue: &Epilogue, residual: Option<&Values>, channels: usize, values: &mut Values) {
    for (i, value) in values.iter_mut().enumerate() {
        let c = i % channels;
        *value += residual.map_or(0.0, |residual| residual[i]);
        *value = activated(*value, epilogue.activation);
        if let (Some(slopes), true) = (&epilogue.slopes, *value < 0.0) {
            *value *= f64::from(slopes[c]);
        }
        if let Some(affine) = &epilogue.affine {
            *value = *value * f64::from(affine.scale[c]) + f64::from(affine.offset[c]);
        }
    }
}

fn finish(values: Values, finish: &Finish) -> Values {
    match *finish {
        Finish::Softmax { outer, n, inner, log } => {
            debug_assert_eq!(values.len(), outer * n * inner);
            softmax(&values, inner, n, log)
        }
        Finish::LpNormalize { outer, n, inner, p, epsilon } => {
            debug_assert_eq!(values.len(), outer * n * inner);
            normalize(&values, inner, n, p, epsilon)
        }
        Finish::Activate(activation) => values.into_iter().map(|x| activated(x, activation)).collect(),
        Finish::Half => values.into_iter().map(|x| half::round(DType::F16, x)).collect(),
        Finish::ArgMax { n, inner, select_last, .. } => {
            let mut indices = Vec::new();
            for block in values.chunks(n * inner) {
                for i in 0..inner {
                    let row: Values = block.iter().skip(i).step_by(inner).copied().collect();
                    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let mut at = row.iter().enumerate().filter(|(_, x)| **x == most).map(|(at, _)| at as f64);
                    indices.push(if select_last { at.next_back() } else { at.next() }.unwrap_or_default());
                }
            }
            indices
        }
    }
}

/// For each row of `n` values, `inner` apart: its values from the row.
fn rows(values: &[f64], inner: usize, n: usize, each: impl Fn(&[f64]) -> Values) -> Values {
    let mut out = values.to_vec();
    for (block, values) in out.chunks_mut(n * inner).zip(values.chunks(n * inner)) {
        for i in 0..inner {
            let row: Values = values.iter().skip(i).step_by(inner).copied().collect();
            for (to, value) in block.iter_mut().skip(i).step_by(inner).zip(each(&row)) {
                *to = value;
            }
        }
    }
    out
}

fn softmax(values: &[f64], inner: usize, n: usize, log: bool) -> Values {
    rows(values, inner, n, |row| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|v| (v - largest).exp()).sum();
        let each = |v: &f64| if log { v - largest - sum.ln() } else { (v - largest).exp() / sum };
        row.iter().map(each).collect()
    })
}

fn normalize(values: &[f64], inner: usize, n: usize, p: u8, epsilon: f32) -> Values {
    rows(values, inner, n, |row| {
        let length: f64 = row.iter().map(|x| x.abs().powi(p.into())).sum::<f64>().powf(1.0 / f64::from(p));
        row.iter().map(|x| x / length.max(epsilon.into())).collect()
    })
}

fn activated(x: f64, activation: Activation) -> f64 {
    crate::reference::math::activate(activation, x)
}

/// Fully connected, for every pixel of `[pixels][K]`.
fn dense(weights: &[f32], bias: &[f32], input: &Values) -> Values {
    let k = weights.len() / bias.len();
    let mut out = Vec::new();
    for pixel in input.chunks(k) {
        for (row, &bias) in weights.chunks(k).zip(bias) {
            let sum: f64 = row.iter().zip(pixel).map(|(&w, x)| f64::from(w) * x).sum();
            out.push(sum + f64::from(bias));
        }
    }
    out
}

fn conv(body: &Conv, input: &Values, from: FeatureMap, to: FeatureMap) -> Values {
    let taps = body.window.kernel[0] * body.window.kernel[1];
    let (read, written) = (from.channels / body.groups, to.channels / body.groups);
    windows(&body.window, from, to, |pixel, m| {
        let mut sum = f64::from(body.bias[m]);
        for (tap, at) in pixel.iter().enumerate() {
            for i in 0..read {
                let c = m / written * read + i;
                let x = at.map_or(f64::from(body.pad_values[c]), |at| input[at + c]);
                sum += f64::from(body.weights[(m * read + i) * taps + tap]) * x;
            }
        }
        sum
    })
}

fn depthwise(body: &Depthwise, input: &Values, from: FeatureMap, to: FeatureMap) -> Values {
    let taps = body.window.kernel[0] * body.window.kernel[1];
    windows(&body.window, from, to, |pixel, c| {
        let tap = |(tap, at): (usize, &Option<usize>)| {
            f64::from(body.weights[c * taps + tap]) * at.map_or(0.0, |at| input[at + c])
        };
        pixel.iter().enumerate().map(tap).sum::<f64>() + f64::from(body.bias[c])
    })
}

/// Calls `value` for every output channel of every pixel, with the offset of each tap's pixel, `None` on the border.
pub(crate) fn windows(
    window: &Window,
    from: FeatureMap,
    to: FeatureMap,
    value: impl Fn(&[Option<usize>], usize) -> f64,
) -> Values {
    let mut out = Vec::new();
    let position = |axis: usize, at: usize, tap: usize, size: usize| {
        let at = (at * window.stride[axis] + tap * window.dilation[axis]) as i64 - window.pads[axis];
        usize::try_from(at).ok().filter(|&at| at < size)
    };
    for y in 0..to.height {
        for x in 0..to.width {
            let mut taps = Vec::new();
            for i in 0..window.kernel[0] {
                for j in 0..window.kernel[1] {
                    let row = position(0, y, i, from.height);
                    let column = position(1, x, j, from.width);
                    taps.push(row.zip(column).map(|(row, column)| (row * from.width + column) * from.channels));
                }
            }
            out.extend((0..to.channels).map(|c| value(&taps, c)));
        }
    }
    out
}
