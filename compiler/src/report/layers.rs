//! The layers of a network as the literature counts them.

use crate::network::blocks::{BlockKind, Part};
use crate::network::{FeatureMap, MapId, Network, Stage, StageKind};
use crate::plan::{Op, Plan};
use std::ops::Range;

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
    /// Index of the step that computes it in [`Plan::steps`]; none of what happens on the way in.
    pub step: Option<usize>,
    /// Its part of the packed weights, tables included, up to where the next one's begins.
    pub weight_bytes: usize,
    /// Values of the map that it writes, without padding lanes.
    pub activation_bytes: usize,
    /// Names of all ONNX nodes that became this layer.
    pub origin: Vec<String>,
    /// What happens to each value before it is stored, such as `+ residual relu6`.
    pub epilogue: String,
    /// Why it is what it is.
    pub note: String,
    /// Why it is computed as it is.
    pub reason: String,
    /// Zeros around its input: above, left, below, right.
    pub pads: [i64; 4],
}

impl Layer {
    /// What it is and what it is in its block.
    pub fn title(&self) -> String {
        let space = if self.part.is_empty() { "" } else { " " };
        format!("{}{space}{}", self.label, self.part)
    }

    /// `s2` for a stride of 2; nothing for 1.
    pub fn stride_text(&self) -> String {
        match self.stride {
            [1, 1] => String::new(),
            [rows, columns] if rows == columns => format!("s{rows}"),
            [rows, columns] => format!("s{rows}x{columns}"),
        }
    }
}

/// The layers in order.
pub fn layers(plan: &Plan) -> Vec<Layer> {
    let network = &plan.network;
    let weights = weight_bytes(plan);
    let map = |id: MapId| network.maps.get(id.0 as usize).copied();
    let mut layers = Vec::new();
    for (index, stage) in network.stages.iter().enumerate() {
        if let (Some(input), Some(output)) = (stage.inputs.first().and_then(|&id| map(id)), map(stage.output)) {
            of_stage(&mut layers, network, index, stage, input, output);
        }
    }
    for layer in &mut layers {
        let computes = |step: &crate::plan::Step| {
            let links = step.op.links();
            step.stage == layer.stage || links.iter().any(|link| link.stage == layer.stage)
        };
        layer.step = plan.steps.iter().position(computes);
        layer.weight_bytes = weights.get(layer.stage).copied().unwrap_or_default();
        let mut links = plan.links().filter(|link| link.stage == layer.stage);
        layer.reason = links.find(|link| !link.reason.is_empty()).map(|link| link.reason.clone()).unwrap_or_default();
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
        step: None,
        weight_bytes: 0,
        activation_bytes: output.height * output.width * output.channels * output.element.bytes(),
        origin: stage.origin.clone(),
        epilogue: stage.epilogue.to_string().trim_start().to_owned(),
        note: stage.note.clone(),
        reason: String::new(),
        pads: profile.window.map_or([0; 4], |window| window.pads),
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

/// Bytes of the packed weights by stage. Sections lie behind each other; each ends where the next one begins.
fn weight_bytes(plan: &Plan) -> Vec<usize> {
    let mut sections: Vec<(usize, usize)> = Vec::new();
    for step in &plan.steps {
        for link in step.op.links() {
            let table = link.codes.and_then(|codes| codes.table);
            let own = link.weights.into_iter().chain(link.epilogue.slopes).chain(link.epilogue.affine).chain(table);
            sections.extend(own.map(|start| (start, link.stage)));
        }
        if let Op::Dense { weights, epilogue, .. } = &step.op {
            let own = [Some(*weights), epilogue.slopes, epilogue.affine];
            sections.extend(own.into_iter().flatten().map(|start| (start, step.stage)));
        }
    }
    sections.sort_unstable();
    sections.dedup_by_key(|(start, _)| *start);
    let mut bytes = vec![0; plan.network.stages.len()];
    let ends = sections.iter().skip(1).map(|&(start, _)| start).chain([plan.weights.len()]);
    for (Range { start, end }, stage) in sections.iter().zip(ends).map(|(&(start, stage), end)| (start..end, stage)) {
        bytes[stage] += end - start;
    }
    bytes
}

/// Where [`PAPER`] stands.
pub const PAPER_TABLE: &str = "Table 2 of arXiv 1704.04861";

/// The paper's Table 2: per cent of the mult-adds and of the weights of 1.0-224, by type of layer.
/// Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
pub const PAPER: [(&str, f64, f64); 4] = [
    ("Conv 1x1", 94.86, 74.59),
    ("Conv DW 3x3", 3.06, 1.06),
    ("Conv 3x3", 1.19, 0.02),
    ("Fully Connected", 0.18, 24.33),
];
