//! From real trained models to networks: which stages they have, and that no pass changes what they compute.

use libtest_mimic::{Arguments, Failed, Trial};
use mobilenet_compiler::graph::{self, DType, Op, Tensor};
use mobilenet_compiler::network::{self, Layout, Network, StageKind};
use mobilenet_compiler::plan::{self, CostModel};
use mobilenet_compiler::{Options, onnx, passes, reference};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/models");
    let mut trials: Vec<Trial> = models(&folder)
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let quantized = name.contains("qdq");
            Trial::test(name.clone(), move || if quantized { quantised(&path) } else { recognised(&name, &path) })
        })
        .collect();
    if trials.is_empty() {
        let absent = Trial::test("real models (left out: there is no ../shared/models)", || Ok(()));
        trials.push(absent.with_ignored_flag(true));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    paths.sort();
    paths
}

/// Exactly the stages of MobileNet V1, and the same scores before and after the passes.
fn recognised(name: &str, path: &Path) -> Result<(), Failed> {
    let graph = graph::import(&onnx::Model::read(path)?, &Options::default())?;
    let mut canonical = graph.clone();
    let applied = passes::run(&mut canonical)?;
    canonical.verify()?;
    let network = network::recognise(&canonical)?;
    let kinds: Vec<&str> = network.stages.iter().map(|stage| stage.kind.name()).collect();
    let mut expected = vec!["Stem"];
    expected.extend([["Depthwise", "Pointwise"]; 13].concat());
    expected.extend(["GlobalAveragePool", "Dense"]);
    if graph.nodes.iter().any(|node| matches!(node.op, Op::Softmax { .. })) {
        expected.push("Softmax");
    }
    if kinds != expected {
        let reasons: Vec<String> = applied.iter().map(ToString::to_string).collect();
        return Err(format!("found {kinds:?}\n{network}\n{}", reasons.join("\n")).into());
    }
    for stage in &network.stages {
        if stage.origin.is_empty() || stage.note.is_empty() {
            return Err(format!("{} has no origin or note", stage.kind.name()).into());
        }
    }
    port(name, &network)?;
    facts(name, &network)?;

    let ty = graph.ty(graph.input).clone();
    let input = Tensor::from_f64(&ty, image(ty.len(), ty.dtype));
    let (before, after) =
        (reference::run(&graph, &input)?[0].to_f64(), reference::run(&canonical, &input)?[0].to_f64());
    let largest = before.iter().fold(0f64, |m, v| m.max(v.abs()));
    let error = before.iter().zip(&after).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
    if before.len() != after.len() || error.is_nan() || error > 1e-5 * largest {
        return Err(format!("the passes change the scores by {error:e}, the largest is {largest:e}").into());
    }
    Ok(())
}

/// A smooth picture with some noise, in the range the model's preprocessing gives.
fn image(len: usize, dtype: DType) -> Vec<f64> {
    let mut state = 1u32;
    let noise = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(*state >> 8) / f64::from(1 << 24)
    };
    let unit = (0..len).map(|i| 0.5 + 0.4 * (i as f64 / 97.0).sin() + 0.1 * (noise(&mut state) - 0.5));
    if dtype == DType::F32 {
        unit.map(|v| 2.0 * v - 1.0).collect()
    } else {
        unit.map(|v| (v * 255.0).floor()).collect()
    }
}

fn port(name: &str, network: &Network) -> Result<(), Failed> {
    let nhwc = name.contains("tf2onnx") || name.contains("deqfloat");
    let expected = (
        if nhwc { Layout::Nhwc } else { Layout::Nchw },
        if name.contains("deqfloat") { DType::U8 } else { DType::F32 },
    );
    let found = (network.input.layout, network.input.dtype);
    if found == expected { Ok(()) } else { Err(format!("input {found:?}, expected {expected:?}").into()) }
}

/// Width and resolution are those in the model's name; the paper's figures for its headline model.
fn facts(name: &str, network: &Network) -> Result<(), Failed> {
    let facts = network.facts();
    let number =
        |part: Option<&str>| part.and_then(|p| p.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok());
    let mut parts = name.split('_').skip(1);
    let width = number(parts.next()).map(|width| f64::from(width) / 100.0);
    let resolution = number(parts.next()).unwrap_or(0) as usize;
    if (facts.width_multiplier, facts.resolution) != (width, [resolution; 2]) {
        return Err(format!("width {:?}, resolution {:?}", facts.width_multiplier, facts.resolution).into());
    }
    if width == Some(1.0) {
        let shares: Vec<(String, f64, f64)> = facts
            .layer_types
            .iter()
            .map(|layer| (layer.name.clone(), layer.mult_adds_share, layer.weights_share))
            .map(|(name, ops, weights)| (name, (ops * 1e4).round() / 100.0, (weights * 1e4).round() / 100.0))
            .collect();
        let paper = [
            ("Conv 1x1", 94.86, 74.57),
            ("Conv DW 3x3", 3.06, 1.06),
            ("Conv 3x3", 1.91, 0.02),
            ("Fully Connected", 0.18, 24.35),
        ];
        if shares != paper.map(|(name, ops, weights)| (name.to_string(), ops, weights)) {
            return Err(format!("{shares:?}").into());
        }
        if (facts.mult_adds + 500_000) / 1_000_000 != 569 || facts.parameters / 10_000 != 422 {
            return Err(format!("{} mult-adds, {} parameters", facts.mult_adds, facts.parameters).into());
        }
    }
    let dense = network.stages.iter().find_map(|stage| match &stage.kind {
        StageKind::Dense(dense) => Some(dense.bias.len()),
        _ => None,
    });
    if dense != network.outputs[0].port.shape.last().copied() {
        Err(format!("{dense:?} classes").into())
    } else {
        Ok(())
    }
}

/// The stages of MobileNet V1 on codes; kernels for them are missing, and each kind is named once.
fn quantised(path: &Path) -> Result<(), Failed> {
    let mut graph = graph::import(&onnx::Model::read(path)?, &Options::default())?;
    passes::run(&mut graph)?;
    graph.verify()?;
    let network = network::recognise(&graph)?;
    let layer = |stage: &network::Stage| match &stage.kind {
        StageKind::Integer(integer) if integer.kind.weights().is_some() => Some(integer.kind.name()),
        _ => None,
    };
    let layers: Vec<&str> = network.stages.iter().filter_map(layer).collect();
    let mut expected = vec!["IntegerConv"];
    expected.extend([["IntegerDepthwise", "IntegerPointwise"]; 13].concat());
    expected.push("IntegerDense");
    if layers != expected {
        return Err(format!("{network}").into());
    }
    // No layer leaves its chain: a stem, 13 separables, the mean, the classifier.
    let plan = plan::plan(network, &CostModel::default())?;
    let on_codes = plan.links().filter(|link| link.codes.is_some() && link.weights.is_some()).count();
    if on_codes != expected.len() {
        return Err(format!("{on_codes} layers on codes\n{plan}").into());
    }
    Ok(())
}
