//! Convolution and pooling.

use super::math::activate;
use super::{Array, Values};
use crate::graph::{Conv, Window};
use std::ops::Range;

/// One axis of a window: which outputs of a tap read inside the map, and where.
struct Taps {
    stride: i64,
    input: i64,
    output: i64,
}

impl Taps {
    fn new(window: &Window, axis: usize, input: usize, output: usize) -> Self {
        Self { stride: window.stride[axis] as i64, input: input as i64, output: output as i64 }
    }

    /// Outputs that read inside for a tap `shift` elements from the window's origin in the unpadded map.
    fn inside(&self, shift: i64) -> Range<usize> {
        let first = (-shift).max(0).div_euclid(self.stride) + i64::from((-shift).max(0) % self.stride != 0);
        let last = if self.input > shift { (self.input - 1 - shift).div_euclid(self.stride) + 1 } else { 0 };
        let last = last.clamp(0, self.output);
        first.min(last) as usize..last as usize
    }
}

fn shift(window: &Window, axis: usize, tap: usize) -> i64 {
    (tap * window.dilation[axis]) as i64 - window.pads[axis]
}

fn image(shape: &[usize]) -> Result<[usize; 4], String> {
    shape.try_into().map_err(|_| "an image [N, C, H, W] is needed".into())
}

pub(super) fn conv(conv: &Conv, x: &Array, w: &Array, b: Option<&Array>, shape: &[usize]) -> Result<Vec<f64>, String> {
    let [n, c, height, width] = image(x.shape())?;
    let [_, m, oh, ow] = image(shape)?;
    let (per_group, outputs) = (c / conv.group, m / conv.group);
    let [kh, kw] = conv.window.kernel;
    let (x, w) = (x.floats()?, w.floats()?);
    let b = b.map(Array::floats).transpose()?;
    let (rows, columns) = (Taps::new(&conv.window, 0, height, oh), Taps::new(&conv.window, 1, width, ow));
    let stride = conv.window.stride[1];
    let mut out = vec![0.0; n * m * oh * ow];
    for (plane_index, plane) in out.chunks_mut((oh * ow).max(1)).enumerate() {
        let (image, o) = (plane_index / m, plane_index % m);
        plane.fill(b.map_or(0.0, |b| b[o]));
        for i in 0..per_group {
            let channel = o / outputs * per_group + i;
            let border = conv.pad_values.get(channel).map_or(0.0, |&v| f64::from(v));
            let map = &x[(image * c + channel) * height * width..][..height * width];
            for tap in 0..kh * kw {
                let weight = w[(o * per_group + i) * kh * kw + tap];
                let (down, right) = (shift(&conv.window, 0, tap / kw), shift(&conv.window, 1, tap % kw));
                let (inside_rows, inside) = (rows.inside(down), columns.inside(right));
                if border != 0.0 {
                    add_border(plane, ow, &inside_rows, &inside, weight * border);
                }
                for row in inside_rows {
                    let y = (row as i64 * rows.stride + down) as usize;
                    let start = y * width + (inside.start as i64 * columns.stride + right).max(0) as usize;
                    let sums = &mut plane[row * ow..][inside.clone()];
                    add_row(sums, &map[start.min(map.len())..], stride, weight);
                }
            }
        }
        for value in plane {
            *value = activate(conv.activation, *value);
        }
    }
    Ok(out)
}

fn add_row(sums: &mut [f64], inputs: &[f64], stride: usize, weight: f64) {
    if stride == 1 {
        for (sum, input) in sums.iter_mut().zip(inputs) {
            *sum += weight * input;
        }
    } else {
        for (sum, input) in sums.iter_mut().zip(inputs.iter().step_by(stride)) {
            *sum += weight * input;
        }
    }
}

fn add_border(plane: &mut [f64], width: usize, rows: &Range<usize>, columns: &Range<usize>, value: f64) {
    for (y, row) in plane.chunks_mut(width.max(1)).enumerate() {
        for (x, sum) in row.iter_mut().enumerate() {
            if !rows.contains(&y) || !columns.contains(&x) {
                *sum += value;
            }
        }
    }
}

/// Calls `visit` with the flat index of each output, and of each input its window covers.
fn pool(window: &Window, x: &Array, shape: &[usize], mut visit: impl FnMut(usize, usize)) -> Result<(), String> {
    let [n, c, height, width] = image(x.shape())?;
    let [_, _, oh, ow] = image(shape)?;
    let (rows, columns) = (Taps::new(window, 0, height, oh), Taps::new(window, 1, width, ow));
    let [kh, kw] = window.kernel;
    for plane in 0..n * c {
        for tap in 0..kh * kw {
            let (down, right) = (shift(window, 0, tap / kw), shift(window, 1, tap % kw));
            for row in rows.inside(down) {
                let y = (row as i64 * rows.stride + down) as usize;
                for column in columns.inside(right) {
                    let x = (column as i64 * columns.stride + right) as usize;
                    visit((plane * oh + row) * ow + column, (plane * height + y) * width + x);
                }
            }
        }
    }
    Ok(())
}

pub(super) fn average_pool(window: &Window, count_pad: bool, x: &Array, shape: &[usize]) -> Result<Vec<f64>, String> {
    let values = x.floats()?;
    let len = shape.iter().product();
    let (mut sums, mut counts) = (vec![0.0; len], vec![0usize; len]);
    pool(window, x, shape, |output, input| {
        sums[output] += values[input];
        counts[output] += 1;
    })?;
    let whole = window.kernel[0] * window.kernel[1];
    let divisor = |count: usize| if count_pad { whole } else { count } as f64;
    Ok(sums.iter().zip(counts).map(|(sum, count)| sum / divisor(count)).collect())
}

pub(super) fn max_pool(window: &Window, x: &Array, shape: &[usize]) -> Result<Values, String> {
    let len = shape.iter().product();
    Ok(match &x.values {
        Values::Float(values) => {
            let mut best = vec![f64::NEG_INFINITY; len];
            pool(window, x, shape, |output, input| {
                let (best, value) = (&mut best[output], values[input]);
                if value > *best || value.is_nan() {
                    *best = value;
                }
            })?;
            Values::Float(best)
        }
        Values::Int(values) => {
            let mut best = vec![i64::MIN; len];
            pool(window, x, shape, |output, input| best[output] = best[output].max(values[input]))?;
            Values::Int(best)
        }
    })
}
