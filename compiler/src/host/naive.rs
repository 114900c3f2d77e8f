//! A network evaluated stage by stage in f64, on `[H][W][C]`: what emitted code is compared with.

use crate::graph::{Activation, Window};
use crate::network::{Layout, Network, StageKind};

struct Image {
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f64>,
}

impl Image {
    fn at(&self, y: usize, x: usize, c: usize) -> f64 {
        self.values[(y * self.width + x) * self.channels + c]
    }
}

fn act(x: f64, activation: Activation) -> f64 {
    crate::reference::math::activate(activation, x)
}

/// `weight(n, c, i, j)` over the channels `inputs(n)`.
fn convolve(
    image: &Image,
    window: &Window,
    (height, width, channels): (usize, usize, usize),
    inputs: impl Fn(usize) -> std::ops::Range<usize>,
    term: impl Fn(usize, usize, usize, usize, Option<f64>) -> f64,
    bias: &[f32],
    activation: Activation,
) -> Image {
    let mut values = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for (o, &bias) in bias.iter().enumerate() {
                let mut sum = f64::from(bias);
                for c in inputs(o) {
                    for i in 0..window.kernel[0] {
                        for j in 0..window.kernel[1] {
                            let row = (y * window.stride[0] + i * window.dilation[0]) as i64 - window.pads[0];
                            let column = (x * window.stride[1] + j * window.dilation[1]) as i64 - window.pads[1];
                            let inside =
                                (0..image.height as i64).contains(&row) && (0..image.width as i64).contains(&column);
                            sum += term(o, c, i, j, inside.then(|| image.at(row as usize, column as usize, c)));
                        }
                    }
                }
                values.push(act(sum, activation));
            }
        }
    }
    Image { height, width, channels, values }
}

/// One image through the network; input in the port's own order, output in the port's own order.
pub(crate) fn evaluate(network: &Network, input: &[f64]) -> Vec<f64> {
    let first = network.maps[network.input_map.0 as usize];
    let mut image = Image { height: first.height, width: first.width, channels: first.channels, values: vec![] };
    for y in 0..first.height {
        for x in 0..first.width {
            for c in 0..first.channels {
                image.values.push(match network.input.layout {
                    Layout::Nchw => input[(c * first.height + y) * first.width + x],
                    Layout::Nhwc => input[(y * first.width + x) * first.channels + c],
                });
            }
        }
    }
    let one = |window: [usize; 2]| Window { kernel: window, stride: [1; 2], dilation: [1; 2], pads: [0; 4] };
    for stage in &network.stages {
        let out = network.maps[stage.output.0 as usize];
        let size = (out.height, out.width, out.channels);
        let depthwise = |image: &Image, d: &crate::network::Depthwise| {
            let [kh, kw] = d.window.kernel;
            let term = |_: usize, c: usize, i: usize, j: usize, v: Option<f64>| {
                v.unwrap_or(0.0) * f64::from(d.weights[(c * kh + i) * kw + j])
            };
            let size = (out.height, out.width, image.channels);
            convolve(image, &d.window, size, |o| o..o + 1, term, &d.bias, d.activation)
        };
        let pointwise = |image: &Image, p: &crate::network::Pointwise| {
            let k = image.channels;
            let term = |o: usize, c: usize, _: usize, _: usize, v: Option<f64>| {
                v.unwrap_or(0.0) * f64::from(p.weights[o * k + c])
            };
            convolve(image, &one([1, 1]), size, |_| 0..k, term, &p.bias, p.activation)
        };
        image = match &stage.kind {
            StageKind::Stem(conv) | StageKind::Conv(conv) => {
                let ([kh, kw], channels) = (conv.window.kernel, image.channels);
                let stem = matches!(stage.kind, StageKind::Stem(_));
                let term = |o: usize, c: usize, i: usize, j: usize, v: Option<f64>| {
                    let border = if stem { f64::from(conv.pad_values[c]) } else { 0.0 };
                    v.unwrap_or(border) * f64::from(conv.weights[((o * channels + c) * kh + i) * kw + j])
                };
                convolve(&image, &conv.window, size, |_| 0..channels, term, &conv.bias, conv.activation)
            }
            StageKind::Separable { depthwise: d, pointwise: p } => pointwise(&depthwise(&image, d), p),
            StageKind::Depthwise(d) => depthwise(&image, d),
            StageKind::Pointwise(p) => pointwise(&image, p),
            StageKind::GlobalAveragePool => {
                let pixels = (image.height * image.width) as f64;
                let mean = |c| image.values[c..].iter().step_by(image.channels).sum::<f64>() / pixels;
                Image { height: 1, width: 1, channels: out.channels, values: (0..image.channels).map(mean).collect() }
            }
            StageKind::Dense(dense) => {
                let k = image.values.len();
                let row = |n: usize| {
                    let products = image.values.iter().zip(&dense.weights[n * k..]).map(|(x, w)| x * f64::from(*w));
                    act(products.sum::<f64>() + f64::from(dense.bias[n]), dense.activation)
                };
                Image { height: 1, width: 1, channels: out.channels, values: (0..out.channels).map(row).collect() }
            }
            StageKind::Softmax { log } => {
                let most = image.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = image.values.iter().map(|x| (x - most).exp()).sum();
                let one = |x: &f64| if *log { x - most - sum.ln() } else { (x - most).exp() / sum };
                Image { values: image.values.iter().map(one).collect(), ..image }
            }
            StageKind::Import | StageKind::Export => image,
        };
    }
    let Image { height, width, channels, .. } = image;
    if network.output.layout == Layout::Nhwc || height * width == 1 {
        return image.values;
    }
    let mut values = Vec::new();
    for c in 0..channels {
        for pixel in 0..height * width {
            values.push(image.values[pixel * channels + c]);
        }
    }
    values
}
