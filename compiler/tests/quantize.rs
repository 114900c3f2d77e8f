//! `mobilenetc quantize` from outside.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/classify").join(path)
}

fn mobilenetc(command: &str, model: &Path, more: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    program.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).arg(command).arg(model).args(more);
    program.output().expect("the program starts")
}

fn quantize(model: &Path, calibrate: &Path, out: &Path, more: &[&str]) -> Output {
    let mut args = vec!["--calibrate", calibrate.to_str().expect("UTF-8"), "-o", out.to_str().expect("UTF-8")];
    args.extend(more);
    mobilenetc("quantize", model, &args)
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The examples' 200 pictures, in a folder per class as their index says.
fn sorted(folder: &Path) {
    let index = fs::read_to_string(example("pictures/index.tsv")).expect("the index");
    for (name, class) in index.lines().filter_map(|line| line.split_once('\t')) {
        let class = folder.join(class.trim());
        fs::create_dir_all(&class).expect("a folder");
        fs::copy(example("pictures").join(name), class.join(name)).expect("a copy");
    }
}

#[test]
fn the_example_loses_nothing_to_speak_of_and_compiles_to_integers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (pictures, out) = (folder.path().join("pictures"), folder.path().join("int8.onnx"));
    sorted(&pictures);
    let model = example("model/fashion_a025_64.onnx");
    let options =
        ["--samples", "48", "--labels-from", "folders", "--equalise", "--bias-correction", "--format", "json"];
    let report = json(&quantize(&model, &pictures, &out, &options));
    assert_eq!((&report["evaluated_pictures"], &report["calibration_pictures"]), (&200.into(), &48.into()));
    assert!(report["top_1_agrees"].as_u64() >= Some(194), "{report:#}");
    let right = |which: &str| report["accuracy"][which]["top_1"].as_i64().expect("a count");
    assert!((right("float") - right("int8")).abs() <= 4, "{report:#}");
    let network = json(&mobilenetc("inspect", &out, &["--stage", "network", "--format", "json"])).to_string();
    for float in ["\"depthwise\"", "\"pointwise\"", "\"stem\"", "\"conv\"", "\"dense\""] {
        assert!(!network.contains(float), "{float} in float: {network}");
    }
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("readable").map(|entry| entry.expect("readable").file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");

    let again = quantize(&out, &pictures, &folder.path().join("again.onnx"), &[]);
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1), "{message}");
    assert!(message.contains("quantised already"), "{message}");
    assert!(!folder.path().join("again.onnx").exists());
}

#[test]
fn what_is_wrong_is_said_before_anything_is_computed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = example("model/fashion_a025_64.onnx");
    let (pictures, out) = (example("pictures"), folder.path().join("int8.onnx"));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let missing = folder.path().join("no/such/int8.onnx");
    let cases: [(&Path, &Path, &[&str], &str); 5] = [
        (&empty, &out, &[], "no pictures in"),
        (&folder.path().join("none.png"), &out, &[], "can't read"),
        (&pictures, &missing, &[], "can't write into"),
        (&pictures, folder.path(), &[], "it is a folder"),
        (&pictures, &out, &["--samples", "1", "--keep-float", "features.1"], "there is no layer"),
    ];
    for (calibrate, out, more, expected) in cases {
        let output = quantize(&model, calibrate, out, more);
        // Long messages are broken at the terminal's width, with a bar in front of each line.
        let message =
            String::from_utf8_lossy(&output.stderr).replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected), "{expected}: {message}");
    }
    assert!(!out.exists());
    let percent = quantize(&model, &pictures, &out, &["--method", "percentile", "--percentile", "3"]);
    assert_eq!(percent.status.code(), Some(2));
}
