//! What a compiled model is, from its plan: one model, printed as text, as JSON and as a page.

mod arena;
mod board;
pub mod html;
mod json;
mod layers;
mod measured;
mod memory;
pub mod stages;
mod steps;
mod survey;
pub mod table;
mod text;
mod warnings;

pub use arena::{Buffer, Holds};
pub use board::Needs;
pub use layers::{Layer, layers};
pub use measured::Measured;
pub use memory::Memory;
pub use steps::Step;
pub use survey::Survey;
pub use warnings::{Warning, WarningKind};

use crate::network::{Port, facts::Facts, facts::LayerType};
use crate::plan::Plan;
use layers::PAPER;
use std::time::Duration;

/// The facts of a compiled model.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The ONNX graph's name.
    pub name: String,
    /// The model's input.
    pub input: Port,
    /// The image that an input of other than four axes holds.
    pub flat_image: Option<String>,
    /// The model's outputs.
    pub outputs: Vec<Port>,
    /// Images per inference.
    pub batch: usize,
    /// Counts, width and resolution.
    pub facts: Facts,
    /// Size of the packed weights.
    pub weight_bytes: usize,
    /// Size of the arena.
    pub arena_bytes: usize,
    /// The layers in order.
    pub layers: Vec<Layer>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// What lies in the arena, and when.
    pub buffers: Vec<Buffer>,
    /// What is not as it should be.
    pub warnings: Vec<Warning>,
    /// How long the steps took, where that was asked.
    pub measured: Option<Measured>,
}

impl Report {
    /// The facts of a plan.
    pub fn new(plan: &Plan) -> Self {
        let network = &plan.network;
        let layers = layers(plan);
        Self {
            name: network.name.clone(),
            input: network.input.clone(),
            flat_image: network.flat_image(),
            outputs: network.outputs.iter().map(|output| output.port.clone()).collect(),
            batch: network.batch,
            facts: network.facts(),
            weight_bytes: plan.weights.len(),
            arena_bytes: plan.arena_bytes,
            steps: steps::steps(plan, &layers),
            buffers: arena::buffers(plan),
            warnings: warnings::warnings(network, &layers),
            layers,
            measured: None,
        }
    }

    /// Whether this is the network whose figures the paper's Table 2 gives, up to the number of classes.
    fn is_paper_network(&self) -> bool {
        let depthwise = self.layers.iter().filter(|layer| layer.label == "Conv DW 3x3").count();
        self.facts.width_multiplier == Some(1.0) && self.facts.resolution == [224, 224] && depthwise == 13
    }

    /// The paper's shares of a type of layer, in per cent of mult-adds and of weights, where this is the paper's network.
    pub fn paper_share(&self, of_type: &LayerType) -> Option<(f64, f64)> {
        let paper = PAPER.iter().filter(|_| self.is_paper_network());
        paper.into_iter().find(|(name, ..)| *name == of_type.name).map(|&(_, mult_adds, weights)| (mult_adds, weights))
    }

    /// How long a step took, beside what it is to be compared with.
    fn time(&self, step: usize) -> Option<(&Measured, Duration)> {
        let measured = self.measured.as_ref()?;
        Some((measured, *measured.steps.get(step)?))
    }

    /// Why the shares differ from the paper's.
    pub fn paper_notes(&self) -> Vec<String> {
        if !self.is_paper_network() {
            return Vec::new();
        }
        let mut notes = vec![
            "It prints 1.19 % for the 3x3 convolution; 112 x 112 x 32 x 27 of 568,740,352 mult-adds are 1.91 %, and only \
             with that do its shares add up to 100."
                .to_string(),
        ];
        let classes = self.outputs.first().map_or(0, |output| output.shape.iter().skip(1).product::<usize>());
        if classes != 1000 {
            notes.push(format!("It has 1000 classes, this model {classes}."));
        }
        notes
    }
}

/// A name on one line, its end left out where it is long.
pub fn shortened(name: &str) -> String {
    let escaped = name.escape_debug().to_string();
    match escaped.char_indices().nth(48) {
        Some((end, _)) => format!("{}...", &escaped[..end]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{CostModel, plan, testing};

    fn report(alpha: f64, classes: usize) -> Report {
        Report::new(&plan(testing::mobilenet_v1(alpha, 224, classes), &CostModel::default()).expect("a plan"))
    }

    #[test]
    fn the_paper_s_network_is_compared_with_the_paper() {
        let text = report(1.0, 1001).to_string();
        for needle in
            ["α   1.0", "224 x 224", "569 M (568,741,376)", "4.2 M", "94.86  94.86", "1.91   1.19", "this model 1001"]
        {
            assert!(text.contains(needle), "{needle}\n{text}");
        }
        assert!(!report(1.0, 1000).to_string().contains("this model"));
        assert!(!report(0.5, 1000).to_string().contains("paper"));
    }

    #[test]
    fn layers_add_up() {
        let report = report(0.25, 10);
        let sum = |count: fn(&Layer) -> u64| report.layers.iter().map(count).sum::<u64>();
        assert_eq!(sum(|layer| layer.mult_adds), report.facts.mult_adds);
        assert_eq!(sum(|layer| layer.parameters), report.facts.parameters);
        assert_eq!(report.layers.iter().filter(|layer| layer.weighted).count(), 28);
        let json = report.to_json();
        assert_eq!(json["width_multiplier"], 0.25);
        assert_eq!(json["layers"].as_array().map(Vec::len), Some(report.layers.len()));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(shortened("a\nb"), "a\\nb");
        assert_eq!(shortened(&"ж".repeat(60)), format!("{}...", "ж".repeat(48)));
    }
}
