//! Untrained networks from the command line: what is written, and what is refused.

use mobilenet_compiler::{Options, compile_file, onnx::Model};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs and asserts the exit status; gives standard output and standard error.
#[track_caller]
fn expect(status: i32, args: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    command.env_remove("NO_COLOR").env_remove("CC").env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let output = command.args(args).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (stdout, stderr)
}

fn file(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).into_os_string().into_string().expect("UTF-8")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Emitted C of each of the family's networks agrees with the reference, in floats and to the code in 8 bits.
#[test]
fn every_mobilenet_compiles_and_agrees() {
    let folder = folder();
    for arch in [
        "mobilenet-v1",
        "mobilenet-v2",
        "mobilenet-v3-small",
        "mobilenet-v3-large",
        "conv-mobilenet",
        "shallow-mobilenet",
    ] {
        for bits in [&[][..], &["--int8"]] {
            // These have every kind of layer that the others have.
            if !bits.is_empty() && !["mobilenet-v2", "mobilenet-v3-small"].contains(&arch) {
                continue;
            }
            let path = file(&folder, "net.onnx");
            let size = ["--alpha", "0.25", "--resolution", "32", "--classes", "10"];
            expect(0, &[&["new", "--arch", arch, "-o", &path], &size[..], bits].concat());
            let (stdout, _) = expect(0, &["verify", &path, "--samples", "2"]);
            assert!(stdout.contains("agrees"), "{arch} {bits:?}: {stdout}");
        }
    }
}

#[test]
fn a_network_is_what_was_asked_for_and_the_same_each_time() {
    let folder = folder();
    let (path, again) = (file(&folder, "a.onnx"), file(&folder, "b.onnx"));
    let new = |path: &str| {
        let size = ["--alpha", "0.5", "--resolution", "160", "--classes", "7", "--input-channels", "1", "--seed", "3"];
        expect(0, &[&["new", "--arch", "mobilenet-v1", "-o", path], &size[..]].concat()).0
    };
    let stdout = new(&path);
    for needle in ["α   0.5", "160 x 160 x 1", "classes              7", "untrained", "of seed 3"] {
        assert!(stdout.contains(needle), "{needle}\n{stdout}");
    }
    new(&again);
    assert!(fs::read(&path).expect("written") == fs::read(&again).expect("written"));
    let plan = compile_file(Path::new(&path), &Options::default()).expect("a plan");
    assert_eq!(plan.network.input.shape, [1, 1, 160, 160]);
    assert_eq!(plan.network.outputs[0].port.shape, [1, 7]);
    assert_eq!(plan.network.facts().width_multiplier, Some(0.5));
}

/// PyTorch 2's TorchScript exporter writes these names and operators for torchvision's MobileNet V2 with batch norm folded, as the
/// models of that exporter in ../shared show.
#[test]
fn spelling_is_the_exporter_s() {
    let folder = folder();
    let path = file(&folder, "net.onnx");
    expect(0, &["new", "--arch", "mobilenet-v2", "--alpha", "0.35", "--resolution", "32", "-o", &path]);
    let graph = Model::read(&path).expect("sound").graph;
    assert_eq!(graph.name, "main_graph");
    let named = |name: &str| graph.nodes.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("{name}"));
    let clip = named("/features/features.0/features.0.2/Clip");
    assert_eq!(
        clip.inputs,
        [
            "/features/features.0/features.0.0/Conv_output_0",
            "/features/features.0/features.0.2/Constant_output_0",
            "/features/features.0/features.0.2/Constant_1_output_0"
        ]
    );
    for name in [
        "/features/features.1/conv/conv.0/conv.0.0/Conv",
        "/features/features.1/conv/conv.1/Conv",
        "/features/features.3/Add",
        "/GlobalAveragePool",
        "/Flatten",
    ] {
        named(name);
    }
    let dense = named("/classifier/classifier.1/Gemm");
    assert_eq!(dense.inputs, ["/Flatten_output_0", "classifier.1.weight", "classifier.1.bias"]);
    assert_eq!(dense.attributes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["alpha", "beta", "transB"]);
}

#[test]
fn what_can_t_be_drawn_is_refused() {
    let folder = folder();
    let path = file(&folder, "net.onnx");
    let refused = |args: &[&str], needle: &str| {
        let (_, stderr) = expect(2, &[&["new", "-o", &path], args].concat());
        assert!(stderr.contains(needle), "{needle}: {stderr}");
        assert!(!Path::new(&path).exists(), "nothing is written");
    };
    refused(&["--arch", "mobilenet-v2", "--alpha", "0"], "0.01 to 2");
    refused(&["--arch", "mobilenet-v2", "--alpha", "half"], "--alpha");
    refused(&["--arch", "mobilenet-v1", "--resolution", "0"], "--resolution");
    refused(&["--arch", "mobilenet-v1", "--classes", "100000"], "1 to 65536");
    refused(&["--arch", "googlenet", "--alpha", "0.5"], "googlenet has no width multiplier");
    refused(&["--arch", "mobilnet-v1"], "'mobilenet-v1'");
    refused(&[], "--arch");
}

#[test]
fn a_trained_model_is_not_overwritten() {
    let folder = folder();
    let path = file(&folder, "net.onnx");
    let new = ["new", "--arch", "mobilenet-v1", "--alpha", "0.25", "--resolution", "32", "-o", &path];
    fs::write(&path, b"\x08\x08\x12\x07pytorch").expect("writable");
    let (_, stderr) = expect(1, &new);
    assert!(stderr.contains("would be overwritten") && stderr.contains("--force"), "{stderr}");
    assert_eq!(fs::read(&path).expect("there"), b"\x08\x08\x12\x07pytorch");
    expect(0, &[&new[..], &["--force"]].concat());
    expect(0, &new);
    let nowhere = file(&folder, "net.onnx/net.onnx");
    let (_, stderr) = expect(1, &[&new[..8], &[&nowhere]].concat());
    assert!(stderr.contains("net.onnx") && !stderr.contains("os error"), "{stderr}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("readable").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
