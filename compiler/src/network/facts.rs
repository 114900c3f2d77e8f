//! What reports say about a network: mult-adds, parameters, width multiplier, resolution.
//!
//! Counts are for one image. *Mult-adds* are those of convolutions and fully connected layers without biases, as in the
//! MobileNets paper (arXiv 1704.04861, section 3.1): a window's taps count where they fall on padding, too.
//! *Parameters* are weights and biases after folding.

use super::{FeatureMap, Network, Over, Stage};
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
    /// Width multiplier α; `None` where the channel counts follow no common factor of MobileNet's.
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
            width_multiplier: self.width_multiplier(),
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
        let profile = stage.kind.profile();
        let kernel = profile.window.map_or([1; 2], |window| window.kernel);
        let filters = profile.filters.map(|filters| {
            let kind = match filters.over {
                Over::Channel => Kind::Depthwise(kernel),
                Over::Group(_) if kernel == [1; 2] => Kind::Pointwise,
                Over::Group(_) => Kind::Conv(kernel),
                Over::Map => Kind::Dense,
            };
            let [weights, biases] = filters.values.lens().map(|len| len as u64);
            Layer { kind, mult_adds: weights * (height * width) as u64, weights, biases }
        });
        filters.into_iter().collect()
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
