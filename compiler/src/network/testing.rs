//! Runs a network naively in f64, from the model's input to its output.

use super::{Conv, Depthwise, FeatureMap, Layout, Network, Port, Stage, StageKind};
use crate::graph::{Activation, Tensor, Type, Window};
use std::collections::BTreeMap;

/// `[H][W][C]` of one image.
type Map = Vec<f64>;

pub(super) fn run(network: &Network, input: &Tensor) -> Tensor {
    assert_eq!(input.shape, network.input.shape);
    let values = input.to_f64();
    let per_image = values.len() / network.batch;
    let mut output = Vec::new();
    for image in values.chunks(per_image) {
        let dims = network.maps[network.input_map.0 as usize];
        let mut maps = BTreeMap::from([(network.input_map, reordered(image, dims, &network.input, true))]);
        for stage in &network.stages {
            let input = &maps[&stage.inputs[0]];
            let (from, to) = (network.maps[stage.inputs[0].0 as usize], network.maps[stage.output.0 as usize]);
            let result = compute(stage, input, from, to);
            assert_eq!(result.len(), to.height * to.width * to.channels, "{}", stage.kind.name());
            maps.insert(stage.output, result);
        }
        let dims = network.maps[network.output_map.0 as usize];
        output.extend(reordered(&maps[&network.output_map], dims, &network.output, false));
    }
    Tensor::from_f64(&Type::new(network.output.dtype, network.output.shape.clone()), output)
}

/// Between a port's own order and `[H][W][C]`.
fn reordered(values: &[f64], dims: FeatureMap, port: &Port, to_hwc: bool) -> Vec<f64> {
    let FeatureMap { height, width, channels, .. } = dims;
    let mut out = vec![0.0; values.len()];
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let hwc = (y * width + x) * channels + c;
                let own = match port.layout {
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

fn compute(stage: &Stage, input: &Map, from: FeatureMap, to: FeatureMap) -> Map {
    match &stage.kind {
        StageKind::Stem(body) | StageKind::Conv(body) => conv(body, input, from, to),
        StageKind::Separable { depthwise: dw, pointwise: pw } => {
            let between = FeatureMap { channels: from.channels, ..to };
            dense(&pw.weights, &pw.bias, pw.activation, &depthwise(dw, input, from, between))
        }
        StageKind::Depthwise(body) => depthwise(body, input, from, to),
        StageKind::Pointwise(body) => dense(&body.weights, &body.bias, body.activation, input),
        StageKind::Dense(body) => dense(&body.weights, &body.bias, body.activation, input),
        StageKind::GlobalAveragePool => {
            let pixels = (from.height * from.width) as f64;
            (0..from.channels).map(|c| input.iter().skip(c).step_by(from.channels).sum::<f64>() / pixels).collect()
        }
        StageKind::Softmax { log } => {
            let largest = input.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = input.iter().map(|v| (v - largest).exp()).sum();
            let each = |v: &f64| if *log { v - largest - sum.ln() } else { (v - largest).exp() / sum };
            input.iter().map(each).collect()
        }
        StageKind::Import | StageKind::Export => input.clone(),
    }
}

fn activated(x: f64, activation: Activation) -> f64 {
    crate::reference::math::activate(activation, x)
}

/// Fully connected, for every pixel of `[pixels][K]`.
fn dense(weights: &[f32], bias: &[f32], activation: Activation, input: &Map) -> Map {
    let k = weights.len() / bias.len();
    let mut out = Vec::new();
    for pixel in input.chunks(k) {
        for (row, &bias) in weights.chunks(k).zip(bias) {
            let sum: f64 = row.iter().zip(pixel).map(|(&w, x)| f64::from(w) * x).sum();
            out.push(activated(sum + f64::from(bias), activation));
        }
    }
    out
}

fn conv(body: &Conv, input: &Map, from: FeatureMap, to: FeatureMap) -> Map {
    let taps = body.window.kernel[0] * body.window.kernel[1];
    let weight = |m: usize, c: usize, tap: usize| f64::from(body.weights[(m * from.channels + c) * taps + tap]);
    windows(&body.window, from, to, |pixel, out| {
        for m in 0..to.channels {
            let mut sum = f64::from(body.bias[m]);
            for (tap, at) in pixel.iter().enumerate() {
                for c in 0..from.channels {
                    let x = at.map_or(f64::from(body.pad_values[c]), |at| input[at + c]);
                    sum += weight(m, c, tap) * x;
                }
            }
            out.push(activated(sum, body.activation));
        }
    })
}

fn depthwise(body: &Depthwise, input: &Map, from: FeatureMap, to: FeatureMap) -> Map {
    let taps = body.window.kernel[0] * body.window.kernel[1];
    windows(&body.window, from, to, |pixel, out| {
        for c in 0..to.channels {
            let mut sum = f64::from(body.bias[c]);
            for (tap, at) in pixel.iter().enumerate() {
                sum += f64::from(body.weights[c * taps + tap]) * at.map_or(0.0, |at| input[at + c]);
            }
            out.push(activated(sum, body.activation));
        }
    })
}

/// Calls `pixel` for every output pixel with the offset of each tap's pixel, `None` on the border.
fn windows(
    window: &Window,
    from: FeatureMap,
    to: FeatureMap,
    mut pixel: impl FnMut(&[Option<usize>], &mut Map),
) -> Map {
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
            pixel(&taps, &mut out);
        }
    }
    out
}
