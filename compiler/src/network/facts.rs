//! What reports say about a network: mult-adds, parameters, width multiplier, resolution.
//!
//! Counts are for one image. *Mult-adds* are those of convolutions and fully connected layers without biases, as in the
//! MobileNets paper (arXiv 1704.04861, section 3.1): a window's taps count where they fall on padding, too.
//! *Parameters* are weights and biases after folding.

use super::{Conv, Depthwise, FeatureMap, Network, Pointwise, Stage, StageKind};
use std::fmt;

/// Facts about a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Mult-adds per image.
    pub mult_adds: u64,
    /// Weights and biases.
    pub parameters: u64,
    /// Weights alone.
    pub weights: u64,
    /// Width multiplier α; `None` where the channel counts follow no common factor of MobileNet V1's.
    pub width_multiplier: Option<f64>,
    /// Input height and width.
    pub resolution: [usize; 2],
    /// One entry per stage of the network.
    pub stages: Vec<StageFacts>,
    /// Shares by layer type, in the order of the paper's table 2.
    pub layer_types: Vec<LayerType>,
}

/// Facts about one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageFacts {
    /// Mult-adds per image.
    pub mult_adds: u64,
    /// Weights and biases.
    pub parameters: u64,
}

/// The share of a layer type.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerType {
    /// Name as in the paper's table 2, such as `Conv DW 3x3`.
    pub name: String,
    /// Mult-adds per image.
    pub mult_adds: u64,
    /// Weights without biases, as the paper counts them.
    pub weights: u64,
    /// Share of all mult-adds, 0 to 1.
    pub mult_adds_share: f64,
    /// Share of all weights, 0 to 1.
    pub weights_share: f64,
}

/// One convolution or fully connected layer.
pub(crate) struct Layer {
    pub kind: Kind,
    pub mult_adds: u64,
    pub weights: u64,
    pub biases: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pointwise,
    Depthwise([usize; 2]),
    Conv([usize; 2]),
    Dense,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointwise => f.write_str("Conv 1x1"),
            Self::Depthwise([h, w]) => write!(f, "Conv DW {h}x{w}"),
            Self::Conv([h, w]) => write!(f, "Conv {h}x{w}"),
            Self::Dense => f.write_str("Fully Connected"),
        }
    }
}

impl Network {
    /// Counts what there is to count.
    pub fn facts(&self) -> Facts {
        let layers: Vec<Vec<Layer>> = self.stages.iter().map(|stage| self.layers(stage)).collect();
        let stages: Vec<StageFacts> = layers
            .iter()
            .map(|layers| StageFacts {
                mult_adds: layers.iter().map(|layer| layer.mult_adds).sum(),
                parameters: layers.iter().map(|layer| layer.weights + layer.biases).sum(),
            })
            .collect();
        let layers: Vec<Layer> = layers.into_iter().flatten().collect();
        let mult_adds = layers.iter().map(|layer| layer.mult_adds).sum();
        let weights = layers.iter().map(|layer| layer.weights).sum();
        let input = self.maps[self.input_map.0 as usize];
        Facts {
            mult_adds,
            parameters: stages.iter().map(|stage| stage.parameters).sum(),
            weights,
            width_multiplier: width_multiplier(&self.channels()),
            resolution: [input.height, input.width],
            stages,
            layer_types: layer_types(&layers, mult_adds, weights),
        }
    }

    /// Mult-adds per image.
    pub fn mult_adds(&self) -> u64 {
        self.stages.iter().flat_map(|stage| self.layers(stage)).map(|layer| layer.mult_adds).sum()
    }

    /// The layers of a stage: none of one without weights.
    pub(crate) fn layers(&self, stage: &Stage) -> Vec<Layer> {
        let FeatureMap { height, width, .. } = self.maps[stage.output.0 as usize];
        let pixels = (height * width) as u64;
        let layer = |kind, weights: usize, biases: usize, pixels| Layer {
            kind,
            mult_adds: weights as u64 * pixels,
            weights: weights as u64,
            biases: biases as u64,
        };
        let conv = |conv: &Conv| {
            let kind = if conv.window.kernel == [1, 1] { Kind::Pointwise } else { Kind::Conv(conv.window.kernel) };
            layer(kind, conv.weights.len(), conv.bias.len(), pixels)
        };
        let depthwise =
            |dw: &Depthwise| layer(Kind::Depthwise(dw.window.kernel), dw.weights.len(), dw.bias.len(), pixels);
        let pointwise = |pw: &Pointwise| layer(Kind::Pointwise, pw.weights.len(), pw.bias.len(), pixels);
        match &stage.kind {
            StageKind::Stem(body) | StageKind::Conv(body) => vec![conv(body)],
            StageKind::Depthwise(dw) => vec![depthwise(dw)],
            StageKind::Pointwise(pw) => vec![pointwise(pw)],
            StageKind::Dense(dense) => vec![layer(Kind::Dense, dense.weights.len(), dense.bias.len(), 1)],
            _ => vec![],
        }
    }

    /// Channels of the convolutions' results, depthwise ones aside.
    fn channels(&self) -> Vec<usize> {
        let is = |stage: &&Stage| {
            use StageKind::{Conv, Pointwise, Stem};
            matches!(stage.kind, Stem(_) | Conv(_) | Pointwise(_))
        };
        self.stages.iter().filter(is).map(|stage| self.maps[stage.output.0 as usize].channels).collect()
    }
}

fn layer_types(layers: &[Layer], mult_adds: u64, weights: u64) -> Vec<LayerType> {
    let mut kinds: Vec<Kind> = layers.iter().map(|layer| layer.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let of_kind = |kind: Kind| {
        let of = || layers.iter().filter(move |layer| layer.kind == kind);
        let (ops, count) = (of().map(|l| l.mult_adds).sum(), of().map(|l| l.weights).sum());
        LayerType {
            name: kind.to_string(),
            mult_adds: ops,
            weights: count,
            mult_adds_share: share(ops, mult_adds),
            weights_share: share(count, weights),
        }
    };
    kinds.into_iter().map(of_kind).collect()
}

/// The channels of MobileNet V1, first convolution and pointwise ones; a width keeps the pattern of first, same and double.
const FIRST: usize = 32;
const LAST: usize = 1024;
/// Convolutions of V1, depthwise ones aside.
const FULL: usize = 14;

/// The α for which channels are V1's times α: 32, 64, and from there each the same as the one before or double, up to
/// 1024, rounded down or to nearest. Nets may be shorter or longer than V1's 14 convolutions; those no shorter may also
/// have at least 8 channels, or multiples of 8, everywhere (in short ones that would fit almost anything).
fn width_multiplier(channels: &[usize]) -> Option<f64> {
    let first = *channels.first()?;
    if channels.len() < 2 {
        return None;
    }
    let mut candidates: Vec<f64> = Vec::new();
    for denominator in [4u32, 8, 20, 100] {
        for numerator in 1..=4 * denominator {
            candidates.push(f64::from(numerator) / f64::from(denominator));
        }
    }
    let ratio = |alpha: &f64| (first as f64 - FIRST as f64 * alpha).abs() <= 8.0;
    candidates.into_iter().filter(ratio).find(|&alpha| {
        let roundings: [fn(f64) -> usize; 4] =
            [|c| c as usize, |c| c.round() as usize, |c| (c as usize).max(8), |c| divisible_by_8(c)];
        let exact = if channels.len() < FULL { 2 } else { 4 };
        roundings.iter().take(exact).any(|round| follows(channels, |base| round(base as f64 * alpha)))
    })
}

/// Rounds to a multiple of 8, never below 8 or by more than a tenth down.
fn divisible_by_8(channels: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

fn follows(channels: &[usize], width: impl Fn(usize) -> usize) -> bool {
    let [first, second, rest @ ..] = channels else { return false };
    if *first != width(FIRST) || *second != width(2 * FIRST) {
        return false;
    }
    let mut base = 2 * FIRST;
    rest.iter().all(|&c| {
        if c != width(base) && base < LAST {
            base *= 2;
        }
        c == width(base)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(round: impl Fn(f64) -> usize, alpha: f64) -> Vec<usize> {
        let base = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
        base.iter().map(|&c| round(f64::from(c) * alpha)).collect()
    }

    #[test]
    fn widths_of_v1() {
        for alpha in [1.0, 0.75, 0.5, 0.25, 1.5, 2.0, 0.125] {
            assert_eq!(width_multiplier(&v1(|c| c as usize, alpha)), Some(alpha));
            assert_eq!(width_multiplier(&v1(|c| (c as usize).max(8), alpha)), Some(alpha), "{alpha}");
        }
        assert_eq!(width_multiplier(&v1(|c| c as usize, 0.35)), Some(0.35));
        assert_eq!(width_multiplier(&v1(|c| c.round() as usize, 1.4)), Some(1.4));
        assert_eq!(width_multiplier(&v1(divisible_by_8, 0.1)), Some(0.1));
    }

    #[test]
    fn shorter_nets_have_a_width_and_others_none() {
        assert_eq!(width_multiplier(&[8, 16, 32, 32, 64]), Some(0.25));
        assert_eq!(width_multiplier(&[8, 16, 24, 40]), None);
        assert_eq!(width_multiplier(&[3, 3, 5]), None);
        assert_eq!(width_multiplier(&[16]), None);
        assert_eq!(width_multiplier(&[]), None);
    }
}
