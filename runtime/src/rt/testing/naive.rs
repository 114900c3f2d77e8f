//! The definitions, in f64.

use super::*;

/// `[H][W][C]`
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub data: Vec<f32>,
}

impl Tensor {
    pub fn at(&self, y: usize, x: usize, c: usize) -> f32 {
        self.data[(y * self.width + x) * self.channels + c]
    }

    /// The value, or the border's.
    pub fn padded(&self, y: isize, x: isize, c: usize, pads: &[f32]) -> f64 {
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        f64::from(if inside { self.at(y as usize, x as usize, c) } else { pads[c] })
    }
}

pub(super) fn clamp(clamp: Clamp, x: f64) -> f64 {
    let (lo, hi) = (f64::from(clamp.lo), f64::from(clamp.hi));
    let x = if x < lo { lo } else { x };
    if x > hi { hi } else { x }
}

/// `[out_h, out_w]` for a window over a map with `far` border on the far sides.
pub(super) fn output(window: &Window, [h, w]: [usize; 2], far: [usize; 2]) -> Option<[usize; 2]> {
    let size = |axis: usize, size: usize| {
        let span = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        (size + window.pad[axis] + far[axis]).checked_sub(span).map(|room| room / window.stride[axis] + 1)
    };
    Some([size(0, h)?, size(1, w)?])
}

/// A convolution with weights `[n][c][kh][kw]`; depthwise when `depthwise` (weights `[c][kh][kw]`).
#[allow(clippy::too_many_arguments)]
pub(super) fn conv(
    input: &Tensor,
    window: &Window,
    [h, w]: [usize; 2],
    n: usize,
    weights: &[f32],
    bias: &[f32],
    pads: &[f32],
    depthwise: bool,
    bounds: Clamp,
) -> Vec<f64> {
    let [kh, kw] = window.kernel;
    let mut out = Vec::new();
    for y in 0..h {
        for x in 0..w {
            for (o, &bias) in bias.iter().enumerate().take(n) {
                let mut sum = f64::from(bias);
                let channels = if depthwise { o..o + 1 } else { 0..input.channels };
                for c in channels {
                    for i in 0..kh {
                        for j in 0..kw {
                            let row = (y * window.stride[0] + i * window.dilation[0]) as isize - window.pad[0] as isize;
                            let column =
                                (x * window.stride[1] + j * window.dilation[1]) as isize - window.pad[1] as isize;
                            let at = if depthwise { o } else { o * input.channels + c };
                            let weight = f64::from(weights[(at * kh + i) * kw + j]);
                            sum += weight * input.padded(row, column, c, pads);
                        }
                    }
                }
                out.push(clamp(bounds, sum));
            }
        }
    }
    out
}

/// A convolution in groups with weights `[n][c / groups][kh][kw]`, the border zero.
pub(super) fn grouped(
    input: &Tensor,
    window: &Window,
    [h, w]: [usize; 2],
    n: usize,
    groups: usize,
    weights: &[f32],
    bias: &[f32],
) -> Vec<f64> {
    let none = Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    let (own, part) = (input.channels / groups, n / groups);
    let taps = weights.len() / n;
    let mut out = std::vec![0.0; h * w * n];
    for group in 0..groups {
        let mut slice = Tensor { channels: own, data: Vec::new(), ..*input };
        for pixel in input.data.chunks_exact(input.channels) {
            slice.data.extend_from_slice(&pixel[group * own..][..own]);
        }
        let (weights, bias) = (&weights[group * part * taps..][..part * taps], &bias[group * part..][..part]);
        let zeros = std::vec![0.0; own];
        let some = conv(&slice, window, [h, w], part, weights, bias, &zeros, false, none);
        for (i, x) in some.into_iter().enumerate() {
            out[i / part * n + group * part + i % part] = x;
        }
    }
    out
}

/// Maxima, or means of the whole window or of its part inside the map.
pub(super) fn pool(input: &Tensor, window: &Window, [h, w]: [usize; 2], mean: Option<bool>) -> Vec<f64> {
    let mut out = Vec::new();
    for y in 0..h {
        for x in 0..w {
            for c in 0..input.channels {
                let (mut most, mut sum, mut count) = (f64::NEG_INFINITY, 0.0, 0);
                for i in 0..window.kernel[0] {
                    for j in 0..window.kernel[1] {
                        let row = (y * window.stride[0] + i * window.dilation[0]).wrapping_sub(window.pad[0]);
                        let column = (x * window.stride[1] + j * window.dilation[1]).wrapping_sub(window.pad[1]);
                        if row < input.height && column < input.width {
                            let value = f64::from(input.at(row, column, c));
                            (most, sum, count) = (most.max(value), sum + value, count + 1);
                        }
                    }
                }
                let all = window.kernel[0] * window.kernel[1];
                out.push(match mean {
                    None => most,
                    Some(whole) => sum / f64::from(if whole { all as u32 } else { count.max(1) }),
                });
            }
        }
    }
    out
}

pub(super) fn activation(activation: Activation, x: f64) -> f64 {
    let (a, b) = (f64::from(activation.a), f64::from(activation.b));
    match activation.kind {
        ActivationKind::Clamp => clamp(Clamp { lo: activation.a, hi: activation.b }, x),
        ActivationKind::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        ActivationKind::HardSigmoid => (a * x + b).clamp(0.0, 1.0),
        ActivationKind::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        ActivationKind::Swish => x / (1.0 + (-x).exp()),
        ActivationKind::Tanh => x.tanh(),
        ActivationKind::LeakyRelu if x < 0.0 => a * x,
        _ => x,
    }
}

/// Rounded to f32, as a map holds it.
pub(super) fn tensor(height: usize, width: usize, channels: usize, data: &[f64]) -> Tensor {
    Tensor { height, width, channels, data: data.iter().map(|&x| x as f32).collect() }
}
