//! Bias correction: what the rounding of weights and of earlier layers shifts a channel's mean by goes into its bias.
//!
//! Layer by layer, so that each sees the corrected codes of those in front of it.

use super::layers::Layers;
use super::run;
use super::scheme::Scheme;

/// Bytes that the maps of all pictures may take together.
const MEMORY: usize = 384 << 20;

/// Corrects the biases of a scheme over as many images as fit. `layers` has the numbers of the network in float; its biases are
/// left as they are.
pub fn correct(layers: &Layers, scheme: &mut Scheme, images: &[Vec<f32>], watch: &dyn super::Watch) {
    let largest = layers.values.iter().map(super::layers::Value::len).max().unwrap_or(1);
    // Two maps in front of a layer and two behind, in f32, and as many that wait to be added.
    let count = images.len().min((MEMORY / (24 * largest)).max(1));
    watch.phase("correcting biases", layers.layers.len());
    let mut corrected = layers.clone();
    let mut last = vec![0; layers.values.len()];
    for (at, layer) in layers.layers.iter().enumerate() {
        layer.inputs.iter().for_each(|&input| last[input] = at);
    }
    let mut held: Vec<[Vec<Vec<f32>>; 2]> = Vec::new();
    for at in 0..count {
        // A sample over all of them, where not all fit.
        let image = &images[at * images.len() / count];
        let mut rounded = image.clone();
        run::round(&mut rounded, scheme.quants[0]);
        let values = || vec![Vec::new(); layers.values.len()];
        let mut both = [values(), values()];
        both[0][0].clone_from(image);
        both[1][0] = rounded;
        held.push(both);
    }
    for (at, layer) in layers.layers.iter().enumerate() {
        let states = run::each(count, Vec::new, |results, item| {
            let [float, codes] = &held[item];
            let x = run::compute(layers, layer, |id| &float[id]);
            let y = run::compute(&scheme.simulated, &scheme.simulated.layers[at], |id| &codes[id]);
            results.push((item, x, y));
        });
        let mut results: Vec<_> = states.into_iter().flatten().collect();
        if scheme.codes[at].is_some() {
            let shift = shift(&results, layers.values[layer.output].channels);
            if let Some((_, bias)) = corrected.layers[at].kind.filters_mut() {
                bias.iter_mut().zip(&shift).for_each(|(bias, shift)| *bias -= *shift as f32);
            }
            let before = biases(scheme, at);
            scheme.rebias(at, &corrected);
            let moved: Vec<f32> =
                biases(scheme, at).iter().zip(&before).map(|(after, before)| after - before).collect();
            for (_, _, codes) in &mut results {
                codes.iter_mut().enumerate().for_each(|(at, y)| *y += moved[at % moved.len()]);
            }
        }
        for (item, mut x, mut y) in results {
            run::finish(&mut x, layer, None);
            run::finish(&mut y, layer, Some(&scheme.quants));
            let [float, codes] = &mut held[item];
            (float[layer.output], codes[layer.output]) = (x, y);
            for &input in layer.inputs.iter().filter(|&&input| last[input] == at) {
                (float[input], codes[input]) = (Vec::new(), Vec::new());
            }
        }
        watch.step();
    }
}

fn biases(scheme: &Scheme, at: usize) -> Vec<f32> {
    scheme.simulated.layers[at].kind.filters().map_or(Vec::new(), |(_, bias)| bias.to_vec())
}

/// By how much the codes' mean lies above that of the numbers, per channel.
fn shift(results: &[(usize, Vec<f32>, Vec<f32>)], channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0_f64; channels];
    let mut count = 0;
    for (_, x, y) in results {
        for (at, (x, y)) in x.iter().zip(y).enumerate() {
            sums[at % channels] += f64::from(*y) - f64::from(*x);
        }
        count += x.len() / channels.max(1);
    }
    sums.iter().map(|sum| sum / count.max(1) as f64).collect()
}
