//! The 8-bit models of `../shared` through the second oracle: every layer computes on codes, and the results are those that come
//! with the models, as near as two orders of arithmetic can be.
//!
//! One picture per model by default, each an inference in i64, which takes seconds: `MOBILENET_ROWS=24` compares all.

use libtest_mimic::{Arguments, Failed, Trial};
use mobilenet_compiler::graph::{DType, Quant, Tensor, Type};
use mobilenet_compiler::network::{Network, StageKind};
use mobilenet_compiler::{Options, onnx, quant, recognise};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Largest distance from the rows that come with a model, in quanta of its output; docs/quantization.md says why.
const DISTANCES: [(&str, f64); 12] = [
    ("mnv1_a025_224_in1k_ortqdq_u8s8", 2.0),
    ("mnv1_a025_96_vww_ortqdq_s8s8", 4.0),
    ("mnv1_a025_96_vww_tfliteqdq", 0.0),
    ("mnv1_a025_96gray_person_tfliteqdq", 1.0),
    ("mnv1_a050_160_in1k_tfliteqdq", 6.0),
    ("mnv1_a025_224_in1k_ortqop_u8s8", 2.0),
    ("mnv1_a025_96_vww_ortqop_s8s8", 0.0),
    ("mnv1_a100_224_in1k_ortqdq_s8s8", 3.0),
    ("mnv2_a050_128_person_ortqdq_s8s8", 1.0),
    ("mnv2_a050_128_person_ortqdq_u8s8", 1.0),
    ("mnv2_a050_128_person_ortqop_u8s8", 0.0),
    ("mnv2_a100_224_in1k_tfliteqdq", 18.0),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let mut trials = Vec::new();
    for (name, bound) in DISTANCES {
        let found = ["models", "family"].iter().map(|folder| shared.join(folder).join(format!("{name}.json")));
        if let Some(path) = found.into_iter().find(|path| path.is_file()) {
            trials.push(Trial::test(name, move || pictures(&path, bound)));
        }
    }
    let random = shared.join("family/random");
    for table in ["index.tsv", "ports.tsv"] {
        for line in fs::read_to_string(random.join(table)).unwrap_or_default().lines().skip(1) {
            let fields: Vec<String> = line.split('\t').map(String::from).collect();
            let [name, _, input, _, tolerance, ..] = &fields[..] else { continue };
            if name.starts_with("q_") || name.ends_with("int8") {
                let (random, name, input) = (random.clone(), name.clone(), input.clone());
                let tolerance = tolerance.parse().unwrap_or(0.0);
                trials.push(Trial::test(name.clone(), move || vectors(&random, &name, &input, tolerance)));
            }
        }
    }
    if trials.is_empty() {
        let absent = Trial::test("8-bit models (left out: there is no ../shared)", || Ok(()));
        trials.push(absent.with_ignored_flag(true));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The network, every layer of which is on codes.
fn network(path: &Path) -> Result<Network, Failed> {
    let network = recognise(&onnx::Model::read(path)?, &Options::default())?;
    for stage in &network.stages {
        let float = matches!(
            stage.kind,
            StageKind::Stem(_)
                | StageKind::Conv(_)
                | StageKind::Depthwise(_)
                | StageKind::Pointwise(_)
                | StageKind::Dense(_)
        );
        if float || matches!(stage.kind, StageKind::Elementwise | StageKind::Scale | StageKind::GlobalAveragePool) {
            return Err(format!("{} {:?} runs in float\n{network}", stage.kind.name(), stage.origin).into());
        }
    }
    Ok(network)
}

/// What one code of the output counts.
fn quantum(network: &Network) -> Result<Quant, Failed> {
    let map = network.outputs[0].pieces[0].map;
    let before = network.stages.iter().find(|stage| stage.output == map && stage.kind == StageKind::Dequantise);
    let map = before.map_or(map, |stage| stage.inputs[0]);
    let quant = network.maps[map.0 as usize].quant;
    quant.ok_or_else(|| format!("the output is no code\n{network}").into())
}

/// The largest distance of a row from what is expected, in quanta.
fn distance(found: &[f64], expected: &[f64], quantum: f64) -> f64 {
    found.iter().zip(expected).fold(0.0, |most, (a, b)| f64::max(most, ((a - b) / quantum).abs()))
}

fn best(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
}

/// Whether a row's largest value leads by more than two quanta.
fn clear(row: &[f64], quantum: f64) -> bool {
    let best = best(row);
    let second = row.iter().enumerate().filter(|(at, _)| *at != best).fold(f64::NEG_INFINITY, |m, (_, &v)| m.max(v));
    row[best] - second > 2.0 * quantum
}

fn pictures(path: &Path, bound: f64) -> Result<(), Failed> {
    let description: Value = serde_json::from_slice(&fs::read(path)?)?;
    let network = network(&path.with_extension("onnx"))?;
    let scale = quantum(&network)?.scale;
    let quantum = if network.outputs[0].port.dtype == DType::F32 { f64::from(scale) } else { 1.0 };
    let expected = read_npy(&path.with_extension("expected.npy"))?;
    let rows = description["expected"]["rows"].as_array().ok_or("the description lacks its rows")?;
    let count = std::env::var("MOBILENET_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let (mut most, mut other, mut unclear) = (0f64, Vec::new(), 0);
    let row_len = expected.len() / rows.len();
    // What LiteRT's integer kernels give for the model that this one was made from.
    let integers = path.with_extension("litert.npy");
    let integers = if integers.is_file() { read_npy(&integers)? } else { expected.clone() };
    let rows_of_integers = integers.chunks(row_len);
    for ((row, expected), integers) in rows.iter().zip(expected.chunks(row_len)).zip(rows_of_integers).take(count) {
        let name = row.as_str().ok_or("a row without a name")?;
        let input = picture(path, name, &description, &network)?;
        let found = quant::run(&network, &input)?[0].to_f64();
        if found.len() != expected.len() {
            return Err(format!("{} values, {} expected", found.len(), expected.len()).into());
        }
        let distance = distance(&found, expected, quantum);
        most = most.max(distance);
        if best(&found) != best(expected) {
            let agreed = best(integers) == best(expected);
            if agreed && clear(expected, quantum) { other.push(name) } else { unclear += 1 }
        }
    }
    println!(
        "{}: {most:.2} quanta of {scale:e} at most in {} rows, another class in {}, and in {unclear} where the margin is two quanta or less, or LiteRT's integers give another one, too",
        path.file_stem().unwrap_or_default().to_string_lossy(),
        count.min(rows.len()),
        other.len()
    );
    if !other.is_empty() {
        return Err(format!("another class: {other:?}").into());
    }
    if most <= bound + 1e-3 { Ok(()) } else { Err(format!("{most} quanta, at most {bound} expected").into()) }
}

/// Raw inputs and outputs of two runs, the outputs in exact integers.
fn vectors(folder: &Path, name: &str, input: &str, tolerance: f64) -> Result<(), Failed> {
    let network = network(&folder.join(format!("{name}.onnx")))?;
    let scale = quantum(&network)?.scale;
    let own = folder.join(format!("{name}.in.bin"));
    let shape = input.trim_start_matches("s8:");
    let inputs = fs::read(if own.is_file() { own } else { folder.join(format!("shared_{shape}.in.bin")) })?;
    let ty = Type::new(network.input.dtype, network.input.shape.clone());
    let mut found = Vec::new();
    for run in numbers(&inputs, ty.dtype).chunks(ty.len()) {
        found.extend(quant::run(&network, &Tensor::from_f64(&ty, run.to_vec()))?[0].to_f64());
    }
    let dtype = network.outputs[0].port.dtype;
    let expected = numbers(&fs::read(folder.join(format!("{name}.out.bin")))?, dtype);
    let largest = expected.iter().fold(0f64, |most, v| most.max(v.abs()));
    let error = distance(&found, &expected, 1.0);
    let quanta = if dtype == DType::F32 { error / f64::from(scale) } else { error };
    println!("{name}: {quanta:.2} quanta at most, {:.4} of the largest, {tolerance} allowed", error / largest);
    if found.len() == expected.len() && error <= tolerance * largest {
        return Ok(());
    }
    Err(format!(
        "{} values, {} expected, largest error {error}, {tolerance} * {largest} allowed",
        found.len(),
        expected.len()
    )
    .into())
}

fn numbers(bytes: &[u8], dtype: DType) -> Vec<f64> {
    match dtype {
        DType::I8 => bytes.iter().map(|&b| f64::from(b as i8)).collect(),
        DType::U8 => bytes.iter().map(|&b| f64::from(b)).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b).into()).collect(),
    }
}

/// The model's input made from a picture, as its description says.
fn picture(path: &Path, name: &str, description: &Value, network: &Network) -> Result<Tensor, Failed> {
    let ty = Type::new(network.input.dtype, network.input.shape.clone());
    let [_, a, b, c] = ty.shape[..] else { return Err("an image input is needed".into()) };
    let channels_last = c <= 3;
    let (height, width, channels) = if channels_last { (a, b, c) } else { (b, c, a) };
    let images = path.parent().unwrap_or(path).join("../images");
    let folder: PathBuf = images.join(format!("{}{height}", if channels == 1 { "gray" } else { "rgb" }));
    let image = image::open(folder.join(format!("{name}.png")))?;
    let bytes = if channels == 1 { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
    let preprocessing = description["preprocessing"].as_str().unwrap_or_default();
    let scaled = |byte: u8| match preprocessing {
        "x/127.5-1, RGB, float32" => Ok(f32::from(byte) / 127.5 - 1.0),
        "x/255, RGB, float32" => Ok(f32::from(byte) / 255.0),
        other if other.contains("minus 128") || other.contains("luma-128") => Ok(f32::from(byte) - 128.0),
        other if other.contains("uint8 RGB") => Ok(f32::from(byte)),
        other => Err(format!("unknown preprocessing {other:?}")),
    };
    let mut values = vec![0.0; ty.len()];
    for (i, &byte) in bytes.iter().enumerate() {
        let (pixel, channel) = (i / channels, i % channels);
        values[if channels_last { i } else { channel * height * width + pixel }] = f64::from(scaled(byte)?);
    }
    Ok(Tensor::from_f64(&ty, values))
}

/// The values of a little-endian `.npy` file, format 1.
fn read_npy(path: &Path) -> Result<Vec<f64>, Failed> {
    let bytes = fs::read(path)?;
    let header_len = bytes.get(8..10).map(|b| usize::from(b[0]) | usize::from(b[1]) << 8).ok_or("not an npy file")?;
    let header = String::from_utf8_lossy(bytes.get(10..10 + header_len).ok_or("not an npy file")?);
    let types = [("'<f4'", DType::F32), ("'|u1'", DType::U8), ("'|i1'", DType::I8)];
    let dtype = types.iter().find(|(name, _)| header.contains(name)).ok_or("unknown element type")?.1;
    Ok(numbers(&bytes[10 + header_len..], dtype))
}
