use super::*;
use crate::graph::{self, Tensor};
use crate::network::Network;
use crate::onnx::Model;
use crate::reference;
use crate::report::Survey;
use crate::{Options, compile, recognise};

fn model(spec: Spec) -> Model {
    let author = spec.author().expect("a network");
    Model::decode(author.to_bytes(), None).expect("a sound model")
}

fn network(spec: Spec) -> Network {
    recognise(&model(spec), &Options::default()).unwrap_or_else(|error| panic!("{:?}: {error}", spec.arch))
}

/// Channels behind which a batch norm was folded: each had two parameters where now is one bias.
fn normed(network: &Network) -> u64 {
    let layers = network.stages.iter().filter(|stage| stage.origin.iter().all(|name| !name.contains("/fc")));
    let convs = layers.filter(|stage| stage.origin.iter().any(|name| name.ends_with("/Conv")));
    convs.map(|stage| network.maps[stage.output.0 as usize].channels as u64).sum()
}

/// Parameters as torchvision's documentation of the pretrained weights gives them, batch norms counted.
#[test]
fn parameters_are_those_that_torchvision_states() {
    let stated =
        [(Arch::MobileNetV2, 3_504_872), (Arch::MobileNetV3Large, 5_483_032), (Arch::MobileNetV3Small, 2_542_856)];
    for (arch, parameters) in stated {
        let network = network(Spec::new(arch));
        assert_eq!(network.facts().parameters + normed(&network), parameters, "{}", arch.name());
    }
}

/// Millions of mult-adds and parameters in the papers' tables; V3's large network has 216.6 by its own table, 219 in the text.
#[test]
fn counts_are_those_of_the_papers() {
    let million = |spec: Spec| {
        let facts = network(spec).facts();
        (facts.mult_adds as f64 / 1e6, facts.parameters as f64 / 1e6)
    };
    let v1 = Spec::new(Arch::MobileNetV1);
    for (spec, mult_adds, parameters) in [
        (v1, 569.0, 4.2),
        (Spec { alpha: 0.75, ..v1 }, 325.0, 2.6),
        (Spec { alpha: 0.5, ..v1 }, 149.0, 1.3),
        (Spec { alpha: 0.25, ..v1 }, 41.0, 0.5),
        (Spec { resolution: 192, ..v1 }, 418.0, 4.2),
        (Spec { resolution: 160, ..v1 }, 290.0, 4.2),
        (Spec { resolution: 128, ..v1 }, 186.0, 4.2),
        (Spec::new(Arch::ShallowMobileNet), 307.0, 2.9),
        (Spec::new(Arch::MobileNetV2), 300.0, 3.4),
        (Spec::new(Arch::MobileNetV3Large), 219.0, 5.4),
        (Spec::new(Arch::MobileNetV3Small), 56.0, 2.5),
    ] {
        let found = million(spec);
        assert!((found.0 - mult_adds).abs() < 2.5, "{spec:?}: {found:?}");
        assert!((found.1 - parameters).abs() <= 0.1, "{spec:?}: {found:?}");
    }
}

#[test]
fn googlenet_is_counted_from_its_file() {
    // Layer by layer from the paper's table; the parameters are those of BVLC's GoogLeNet without its auxiliary classifiers.
    let survey = Survey::new(&model(Spec::new(Arch::GoogLeNet)));
    assert_eq!((survey.mult_adds(), survey.parameters()), ((1_582_671_872, 0), 6_998_552));
}

/// The page in the repository, which `cargo run -p xtask -- paper` writes.
#[test]
fn the_paper_s_page_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/paper.md");
    let page = paper::page().expect("a page");
    // Weights and biases of VGG-16 D, and its convolutions' mult-adds, from the paper's table.
    for needle in ["15470.3 | 15300 | 138.4 | 138", "15,346,630,656 without"] {
        assert!(page.contains(needle), "{needle}\n{page}");
    }
    assert_eq!(
        std::fs::read_to_string(&path).expect("docs/paper.md"),
        page,
        "cargo run -p xtask -- paper > docs/paper.md"
    );
}

fn small(arch: Arch) -> Spec {
    Spec { alpha: 0.25, resolution: 32, classes: 10, ..Spec::new(arch) }
}

fn mobilenets() -> impl Iterator<Item = Arch> {
    Arch::ALL.into_iter().filter(|arch| arch.has_widths())
}

/// Weights keep the scale from layer to layer: scores neither vanish nor explode, and differ by input.
#[test]
fn scores_are_of_the_size_of_the_input() {
    for arch in mobilenets() {
        let graph = graph::import(&model(small(arch)), &Options::default()).expect("a graph");
        let mut scores = Vec::new();
        for seed in [5, 6] {
            let image = noise::Noise(seed).within(1.0, 3 * 32 * 32);
            let outputs = reference::run(&graph, &Tensor::f32([1, 3, 32, 32], image)).expect("scores");
            scores.push(outputs[0].to_f32().to_vec());
        }
        let largest = scores.iter().flatten().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!((0.02..20.0).contains(&largest), "{}: {scores:?}", arch.name());
        let apart = scores[0].iter().zip(&scores[1]).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(apart > 0.01 * largest, "{}: {scores:?}", arch.name());
    }
}

#[test]
fn every_width_is_recognised() {
    for arch in [Arch::MobileNetV1, Arch::MobileNetV2, Arch::MobileNetV3Large, Arch::MobileNetV3Small] {
        for alpha in [0.75, 0.5] {
            let spec = Spec { alpha, resolution: 64, classes: 10, ..Spec::new(arch) };
            assert_eq!(network(spec).facts().width_multiplier, Some(alpha), "{spec:?}");
        }
    }
}

#[test]
fn eight_bits_are_integers_throughout() {
    for arch in mobilenets() {
        let float = compile(&model(small(arch)), &Options::default()).expect("a plan");
        let plan = compile(&model(Spec { int8: true, ..small(arch) }), &Options::default()).expect("a plan of codes");
        let on_floats = |stage: &&crate::network::Stage| {
            stage.kind.profile().filters.is_some() && !matches!(stage.kind, crate::network::StageKind::Integer(_))
        };
        assert_eq!(plan.network.stages.iter().find(on_floats).map(|stage| &stage.origin), None, "{}", arch.name());
        assert_eq!(plan.network.facts().mult_adds, float.network.facts().mult_adds);
        assert!(
            plan.weights.len() * 2 < float.weights.len() && plan.arena_bytes * 2 < float.arena_bytes,
            "{}",
            arch.name()
        );
    }
}

#[test]
fn a_seed_is_a_network() {
    let bytes = |seed| Spec { seed, ..small(Arch::MobileNetV1) }.author().expect("a network").to_bytes();
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn numbers_out_of_range_are_refused() {
    let v1 = Spec::new(Arch::MobileNetV1);
    for (spec, needle) in [
        (Spec { alpha: 0.0, ..v1 }, "α 0"),
        (Spec { alpha: f64::NAN, ..v1 }, "α NaN"),
        (Spec { resolution: 0, ..v1 }, "resolution 0"),
        (Spec { resolution: 31, ..Spec::new(Arch::Vgg16) }, "resolution 31"),
        (Spec { classes: 0, ..v1 }, "classes 0"),
        (Spec { channels: 1000, ..v1 }, "input channels 1000"),
        (Spec { alpha: 0.5, ..Spec::new(Arch::GoogLeNet) }, "googlenet has no width multiplier"),
        (Spec { int8: true, ..Spec::new(Arch::Vgg16) }, "vgg-16 is not written in 8 bits"),
    ] {
        let problem = spec.author().expect_err(needle);
        assert!(problem.message.contains(needle), "{problem}");
    }
    for resolution in [1, 2, 33] {
        for arch in mobilenets() {
            network(Spec { resolution, ..small(arch) });
        }
    }
}

#[test]
fn names_are_distinct() {
    let names: std::collections::BTreeSet<_> = Arch::ALL.iter().map(|arch| arch.name()).collect();
    assert_eq!(names.len(), Arch::ALL.len());
}
