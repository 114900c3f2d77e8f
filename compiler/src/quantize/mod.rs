//! Post-training static quantisation: a network of floats and some pictures become a network on 8-bit codes, as ONNX.
//!
//! The network is the compiler's own, batch norms folded and activations fused, so that whatever dialect the file is in,
//! the result is the same clean graph. `docs/quantize.md` says what each option does and what it costs.

pub mod calibrate;
mod correct;
mod equalise;
mod keep;
pub mod layers;
mod run;
pub mod scheme;
#[cfg(test)]
mod tests;
mod write;

pub use calibrate::Method;
pub use keep::KeepFloat;

use crate::Error;
use crate::diagnostic::Problem;
use crate::graph::{DType, Quant};
use crate::network::Network;
use layers::Layers;
use scheme::Scheme;

/// What the user may choose.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// How ranges follow from what the pictures give.
    pub method: Method,
    /// Whether channels are scaled so that each uses the range of its map.
    pub equalise: bool,
    /// Whether biases make up for the mean error of their channel.
    pub bias_correction: bool,
    /// The layers that are not quantised.
    pub keep_float: KeepFloat,
}

/// Is told what is under way.
pub trait Watch: Sync {
    /// So many parts of this follow.
    fn phase(&self, what: &str, parts: usize);
    /// One part is done.
    fn step(&self);
}

/// A watch that nobody reads.
pub struct Unwatched;

impl Watch for Unwatched {
    fn phase(&self, _: &str, _: usize) {}
    fn step(&self) {}
}

/// What is lost in a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// The layer.
    pub name: String,
    /// Its kind, in words.
    pub kind: &'static str,
    /// Whether it computes on codes.
    pub on_codes: bool,
    /// The power of its result in float over that of the difference that all layers up to it make, in dB.
    pub signal_to_noise: f64,
    /// The range that its codes cover.
    pub range: Option<[f32; 2]>,
}

/// A network on codes.
pub struct Quantised {
    /// The ONNX file.
    pub model: Vec<u8>,
    /// Layer by layer, what is lost.
    pub losses: Vec<Loss>,
    /// Pairs of layers that were equalised.
    pub equalised: usize,
    scheme: Scheme,
    layers: Layers,
    network: Network,
}

/// The scores of a picture by both networks, as they are before a softmax.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// By the network of floats.
    pub float: Vec<f32>,
    /// By that on codes.
    pub codes: Vec<f32>,
}

impl Scores {
    /// Whether both have the same largest score.
    pub fn agree(&self) -> bool {
        best(&self.float) == best(&self.codes)
    }
}

fn best(row: &[f32]) -> usize {
    let better = |best: usize, (at, x): (usize, &f32)| if *x > row[best] { at } else { best };
    row.iter().enumerate().fold(0, better)
}

/// Quantises a network. `images` are in the order of the network's input, one picture each.
///
/// # Errors
/// Where the network is quantised already, there are no images, or they don't have the input's size.
pub fn quantise(
    network: &Network,
    images: &[Vec<f32>],
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Quantised, Error> {
    if !matches!(network.input.dtype, DType::F32 | DType::U8 | DType::I8) {
        let problem = Problem::new("the model's input is not in float");
        let problem = problem.expected("f32, u8 or i8", network.input.dtype.name());
        return Err(problem.hint("quantise without the option ports").into());
    }
    let float = Layers::new(network)?;
    let images = prepared(network, &float, images)?;
    watch.phase("calibrating", images.len() * settings.rounds());
    let mut layers = float.clone();
    let mut equalised = 0;
    if settings.equalise {
        let mut reach = calibrate::reach(&layers, &images, &|| watch.step());
        equalised = equalise::equalise(&mut layers, &mut reach);
    }
    let ranges = calibrate::ranges(&layers, &images, settings.method, &|| watch.step());
    let input = port_codes(network, &layers);
    let given = keep::Given { layers: &layers, ranges: &ranges, input, images: &images };
    let kept = keep::kept(&given, settings, watch)?;
    let on_codes = scheme::on_codes(&layers, &kept);
    let mut scheme = Scheme::new(&layers, scheme::quants(&layers, &ranges, &on_codes, input), &on_codes);
    if settings.bias_correction {
        correct::correct(&layers, &mut scheme, &images, watch);
    }
    watch.phase("measuring", images.len());
    let losses = losses(&layers, &scheme, &on_codes, &images, watch);
    let model = write::write(network, &layers, &scheme);
    Ok(Quantised { model, losses, equalised, scheme, layers: float, network: network.clone() })
}

/// The images as `[H][W][C]`.
fn prepared(network: &Network, layers: &Layers, images: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, Error> {
    let len = layers.values[0].len();
    if images.is_empty() {
        return Err(Problem::new("there is nothing to calibrate with").expected("a picture or more", "none").into());
    }
    if let Some(image) = images.iter().find(|image| image.len() != len) {
        let problem = Problem::new("a picture does not fit the model's input");
        return Err(problem.expected(format!("{len} values"), image.len().to_string()).into());
    }
    Ok(images.iter().map(|image| run::to_hwc(image, layers, network.input.layout)).collect())
}

/// What the codes of an input of bytes stand for: themselves.
fn port_codes(network: &Network, layers: &Layers) -> Option<Quant> {
    let dtype = network.input.dtype;
    let zero = layers.shift.as_ref().and_then(|shift| shift.first()).map_or(0, |&shift| shift as i32);
    matches!(dtype, DType::U8 | DType::I8).then_some(Quant { dtype, scale: 1.0, zero })
}

fn losses(layers: &Layers, scheme: &Scheme, on_codes: &[bool], images: &[Vec<f32>], watch: &dyn Watch) -> Vec<Loss> {
    let start = || vec![[0.0_f64; 2]; layers.values.len()];
    let states = run::each(images.len(), start, |power, item| {
        let mut float = vec![Vec::new(); layers.values.len()];
        run::run(layers, None, &images[item], |id, values| float[id] = values.to_vec());
        run::run(&scheme.simulated, Some(&scheme.quants), &images[item], |id, values| {
            for (x, y) in std::mem::take(&mut float[id]).iter().zip(values) {
                let (x, y) = (f64::from(*x), f64::from(*y));
                power[id][0] += x * x;
                power[id][1] += (x - y) * (x - y);
            }
        });
        watch.step();
    });
    let power = |id: usize| {
        let sum = |part: usize| states.iter().map(|state| state[id][part]).sum::<f64>();
        10.0 * (sum(0) / sum(1)).log10()
    };
    let loss = |(layer, &on_codes): (&layers::Layer, &bool)| Loss {
        name: layer.name.clone(),
        kind: layer.kind.words(),
        on_codes,
        signal_to_noise: power(layer.output),
        range: scheme.quants[layer.output]
            .map(|quant| quant.range().map(|code| crate::quant::rules::dequantize(code.into(), quant))),
    };
    layers.layers.iter().zip(on_codes).map(loss).collect()
}

impl Quantised {
    /// The scores of an image by both networks: the values of the first output before what is done to all of them.
    pub fn scores(&self, image: &[f32]) -> Scores {
        let image = run::to_hwc(image, &self.layers, self.network.input.layout);
        Scores {
            float: outputs(&self.layers, None, &image),
            codes: outputs(&self.scheme.simulated, Some(&self.scheme.quants), &image),
        }
    }

    /// The [`scores`](Self::scores) of several images, on all processors.
    pub fn all_scores(&self, images: &[&[f32]]) -> Vec<Scores> {
        let states = run::each(images.len(), Vec::new, |done, at| done.push((at, self.scores(images[at]))));
        let mut all: Vec<(usize, Scores)> = states.into_iter().flatten().collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, scores)| scores).collect()
    }

    /// Whether the first output is a vector of scores, of which the largest is the answer.
    pub fn ranks(&self) -> bool {
        let pieces = self.layers.outputs.first().map(Vec::as_slice).unwrap_or_default();
        let [piece] = pieces else { return false };
        let value = &self.layers.values[*piece];
        (value.height, value.width) == (1, 1) && value.channels > 1
    }
}

/// The values of the first output, piece by piece.
fn outputs(layers: &Layers, quants: Option<&run::Quants>, image: &[f32]) -> Vec<f32> {
    let pieces = layers.outputs.first().cloned().unwrap_or_default();
    let mut rows = vec![Vec::new(); pieces.len()];
    run::run(layers, quants, image, |id, values| {
        for (row, _) in rows.iter_mut().zip(&pieces).filter(|(_, piece)| **piece == id) {
            *row = values.to_vec();
        }
    });
    rows.concat()
}
