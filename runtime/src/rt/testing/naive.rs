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

/// Rounded to f32, as a map holds it.
pub(super) fn tensor(height: usize, width: usize, channels: usize, data: &[f64]) -> Tensor {
    Tensor { height, width, channels, data: data.iter().map(|&x| x as f32).collect() }
}
