//! 8-bit quantisation as arithmetic on floats.

use super::{Array, Values};
use crate::graph::DType;

pub(super) fn quantize(
    x: &Array,
    scale: &Array,
    zero: Option<&Array>,
    axis: usize,
    dtype: DType,
) -> Result<Values, String> {
    let (lo, hi) = dtype.int_range().ok_or_else(|| format!("{dtype} is not an integer type"))?;
    let channels = Channels::new(x, scale, zero, axis)?;
    let quantized = x.to_floats().into_iter().enumerate().map(|(i, value)| {
        let (scale, zero) = channels.of(i);
        ((value / scale).round_ties_even() + zero).clamp(lo as f64, hi as f64) as i64
    });
    Ok(Values::Int(quantized.collect()))
}

pub(super) fn dequantize(x: &Array, scale: &Array, zero: Option<&Array>, axis: usize) -> Result<Values, String> {
    let channels = Channels::new(x, scale, zero, axis)?;
    let real = x.ints()?.iter().enumerate().map(|(i, &value)| {
        let (scale, zero) = channels.of(i);
        (value as f64 - zero) * scale
    });
    Ok(Values::Float(real.collect()))
}

/// Scale and zero point of every element.
struct Channels {
    scale: Vec<f64>,
    zero: Vec<f64>,
    inner: usize,
    count: usize,
}

impl Channels {
    fn new(x: &Array, scale: &Array, zero: Option<&Array>, axis: usize) -> Result<Self, String> {
        let inner = x.shape().get(axis + 1..).map_or(1, |s| s.iter().product());
        let (scale, zero) = (scale.to_floats(), zero.map_or(vec![0.0], Array::to_floats));
        Ok(Self { inner, count: scale.len().max(zero.len()), scale, zero })
    }

    fn of(&self, i: usize) -> (f64, f64) {
        let channel = i / self.inner % self.count;
        let pick = |values: &[f64]| if values.len() == 1 { values[0] } else { values[channel] };
        (pick(&self.scale), pick(&self.zero))
    }
}
