//! What a compiled model is, from its plan: the summary that `inspect` prints as text or JSON.

mod board;
mod json;
mod layers;
mod memory;
pub mod stages;
mod survey;
pub mod table;

pub use board::Needs;
pub use layers::{Layer, layers};
pub use memory::Memory;
pub use survey::Survey;

use crate::network::{FeatureMap, Port, facts::Facts};
use crate::plan::{Plan, thousands};
use layers::PAPER;
use std::fmt;
use table::{Table, bytes, short};

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
}

impl Report {
    /// The facts of a plan.
    pub fn new(plan: &Plan) -> Self {
        let network = &plan.network;
        Self {
            name: network.name.clone(),
            input: network.input.clone(),
            flat_image: network.flat_image(),
            outputs: network.outputs.iter().map(|output| output.port.clone()).collect(),
            batch: network.batch,
            facts: network.facts(),
            weight_bytes: plan.weights.len(),
            arena_bytes: plan.arena_bytes,
            layers: layers(network),
        }
    }

    /// Whether this is the network whose figures the paper's Table 2 gives, up to the number of classes.
    fn is_paper_network(&self) -> bool {
        let depthwise = self.layers.iter().filter(|layer| layer.label == "Conv DW 3x3").count();
        self.facts.width_multiplier == Some(1.0) && self.facts.resolution == [224, 224] && depthwise == 13
    }

    fn write_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { mult_adds, parameters, width_multiplier, resolution: [height, width], .. } = &self.facts;
        let alpha = match width_multiplier {
            Some(alpha) => format!("{alpha:?}"),
            None => "none (the channel counts follow no common factor)".to_string(),
        };
        let port = |port: &Port| format!("{:?}, {} {:?}", port.name, port.dtype.name(), port.shape);
        let exact = |bytes: usize| thousands(bytes as u64);
        writeln!(f, "  width multiplier α   {alpha}")?;
        writeln!(f, "  resolution           {height} x {width}")?;
        writeln!(f, "  mult-adds            {} ({}) per image", short(*mult_adds), thousands(*mult_adds))?;
        writeln!(f, "  parameters           {} ({})", short(*parameters), thousands(*parameters))?;
        writeln!(
            f,
            "  weights              {} ({} bytes, packed)",
            bytes(self.weight_bytes),
            exact(self.weight_bytes)
        )?;
        writeln!(f, "  arena                {} ({} bytes)", bytes(self.arena_bytes), exact(self.arena_bytes))?;
        let image = self.flat_image.as_ref().map(|image| format!(": {image}")).unwrap_or_default();
        writeln!(f, "  input                {} {}{image}", port(&self.input), self.input.axes())?;
        for (at, output) in self.outputs.iter().enumerate() {
            writeln!(f, "  {:<20} {}", if at == 0 { "output" } else { "" }, port(output))?;
        }
        if self.batch != 1 {
            writeln!(f, "  batch                {} images, one after the other in one arena", self.batch)?;
        }
        Ok(())
    }

    fn write_layers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(&["layer", "stride", ">input", ">output", ">mult-adds", ">%", ">parameters", "ONNX node"]);
        let mut block = None;
        for layer in &self.layers {
            let shape = |map: &FeatureMap| format!("{}x{}x{}", map.height, map.width, map.channels);
            // What follows the first layer of a block hangs below it.
            let hook = if layer.block.is_some() && block == layer.block { "└ " } else { "" };
            let space = if layer.part.is_empty() { "" } else { " " };
            let stride = match layer.stride {
                [1, 1] => String::new(),
                [rows, columns] if rows == columns => format!("s{rows}"),
                [rows, columns] => format!("s{rows}x{columns}"),
            };
            let (mut mult_adds, mut percent, mut parameters) = (String::new(), String::new(), String::new());
            if layer.weighted {
                mult_adds = thousands(layer.mult_adds);
                percent = format!("{:.2}", 100.0 * layer.mult_adds as f64 / self.facts.mult_adds.max(1) as f64);
                parameters = thousands(layer.parameters);
            }
            table.row([
                format!("{hook}{}{space}{}", layer.label, layer.part),
                stride,
                shape(&layer.input),
                shape(&layer.output),
                mult_adds,
                percent,
                parameters,
                shortened(&layer.name),
            ]);
            block = layer.block;
        }
        write!(f, "{table}")
    }

    fn write_shares(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paper = self.is_paper_network();
        let mut table = match paper {
            true => Table::new(&["layer type", ">% of mult-adds", ">paper", ">% of weights", ">paper"]),
            false => Table::new(&["layer type", ">% of mult-adds", ">% of weights"]),
        };
        let percent = |share: f64| format!("{share:.2}");
        for of_type in &self.facts.layer_types {
            let (mult_adds, weights) =
                (percent(100.0 * of_type.mult_adds_share), percent(100.0 * of_type.weights_share));
            let name = of_type.name.clone();
            match PAPER.iter().find(|(theirs, ..)| paper && *theirs == name) {
                Some((_, m, w)) => table.row([name, mult_adds, percent(*m), weights, percent(*w)]),
                None => table.row([name, mult_adds, weights]),
            }
        }
        write!(f, "{table}")?;
        if paper {
            f.write_str(&self.paper_notes())?;
        }
        Ok(())
    }

    /// Why the shares differ from the paper's.
    fn paper_notes(&self) -> String {
        let mut notes = String::from(
            "\n  \"paper\" is Table 2 of arXiv 1704.04861. Differences to expect:\n  \
             - It prints 1.19 % for the 3x3 convolution; 112 x 112 x 32 x 27 of 568,740,352 mult-adds are 1.91 %, and only\n    \
             with that do its shares add up to 100.\n",
        );
        let classes = self.outputs.first().map_or(0, |output| output.shape.iter().skip(1).product::<usize>());
        if classes != 1000 {
            notes.push_str(&format!("  - It has 1000 classes, this model {classes}.\n"));
        }
        notes
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_summary(f)?;
        writeln!(f)?;
        self.write_layers(f)?;
        writeln!(f)?;
        self.write_shares(f)
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
