//! Which layers compute on codes, what the codes of every value count, and the weights as codes.

use super::layers::{LayerKind, Layers, ValueId};
use super::run::Quants;
use crate::graph::{DType, Quant};
use crate::quant::rules;

/// Filters as codes of i8 without zero points, biases of i32.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    /// As the layer's weights.
    pub weights: Vec<i8>,
    /// What a code of each filter counts.
    pub scales: Vec<f32>,
    /// Of the input's scale times the filter's.
    pub bias: Vec<i32>,
}

/// A quantised network.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// Per value; `None` where it stays a float.
    pub quants: Quants,
    /// Per layer, of those with filters on codes.
    pub codes: Vec<Option<Codes>>,
    /// The layers with the numbers that the codes stand for, to be run with the scales.
    pub simulated: Layers,
}

/// Whether each layer computes on codes, of those that are not to stay in float.
pub fn on_codes(layers: &Layers, kept: &[bool]) -> Vec<bool> {
    layers.layers.iter().zip(kept).map(|(layer, kept)| layer.kind.on_codes() && !kept).collect()
}

/// The scale and zero point whose 256 codes cover a range, 0 among them, exactly.
pub fn cover([low, high]: [f32; 2]) -> Quant {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let scale = (high - low) / 255.0;
    if !scale.is_normal() {
        return Quant { dtype: DType::U8, scale: 1.0, zero: 0 };
    }
    Quant { dtype: DType::U8, scale, zero: (-low / scale).round_ties_even() as i32 }
}

/// The scales of all values that have codes. `input` are those of an input of bytes.
pub fn quants(layers: &Layers, ranges: &[[f32; 2]], on_codes: &[bool], input: Option<Quant>) -> Quants {
    let mut quants: Quants = vec![None; layers.values.len()];
    for (layer, on_codes) in layers.layers.iter().zip(on_codes) {
        if *on_codes {
            for &id in layer.inputs.iter().chain([&layer.output]) {
                quants[id] = Some(cover(ranges[id]));
            }
        }
    }
    quants[0] = input.or(quants[0]);
    for (layer, on_codes) in layers.layers.iter().zip(on_codes) {
        if matches!(layer.kind, LayerKind::MaxPool(_)) && *on_codes {
            quants[layer.output] = quants[layer.inputs[0]];
        }
    }
    quants
}

/// What the codes of a filter count: the largest weight is code 127, and the bias fits i32 with room for the sums.
fn filter_scale(weights: &[f32], bias: f32, x: f32) -> f32 {
    const ROOM: f64 = (1_u32 << 30) as f64;
    let most = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    let of_bias = (f64::from(bias.abs()) / (f64::from(x) * ROOM)) as f32;
    let scale = (most / 127.0).max(of_bias);
    if scale.is_normal() { scale } else { 1.0 / 127.0 }
}

/// The filters of a layer as codes.
pub fn filters(weights: &[f32], bias: &[f32], x: f32) -> Codes {
    let taps = weights.len() / bias.len().max(1);
    let rows = || weights.chunks(taps.max(1)).zip(bias);
    let scales: Vec<f32> = rows().map(|(row, &bias)| filter_scale(row, bias, x)).collect();
    let code = |(w, scale): (f32, f32)| (w / scale).round_ties_even().clamp(-127.0, 127.0) as i8;
    Codes {
        weights: rows()
            .zip(&scales)
            .flat_map(|((row, _), &scale)| row.iter().map(move |&w| code((w, scale))))
            .collect(),
        bias: bias.iter().zip(&scales).map(|(&bias, &scale)| rules::bias(bias.into(), x, scale)).collect(),
        scales,
    }
}

impl Scheme {
    /// Quantises what computes on codes.
    pub fn new(layers: &Layers, quants: Quants, on_codes: &[bool]) -> Self {
        let mut simulated = layers.clone();
        let mut codes = vec![None; layers.layers.len()];
        for (at, layer) in simulated.layers.iter_mut().enumerate() {
            let x: ValueId = layer.inputs[0];
            let (true, Some(x)) = (on_codes[at], quants[x]) else { continue };
            let Some((weights, bias)) = layer.kind.filters_mut() else { continue };
            codes[at] = Some(requantise(weights, bias, x));
        }
        Self { quants, codes, simulated }
    }

    /// Gives a layer other biases.
    pub fn rebias(&mut self, at: usize, layers: &Layers) {
        let layer = &mut self.simulated.layers[at];
        let (Some(x), Some((weights, bias))) = (self.quants[layer.inputs[0]], layers.layers[at].kind.filters()) else {
            return;
        };
        let Some((simulated, simulated_bias)) = layer.kind.filters_mut() else { return };
        simulated.copy_from_slice(weights);
        simulated_bias.copy_from_slice(bias);
        self.codes[at] = Some(requantise(simulated, simulated_bias, x));
    }
}

/// Filters as codes; the numbers are replaced by what the codes stand for.
fn requantise(weights: &mut [f32], bias: &mut [f32], x: Quant) -> Codes {
    let codes = filters(weights, bias, x.scale);
    let taps = weights.len() / bias.len().max(1);
    for (at, (weight, &code)) in weights.iter_mut().zip(&codes.weights).enumerate() {
        *weight = f32::from(code) * codes.scales[at / taps];
    }
    for ((bias, &code), &scale) in bias.iter_mut().zip(&codes.bias).zip(&codes.scales) {
        *bias = (f64::from(code) * f64::from(x.scale) * f64::from(scale)) as f32;
    }
    codes
}
