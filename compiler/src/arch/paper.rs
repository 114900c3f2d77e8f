//! The tables of arXiv 1704.04861, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", computed
//! from graphs: what `docs/paper.md` says.

use super::{Arch, Spec};
use crate::network::{FeatureMap, Network};
use crate::onnx::Model;
use crate::plan::{self, CostModel, Plan, thousands};
use crate::report::{Survey, layers};
use crate::{Error, Options, recognise};
use std::fmt::Write;

const HEAD: &str = "\
# The paper's tables, computed

Source: A. G. Howard and others, \"MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications\",
[arXiv 1704.04861](https://arxiv.org/abs/1704.04861). Each number beside the paper's is counted on the graph of a network that
`mobilenetc new` writes. `cargo run -p xtask -- paper` prints this page, and a test compares them.

*Mult-adds* are those of convolutions and dense layers for one image, without biases; taps that fall on padding count.
*Parameters* are weights and biases with batch norm folded.

## Costs of a layer

K is the kernel's size, C_in and C_out are channels, F the rows and columns of the output (section 3.1 writes D_K, M, N, D_F).

| | mult-adds |
|---|---|
| standard convolution | K² C_in C_out F² |
| depthwise separable | K² C_in F² + C_in C_out F² |
| their ratio | 1/C_out + 1/K² |
| with α and ρ (section 3.4) | K² αC_in (ρF)² + αC_in αC_out (ρF)² |

";

/// A layer's numbers in the formulas of section 3.
#[derive(Clone, Copy)]
struct Layer {
    kernel: f64,
    inputs: f64,
    outputs: f64,
    size: f64,
}

impl Layer {
    /// K² C_in C_out F² (equation 2), and the weights: K² C_in C_out.
    fn standard(self) -> [f64; 2] {
        let weights = self.kernel.powi(2) * self.inputs * self.outputs;
        [weights * self.size.powi(2), weights]
    }

    /// K² C_in F² + C_in C_out F² (equation 5), and the weights.
    fn separable(self) -> [f64; 2] {
        let weights = self.kernel.powi(2) * self.inputs + self.inputs * self.outputs;
        [weights * self.size.powi(2), weights]
    }

    /// α C_in, α C_out and ρ F in their places (equations 6 and 7).
    fn times(self, alpha: f64, rho: f64) -> Self {
        Self { inputs: alpha * self.inputs, outputs: alpha * self.outputs, size: rho * self.size, ..self }
    }
}

/// What is counted on a graph.
struct Count {
    mult_adds: u64,
    /// Mult-adds of dense layers.
    dense: u64,
    parameters: u64,
}

/// The page.
///
/// # Errors
///
/// A network that can't be drawn, read or recognised, which none of these is.
pub fn page() -> Result<String, Error> {
    let v1 = model(Spec::new(Arch::MobileNetV1))?;
    let at = |resolution: usize| recognise(&v1, &Options { resolution: Some([resolution; 2]), ..Options::default() });
    let full = at(224)?;
    let mut page = HEAD.to_string();
    body(&mut page, &plan::plan(full.clone(), &CostModel::default())?);
    shares(&mut page, &full);
    layer_by_layer(&mut page);
    standard_and_shallow(&mut page, &full)?;
    widths(&mut page, &full)?;
    resolutions(&mut page, &at)?;
    peers(&mut page, &full)?;
    Ok(page)
}

fn model(spec: Spec) -> Result<Model, Error> {
    Model::decode(spec.author()?.to_bytes(), None)
}

fn network(spec: Spec) -> Result<Network, Error> {
    recognise(&model(spec)?, &Options::default())
}

fn count(network: &Network) -> Count {
    let facts = network.facts();
    let dense = facts.layer_types.iter().filter(|of_type| of_type.name == "Fully Connected");
    Count {
        mult_adds: facts.mult_adds,
        dense: dense.map(|of_type| of_type.mult_adds).sum(),
        parameters: facts.parameters,
    }
}

fn millions(n: f64) -> String {
    format!("{:.1}", n / 1e6)
}

/// Table 1 as the paper prints it: type and stride, rows and columns of the input.
const TABLE_1: [(&str, usize); 29] = [
    ("Conv s2", 224),
    ("Conv dw s1", 112),
    ("Conv s1", 112),
    ("Conv dw s2", 112),
    ("Conv s1", 56),
    ("Conv dw s1", 56),
    ("Conv s1", 56),
    ("Conv dw s2", 56),
    ("Conv s1", 28),
    ("Conv dw s1", 28),
    ("Conv s1", 28),
    ("Conv dw s2", 28),
    ("Conv s1", 14),
    ("Conv dw s1", 14),
    ("Conv s1", 14),
    ("Conv dw s1", 14),
    ("Conv s1", 14),
    ("Conv dw s1", 14),
    ("Conv s1", 14),
    ("Conv dw s1", 14),
    ("Conv s1", 14),
    ("Conv dw s1", 14),
    ("Conv s1", 14),
    ("Conv dw s2", 14),
    ("Conv s1", 7),
    ("Conv dw s2", 7),
    ("Conv s1", 7),
    ("Avg Pool s1", 7),
    ("FC s1", 1),
];

fn body(page: &mut String, full: &Plan) {
    page.push_str("## Table 1: the body\n\n| layer | input | output | mult-adds | parameters | paper: type, input |\n|---|---|---|--:|--:|---|\n");
    let mut theirs = TABLE_1.iter();
    for layer in layers(full) {
        let shape = |map: &FeatureMap| format!("{} x {} x {}", map.height, map.width, map.channels);
        let stride = if layer.weighted { format!(" s{}", layer.stride[0]) } else { String::new() };
        let theirs = theirs.next().map_or_else(String::new, |(kind, size)| format!("{kind}, {size} x {size}"));
        let (label, input, output) = (&layer.label, shape(&layer.input), shape(&layer.output));
        let [mult_adds, parameters] = [layer.mult_adds, layer.parameters].map(thousands);
        let _ = writeln!(page, "| {label}{stride} | {input} | {output} | {mult_adds} | {parameters} | {theirs} |");
    }
    let facts = full.network.facts();
    let _ = writeln!(page, "| all | | | {} | {} | |", thousands(facts.mult_adds), thousands(facts.parameters));
    page.push_str(
        "\nThe paper's table gives the last depthwise convolution stride 2, but the layer behind it an input of 7 x 7: its stride is 1. The\n\
         softmax of the paper's last row has no weights and is left to the caller.\n\n",
    );
}

/// Percent of mult-adds and of parameters.
const TABLE_2: [(&str, f64, f64); 4] = [
    ("Conv 1x1", 94.86, 74.59),
    ("Conv DW 3x3", 3.06, 1.06),
    ("Conv 3x3", 1.19, 0.02),
    ("Fully Connected", 0.18, 24.33),
];

fn shares(page: &mut String, full: &Network) {
    page.push_str("## Table 2: shares by layer type\n\n| type | % of mult-adds | paper | % of weights | paper |\n|---|--:|--:|--:|--:|\n");
    let facts = full.facts();
    for (name, mult_adds, weights) in TABLE_2 {
        let here = facts.layer_types.iter().find(|of_type| of_type.name == name);
        let [a, b] = here.map_or([0.0; 2], |here| [100.0 * here.mult_adds_share, 100.0 * here.weights_share]);
        let _ = writeln!(page, "| {name} | {a:.2} | {mult_adds:.2} | {b:.2} | {weights:.2} |");
    }
    let sum: f64 = TABLE_2.iter().map(|(_, mult_adds, _)| mult_adds).sum();
    let _ = writeln!(
        page,
        "\nThe paper's 1.19 % is a slip for 1.91 %: its column adds up to {sum:.2}, and to 100.01 with that. Its parameters are without\n\
         biases; these are shares of {} weights.\n",
        thousands(facts.weights)
    );
}

/// Table 3: mult-adds and parameters in millions.
fn layer_by_layer(page: &mut String) {
    page.push_str("## Table 3: what each step saves in one layer\n\n");
    page.push_str("14 x 14, K = 3, C_in = C_out = 512, from the formulas above.\n\n");
    page.push_str("| layer | mult-adds (M) | paper | parameters (M) | paper |\n|---|--:|--:|--:|--:|\n");
    let layer = Layer { kernel: 3.0, inputs: 512.0, outputs: 512.0, size: 14.0 };
    let rows = [
        ("standard convolution", layer.standard(), "462", "2.36"),
        ("depthwise separable", layer.separable(), "52.3", "0.27"),
        ("α = 0.75", layer.times(0.75, 1.0).separable(), "29.6", "0.15"),
        // 0.714 of 14 is 10, as 160 is of 224.
        ("α = 0.75, ρ = 0.714", layer.times(0.75, 160.0 / 224.0).separable(), "15.1", "0.15"),
    ];
    for (name, [mult_adds, weights], theirs, their_weights) in rows {
        let (mult_adds, weights) = (mult_adds / 1e6, weights / 1e6);
        let _ = writeln!(page, "| {name} | {mult_adds:.1} | {theirs} | {weights:.2} | {their_weights} |");
    }
    let ratio = layer.separable()[0] / layer.standard()[0];
    let _ = writeln!(page, "\nThe ratio of the first two is {ratio:.4}: 1/512 + 1/9.\n");
}

fn heading(page: &mut String, title: &str, first: &str) {
    let _ = writeln!(page, "## {title}\n");
    let _ = writeln!(page, "| {first} | mult-adds (M) | paper | parameters (M) | paper |\n|---|--:|--:|--:|--:|");
}

fn row(page: &mut String, name: &str, [mult_adds, parameters]: [u64; 2], [theirs, their_parameters]: [&str; 2]) {
    let [mult_adds, parameters] = [mult_adds, parameters].map(|n| millions(n as f64));
    let _ = writeln!(page, "| {name} | {mult_adds} | {theirs} | {parameters} | {their_parameters} |");
}

fn counted(page: &mut String, name: &str, count: &Count, paper: [&str; 2]) {
    row(page, name, [count.mult_adds, count.parameters], paper);
}

fn standard_and_shallow(page: &mut String, full: &Network) -> Result<(), Error> {
    let standard = count(&network(Spec::new(Arch::ConvMobileNet))?);
    heading(page, "Table 4: standard convolutions against separable ones", "network");
    counted(page, "Conv MobileNet (`conv-mobilenet`)", &standard, ["4866", "29.3"]);
    counted(page, "MobileNet (`mobilenet-v1`)", &count(full), ["569", "4.2"]);
    let _ = writeln!(
        page,
        "\nThe paper's 4866 leaves out the dense layer: without its {} there are {}. The ratio of mult-adds is {:.1}.\n",
        thousands(standard.dense),
        thousands(standard.mult_adds - standard.dense),
        standard.mult_adds as f64 / full.mult_adds() as f64,
    );
    let narrow = network(Spec { alpha: 0.75, ..Spec::new(Arch::MobileNetV1) })?;
    let shallow = network(Spec::new(Arch::ShallowMobileNet))?;
    heading(page, "Table 5: narrow against shallow", "network");
    counted(page, "0.75 MobileNet", &count(&narrow), ["325", "2.6"]);
    counted(page, "Shallow MobileNet (`shallow-mobilenet`)", &count(&shallow), ["307", "2.9"]);
    page.push('\n');
    Ok(())
}

fn widths(page: &mut String, full: &Network) -> Result<(), Error> {
    heading(page, "Table 6: the width multiplier α, at 224", "α");
    counted(page, "1.0", &count(full), ["569", "4.2"]);
    for (alpha, paper) in [(0.75, ["325", "2.6"]), (0.5, ["149", "1.3"]), (0.25, ["41", "0.5"])] {
        let network = network(Spec { alpha, ..Spec::new(Arch::MobileNetV1) })?;
        counted(page, &alpha.to_string(), &count(&network), paper);
    }
    page.push_str("\nPointwise convolutions cost α², depthwise ones and the first and last layer α. The paper cuts 149.5 to 149.\n\n");
    Ok(())
}

fn resolutions(page: &mut String, at: &impl Fn(usize) -> Result<Network, Error>) -> Result<(), Error> {
    heading(page, "Table 7: the resolution multiplier ρ, at α = 1", "ρ x 224");
    for (resolution, theirs) in [(224, "569"), (192, "418"), (160, "290"), (128, "186")] {
        counted(page, &resolution.to_string(), &count(&at(resolution)?), [theirs, "4.2"]);
    }
    page.push_str("\nAll but the dense layer costs ρ². The paper cuts 290.7 to 290.\n\n");
    Ok(())
}

fn peers(page: &mut String, full: &Network) -> Result<(), Error> {
    let survey = |arch| Ok::<_, Error>(Survey::new(&model(Spec::new(arch))?));
    let (googlenet, vgg) = (survey(Arch::GoogLeNet)?, survey(Arch::Vgg16)?);
    heading(page, "Table 8: peers", "network");
    counted(page, "1.0 MobileNet-224", &count(full), ["569", "4.2"]);
    row(page, "GoogLeNet (`googlenet`)", [googlenet.mult_adds().0, googlenet.parameters()], ["1550", "6.8"]);
    row(page, "VGG-16 (`vgg-16`)", [vgg.mult_adds().0, vgg.parameters()], ["15300", "138"]);
    // Three dense layers, behind maps of 7 x 7 x 512.
    let dense = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000;
    let _ = writeln!(
        page,
        "\nGoogLeNet is Table 1 of arXiv 1409.4842 with one classifier. That paper counts in units of 1024, in which these parameters\n\
         are {:.1} M (of 1024 x 1000); of its mult-adds it says 1.5 billion, and where 1550 M comes from we don't know. VGG-16 is\n\
         configuration D of arXiv 1409.1556; 15300 M are its convolutions, {} without the dense layers.",
        googlenet.parameters() as f64 / 1_024_000.0,
        thousands(vgg.mult_adds().0 - dense),
    );
    Ok(())
}
