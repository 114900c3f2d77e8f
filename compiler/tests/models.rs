//! The front end against real trained models: both codecs read the same from each, it imports at its own and at
//! another size, and the reference gives the rows that come with it.

use libtest_mimic::{Arguments, Failed, Trial};
use mobilenet_compiler::graph::{self, DType, Graph, Tensor};
use mobilenet_compiler::{Options, onnx, reference};
use onnx_protobuf::ModelProto;
use protobuf::Message;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Images compared per model: each costs an inference in f64.
const ROWS: usize = 2;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let models = descriptions(&shared.join("models"));
    let mut trials = Vec::new();
    for (name, description) in models {
        let folder = shared.clone();
        trials.push(Trial::test(name, move || check(&folder, &description)));
    }
    if trials.is_empty() {
        let absent = Trial::test("real models (left out: there is no ../shared/models)", || Ok(()));
        trials.push(absent.with_ignored_flag(true));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn descriptions(folder: &Path) -> Vec<(String, Value)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let description: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        Some((description["name"].as_str()?.to_string(), description))
    };
    paths.into_iter().filter_map(read).collect()
}

fn check(shared: &Path, description: &Value) -> Result<(), Failed> {
    let text = |value: &Value| value.as_str().map(str::to_string).ok_or("the description lacks a field");
    let models = shared.join("models");
    let path = models.join(text(&description["file"])?);
    let model = onnx::Model::read(&path)?;
    codecs_agree(&model, &std::fs::read(&path)?)?;
    if model.sha256() != text(&description["sha256"])? {
        return Err("another file than the description is about".into());
    }
    let graph = graph::import(&model, &Options::default())?;
    graph.verify()?;
    resizes(&model, &graph)?;
    let expected = read_npy(&models.join(text(&description["expected"]["file"])?))?;
    let rows = description["expected"]["rows"].as_array().ok_or("the description lacks its rows")?;
    let row_len = expected.len() / rows.len();
    for (row, expected) in rows.iter().zip(expected.chunks(row_len)).take(ROWS) {
        let image = text(row)?;
        let input = image_tensor(shared, &image, &graph, &text(&description["preprocessing"])?)?;
        let found = reference::run(&graph, &input)?[0].to_f64();
        compare(&found, expected, &graph).map_err(|message| format!("{image}: {message}"))?;
    }
    Ok(())
}

/// Another resolution and batch change exactly that.
fn resizes(model: &onnx::Model, own: &Graph) -> Result<(), Failed> {
    let options = Options { resolution: Some([128, 160]), batch: Some(3), ..Options::default() };
    let graph = graph::import(model, &options)?;
    graph.verify()?;
    let sizes = |graph: &Graph| {
        let mut shape = graph.ty(graph.input).shape.clone();
        shape.sort_unstable();
        (shape, graph.ty(graph.outputs[0]).shape.clone())
    };
    let ((before, own_output), (after, output)) = (sizes(own), sizes(&graph));
    let mut expected = vec![before[1], 3, 128, 160];
    expected.sort_unstable();
    if after == expected && output == [3, own_output[1]] {
        return Ok(());
    }
    Err(format!("input {after:?} and output {output:?} where {expected:?} and [3, {}] are right", own_output[1]).into())
}

/// The independent codec reads the same nodes, attributes and initialisers.
fn codecs_agree(model: &onnx::Model, bytes: &[u8]) -> Result<(), Failed> {
    let theirs = ModelProto::parse_from_bytes(bytes)?;
    let same = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("the codecs disagree on {what}")) };
    let (graph, other) = (&model.graph, &theirs.graph);
    same(graph.nodes.len() == other.node.len(), "the number of nodes")?;
    for (a, b) in graph.nodes.iter().zip(&other.node) {
        let names = (&a.name, &a.op_type, &a.inputs, &a.outputs) == (&b.name, &b.op_type, &b.input, &b.output);
        same(names && a.attributes.len() == b.attribute.len(), &a.name)?;
        for ((name, value), attribute) in a.attributes.iter().zip(&b.attribute) {
            let equal = match value {
                onnx::Attribute::Float(v) => v.to_bits() == attribute.f.to_bits(),
                onnx::Attribute::Int(v) => *v == attribute.i,
                onnx::Attribute::Ints(v) => *v == attribute.ints,
                onnx::Attribute::Floats(v) => *v == attribute.floats,
                onnx::Attribute::String(v) => v.as_bytes() == attribute.s,
                _ => true,
            };
            same(*name == attribute.name && equal, name)?;
        }
    }
    same(graph.initializers.len() == other.initializer.len(), "the number of initialisers")?;
    for ((name, tensor), proto) in graph.initializers.iter().zip(&other.initializer) {
        let dims: Vec<i64> = tensor.shape.iter().map(|&d| d as i64).collect();
        let values = match tensor.as_f32() {
            Some(values) if !proto.raw_data.is_empty() => {
                values.iter().flat_map(|v| v.to_le_bytes()).eq(proto.raw_data.iter().copied())
            }
            Some(values) if !proto.float_data.is_empty() => **values == proto.float_data[..],
            _ => true,
        };
        same(*name == proto.name && dims == proto.dims && values, name)?;
    }
    Ok(())
}

/// Quantised rows may differ by a quantum, floats by a millionth of the largest.
fn compare(found: &[f64], expected: &[f64], graph: &Graph) -> Result<(), String> {
    let quantized = graph.nodes.iter().any(|n| n.op.name() == "QuantizeLinear");
    let largest = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
    let error = found.iter().zip(expected).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
    let bound = match graph.ty(graph.outputs[0]).dtype {
        DType::F32 if quantized => 0.1 * largest,
        DType::F32 => 1e-5 * largest,
        _ => 3.0,
    };
    if found.len() == expected.len() && error <= bound {
        return Ok(());
    }
    Err(format!("{} values, {} expected, largest error {error:e}, bound {bound:e}", found.len(), expected.len()))
}

fn image_tensor(shared: &Path, name: &str, graph: &Graph, preprocessing: &str) -> Result<Tensor, Failed> {
    let ty = graph.ty(graph.input).clone();
    let [_, a, b, c] = ty.shape[..] else { return Err("an image input is needed".into()) };
    let channels_last = c <= 3;
    let (height, width, channels) = if channels_last { (a, b, c) } else { (b, c, a) };
    let folder = if channels == 1 { "gray".into() } else { "rgb".to_string() } + &height.to_string();
    let image = image::open(shared.join("images").join(folder).join(format!("{name}.png")))?;
    let bytes = if channels == 1 { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
    let scaled = |byte: u8| match preprocessing {
        "x/127.5-1, RGB, float32" => Ok(f64::from(byte) / 127.5 - 1.0),
        "x/255, RGB, float32" => Ok(f64::from(byte) / 255.0),
        other if other.starts_with("raw uint8") => Ok(f64::from(byte)),
        other if other.contains("minus 128") || other.contains("luma-128") => Ok(f64::from(byte) - 128.0),
        other => Err(format!("unknown preprocessing {other:?}")),
    };
    let mut values = vec![0.0; ty.len()];
    for (i, &byte) in bytes.iter().enumerate() {
        let (pixel, channel) = (i / channels, i % channels);
        values[if channels_last { i } else { channel * height * width + pixel }] = scaled(byte)?;
    }
    Ok(Tensor::from_f64(&ty, values))
}

/// The values of a little-endian `.npy` file, format 1.
fn read_npy(path: &Path) -> Result<Vec<f64>, Failed> {
    let bytes = std::fs::read(path)?;
    let header_len = bytes.get(8..10).map(|b| usize::from(b[0]) | usize::from(b[1]) << 8).ok_or("not an npy file")?;
    let header = String::from_utf8_lossy(bytes.get(10..10 + header_len).ok_or("not an npy file")?);
    let data = &bytes[10 + header_len..];
    if header.contains("'<f4'") {
        Ok(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b).into()).collect())
    } else if header.contains("'|u1'") {
        Ok(data.iter().map(|&b| b.into()).collect())
    } else if header.contains("'|i1'") {
        Ok(data.iter().map(|&b| (b as i8).into()).collect())
    } else {
        Err(format!("unknown element type in {header}").into())
    }
}
