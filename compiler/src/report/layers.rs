//! The layers of a network as the literature counts them.

use crate::network::blocks::{BlockKind, Part};
use crate::network::{FeatureMap, MapId, Network, Stage, StageKind};

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Index of its stage in [`Network::stages`].
    pub stage: usize,
    /// Index of its block in [`Network::blocks`], where that is one of several convolutions or a gate.
    pub block: Option<usize>,
    /// What it is in its block, such as `expansion`; empty where the label says enough.
    pub part: &'static str,
    /// What it is, such as `Conv DW 3x3`.
    pub label: String,
    /// Whether it multiplies by weights: pooling, softmax and copies don't.
    pub weighted: bool,
    /// Name of the ONNX node.
    pub name: String,
    /// The map it reads.
    pub input: FeatureMap,
    /// The map it writes.
    pub output: FeatureMap,
    /// Stride in rows and columns.
    pub stride: [usize; 2],
    /// Mult-adds per image, without biases.
    pub mult_adds: u64,
    /// Weights and biases.
    pub parameters: u64,
}

/// The layers in order.
pub fn layers(network: &Network) -> Vec<Layer> {
    let map = |id: MapId| network.maps.get(id.0 as usize).copied();
    let mut layers = Vec::new();
    for (index, stage) in network.stages.iter().enumerate() {
        if let (Some(input), Some(output)) = (stage.inputs.first().and_then(|&id| map(id)), map(stage.output)) {
            of_stage(&mut layers, network, index, stage, input, output);
        }
    }
    let of_several = |kind| matches!(kind, BlockKind::Separable | BlockKind::InvertedResidual | BlockKind::Gate);
    for (at, block) in network.blocks().iter().enumerate() {
        for layer in layers.iter_mut().filter(|layer| block.stages.contains(&layer.stage)) {
            layer.block = of_several(block.kind).then_some(at);
            layer.part = match block.kind {
                BlockKind::Separable if !block.parts.contains(&Part::Gate) => "",
                _ => block.parts[layer.stage - block.stages.start].name(),
            };
        }
    }
    layers
}

fn of_stage(
    layers: &mut Vec<Layer>,
    network: &Network,
    index: usize,
    stage: &Stage,
    input: FeatureMap,
    output: FeatureMap,
) {
    let named = |origin: &[String]| origin.first().cloned().unwrap_or_default();
    let profile = stage.kind.profile();
    let whole = Layer {
        stage: index,
        block: None,
        part: "",
        label: String::new(),
        weighted: false,
        name: named(&stage.origin),
        input,
        output,
        stride: profile.window.map_or([1, 1], |window| window.stride),
        mult_adds: 0,
        parameters: 0,
    };
    let counted = network.layers(stage).into_iter().map(|count| Layer {
        label: count.kind.to_string(),
        weighted: true,
        mult_adds: count.mult_adds,
        parameters: count.weights + count.biases,
        ..whole.clone()
    });
    let counted: Vec<Layer> = counted.collect();
    if counted.is_empty() {
        let label = match stage.kind {
            StageKind::Elementwise if stage.epilogue.add.is_some() => "Sum",
            _ => profile.label,
        };
        layers.push(Layer { label: label.to_string(), ..whole });
    }
    layers.extend(counted);
}

/// The paper's Table 2: per cent of the mult-adds and of the weights of 1.0-224, by type of layer.
/// Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
pub const PAPER: [(&str, f64, f64); 4] = [
    ("Conv 1x1", 94.86, 74.59),
    ("Conv DW 3x3", 3.06, 1.06),
    ("Conv 3x3", 1.19, 0.02),
    ("Fully Connected", 0.18, 24.33),
];
