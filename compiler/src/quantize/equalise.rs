//! Cross-layer equalisation: channels of a map that use little of its range are scaled up in front of it, down behind it.
//!
//! A positive factor commutes with ReLU, with pools and with every convolution, but not with the cap of ReLU6. So a channel
//! that reaches the cap on any calibration picture keeps its scale, and no other is scaled beyond where the cap is: on these
//! pictures the network in float computes the same as before.

use super::calibrate::Reach;
use super::layers::{LayerKind, Layers};

/// How far beyond what was seen of it a channel may go on other pictures before its codes end.
const HEADROOM: f32 = 1.25;

/// Factors are at most this, and at least one over it.
const MOST: f32 = 256.0;

/// Two layers with filters, and what only passes values on between them.
struct Pair {
    front: usize,
    back: usize,
}

/// Equalises all pairs of layers in order and returns how many there were. `reach` is that of the layers as they come.
pub fn equalise(layers: &mut Layers, reach: &mut Reach) -> usize {
    let pairs: Vec<Pair> = (0..layers.layers.len()).filter_map(|front| pair(layers, front)).collect();
    for pair in &pairs {
        let id = layers.layers[pair.front].output;
        let factors = factors(layers, pair, &reach.channels[id]);
        scale(layers, pair, &factors);
        reach.channels[id].iter_mut().zip(&factors).for_each(|(reach, factor)| *reach *= factor);
    }
    pairs.len()
}

/// The layer whose input channels take over what the output channels of another are scaled by.
fn pair(layers: &Layers, front: usize) -> Option<Pair> {
    let layer = &layers.layers[front];
    layer.kind.filters()?;
    let [lo, hi] = layer.clamp;
    if !(lo == 0.0 || lo == f32::NEG_INFINITY) || hi <= 0.0 {
        return None;
    }
    let mut value = layer.output;
    loop {
        let mut readers = layers.layers.iter().enumerate().filter(|(_, layer)| layer.inputs.contains(&value));
        let (Some((back, reader)), None, false) = (readers.next(), readers.next(), layers.is_output(value)) else {
            return None;
        };
        let free = reader.clamp == super::layers::FREE;
        match &reader.kind {
            LayerKind::Conv { pads, .. } if pads.is_empty() => return Some(Pair { front, back }),
            LayerKind::Dense { .. } => return Some(Pair { front, back }),
            LayerKind::MaxPool(_) | LayerKind::AveragePool { .. } | LayerKind::GlobalAveragePool if free => {
                value = reader.output;
            }
            _ => return None,
        }
    }
}

/// The channel of the input that each tap of each filter reads: `(filter, tap) -> channel`.
fn channel_of(layers: &Layers, back: usize) -> impl Fn(usize, usize) -> usize + use<> {
    let layer = &layers.layers[back];
    let channels = layers.values[layer.inputs[0]].channels;
    let (groups, area, filters) = match &layer.kind {
        LayerKind::Conv { window, groups, bias, .. } => (*groups, window.kernel[0] * window.kernel[1], bias.len()),
        _ => (0, 1, 0),
    };
    move |filter, tap| match groups {
        0 => tap % channels,
        groups => filter / (filters / groups) * (channels / groups) + tap / area,
    }
}

fn factors(layers: &Layers, pair: &Pair, reach: &[f32]) -> Vec<f32> {
    let [_, cap] = layers.layers[pair.front].clamp;
    let most = reach.iter().copied().fold(0.0_f32, f32::max);
    let weights = relative(layers, pair.back, reach.len());
    // In a depthwise layer each channel has a scale of its own, so that nothing is lost there.
    let alone = matches!(&layers.layers[pair.back].kind, LayerKind::Conv { groups, .. } if *groups == reach.len());
    let factor = |(&reach, &weight): (&f32, &f32)| {
        if reach <= 0.0 || weight <= 0.0 || reach >= cap {
            return 1.0;
        }
        let room = most / reach;
        let wanted = if alone { room / HEADROOM } else { (weight * room).sqrt() };
        wanted.min(room / HEADROOM).max(if alone { 1.0 } else { 1.0 / MOST }).clamp(1.0 / MOST, MOST)
    };
    let mut factors: Vec<f32> = reach.iter().zip(&weights).map(factor).collect();
    if cap.is_finite() {
        factors
            .iter_mut()
            .zip(reach)
            .for_each(|(factor, reach)| *factor = factor.min(cap / reach.max(f32::MIN_POSITIVE)));
    }
    factors
}

/// The largest weight that each channel meets, as a share of the largest of its filter.
fn relative(layers: &Layers, back: usize, channels: usize) -> Vec<f32> {
    let mut most = vec![0.0_f32; channels];
    let channel = channel_of(layers, back);
    let Some((weights, bias)) = layers.layers[back].kind.filters() else { return most };
    for (filter, row) in weights.chunks((weights.len() / bias.len().max(1)).max(1)).enumerate() {
        let largest = row.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        for (tap, w) in row.iter().enumerate().filter(|_| largest > 0.0) {
            let most = &mut most[channel(filter, tap)];
            *most = most.max(w.abs() / largest);
        }
    }
    most
}

fn scale(layers: &mut Layers, pair: &Pair, factors: &[f32]) {
    let channel = channel_of(layers, pair.back);
    if let Some((weights, bias)) = layers.layers[pair.front].kind.filters_mut() {
        let taps = weights.len() / bias.len().max(1);
        weights.iter_mut().enumerate().for_each(|(at, w)| *w *= factors[at / taps]);
        bias.iter_mut().zip(factors).for_each(|(bias, factor)| *bias *= factor);
    }
    if let Some((weights, bias)) = layers.layers[pair.back].kind.filters_mut() {
        let taps = weights.len() / bias.len().max(1);
        weights.iter_mut().enumerate().for_each(|(at, w)| *w /= factors[channel(at / taps, at % taps)]);
    }
}
