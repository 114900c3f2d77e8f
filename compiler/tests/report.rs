//! `mobilenetc inspect` as JSON, by its published schema, and as a page.

use jsonschema::Validator;
use libtest_mimic::{Arguments, Failed, Trial};
use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Node, Storage};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

/// Models of `../shared`: V1, V2 and V3, floats and codes, one whose stages follow a stem that quantises, one with two outputs.
const REAL: [&str; 9] = [
    "models/mnv1_a100_224_in1k_torchts_bn",
    "models/mnv1_a025_96_vww_torchts_bn",
    "models/mnv1_a025_96gray_person_tfliteqdq",
    "family/mnv2_a050_128_person_tf2onnx",
    "family/mnv2_a050_128_person_ortqdq_s8s8",
    "family/mnv3_224_faceenc_hswish",
    "family/ulf_slim_240x320_face_torchts",
    "family/lcnet_a100_224_docori_paddle2onnx",
    "family/mnv2_a050_128_person_ortdyn",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("schema::example", || compiled(&example())),
        Trial::test("schema::measured", measured),
        Trial::test("schema::absurd", absurd),
        Trial::test("page::names", names),
        Trial::test("page::files", files),
    ];
    let shared = root().join("../shared");
    for name in REAL {
        let path = shared.join(name).with_extension("onnx");
        let absent = !path.is_file();
        let title = if absent {
            format!("schema::{name} (left out: it is not in ../shared)")
        } else {
            format!("schema::{name}")
        };
        let check = if name.ends_with("ortdyn") { uncompiled } else { compiled };
        trials.push(Trial::test(title, move || check(&path)).with_ignored_flag(absent));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example() -> PathBuf {
    root().join("examples/classify/model/fashion_a025_64.onnx")
}

fn inspect(model: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    command.env_remove("CC").env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.arg("inspect").arg(model).args(args).output().expect("the program starts")
}

fn json(model: &Path, args: &[&str]) -> Result<Value, Failed> {
    let output = inspect(model, &[args, &["--format", "json"]].concat());
    Ok(serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?)
}

/// The schema in `docs`, of a draft that its first line names.
fn schema() -> Validator {
    let text = fs::read_to_string(root().join("docs/inspect.schema.json")).expect("the schema");
    let schema = serde_json::from_str(&text).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::draft202012::new(&schema).expect("a schema")
}

fn valid(report: &Value) -> Result<(), Failed> {
    let schema = schema();
    let errors: Vec<String> = schema
        .iter_errors(report)
        .map(|error| {
            // Of two branches the one that was meant says more.
            let branch = if report.get("arena_bytes").is_some() { "report" } else { "survey" };
            format!("{branch}: {error} at {}", error.instance_path())
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n").into()) }
}

fn sum(of: &Value, key: &str) -> u64 {
    of.as_array().into_iter().flatten().filter_map(|one| one[key].as_u64()).sum()
}

/// By the schema; what has a total adds up to it; the buffers are the maps of the plan.
fn compiled(model: &Path) -> Result<(), Failed> {
    let report = json(model, &[])?;
    valid(&report)?;
    for (parts, key, total) in [
        ("layers", "mult_adds", "mult_adds"),
        ("steps", "mult_adds", "mult_adds"),
        ("layer_types", "mult_adds", "mult_adds"),
        ("layers", "parameters", "parameters"),
        ("layers", "weight_bytes", "weight_bytes"),
        ("steps", "weight_bytes", "weight_bytes"),
    ] {
        let (found, expected) = (sum(&report[parts], key), report[total].as_u64());
        if Some(found) != expected {
            return Err(format!("{parts} have {found} {key}, the model {expected:?}").into());
        }
    }
    arena(&report, &json(model, &["--stage", "plan"])?)
}

/// Bytes, first and last step.
type Place = ([u64; 2], u64);

fn pair(value: &Value) -> Option<[u64; 2]> {
    Some([value[0].as_u64()?, value[1].as_u64()?])
}

fn arena(report: &Value, plan: &Value) -> Result<(), Failed> {
    let buffers: Vec<([u64; 2], [u64; 2])> = report["buffers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|buffer| Some((pair(&buffer["bytes"])?, pair(&buffer["steps"])?)))
        .collect();
    let top = buffers.iter().map(|([_, end], _)| end.next_multiple_of(64)).max();
    if top != report["arena_bytes"].as_u64() {
        return Err(format!("the buffers end at {top:?}, the arena at {}", report["arena_bytes"]).into());
    }
    // Whatever a step of the plan reads or writes lies in a buffer of that step, and begins where that does.
    let mut places: BTreeSet<Place> = BTreeSet::new();
    for (at, step) in plan["steps"].as_array().into_iter().flatten().enumerate() {
        let links = step["links"].as_array().into_iter().flatten();
        // A mean may go to the caller's output, which is no place in the arena.
        let written = links.clone().filter(|link| link["kind"] != "mean").map(|link| &link["output"]["bytes"]);
        let read = links.clone().flat_map(|link| ["input", "added"].map(|key| &link[key]["bytes"]));
        let ends = ["input", "output"].map(|key| &step[key]["bytes"]);
        let all = read.chain(written).chain(ends).chain(links.map(|link| &link["scratch"]));
        places.extend(all.filter_map(|bytes| Some((pair(bytes)?, at as u64))));
    }
    if places.is_empty() {
        return Err("the plan has no places in the arena".into());
    }
    let holds = |([start, end], step): &Place, ([from, to], [first, last]): &([u64; 2], [u64; 2])| {
        from == start && end <= to && (first..=last).contains(&step)
    };
    if let Some((bytes, step)) = places.iter().find(|place| !buffers.iter().any(|buffer| holds(place, buffer))) {
        return Err(format!("no buffer holds the bytes {bytes:?} in step {step}").into());
    }
    for (at, (bytes, steps)) in buffers.iter().enumerate() {
        for (others, theirs) in &buffers[at + 1..] {
            let share = bytes[0] < others[1] && others[0] < bytes[1];
            // One may eat the other in the step that ends the first's life and begins the second's.
            if share && !(steps[1] <= theirs[0] || theirs[1] <= steps[0]) {
                return Err(format!("{bytes:?} in steps {steps:?} and {others:?} in {theirs:?} meet").into());
            }
        }
    }
    Ok(())
}

fn uncompiled(model: &Path) -> Result<(), Failed> {
    let output = inspect(model, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let survey: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(survey.get("operators").is_some(), "{survey}");
    valid(&survey)?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("net.html");
    assert_eq!(inspect(model, &["--report", path.to_str().expect("UTF-8")]).status.code(), Some(1));
    let page = fs::read_to_string(path).expect("a page");
    assert!(page.contains("It can’t be compiled") && page.contains("DynamicQuantizeLinear"));
    Ok(())
}

fn measured() -> Result<(), Failed> {
    if Command::new("cc").arg("--version").output().is_err() {
        return Ok(());
    }
    let report = json(&example(), &["--measure"])?;
    valid(&report)?;
    let steps = report["measured"]["steps"].as_array().expect("steps");
    assert_eq!(Some(steps.len()), report["steps"].as_array().map(Vec::len));
    let all: f64 = steps.iter().filter_map(|step| step["share_of_time"].as_f64()).sum();
    assert!((all - 1.0).abs() < 1e-6, "{all}");
    Ok(())
}

/// The schema lets nothing pass that a reader could not rely on.
fn absurd() -> Result<(), Failed> {
    let report = json(&example(), &[])?;
    let schema = schema();
    assert!(schema.is_valid(&report));
    let spoilt = |spoil: fn(&mut Value)| {
        let mut report = report.clone();
        spoil(&mut report);
        !schema.is_valid(&report)
    };
    assert!(spoilt(|report| report["arena_bytes"] = (-1).into()));
    assert!(spoilt(|report| report["surprise"] = true.into()));
    assert!(spoilt(|report| report["layers"][3]["output"] = serde_json::json!([1, 2])));
    assert!(spoilt(|report| report["buffers"][0]["holds"] = "rubbish".into()));
    assert!(spoilt(|report| drop(report.as_object_mut().and_then(|object| object.remove("steps")))));
    assert!(spoilt(|report| report["sha256"] = "0".into()));
    Ok(())
}

/// Names from the file stay text: no tag, no entity, no control character, nothing that ends the script or a comment.
fn names() -> Result<(), Failed> {
    let evil = "\"><img src=x onerror=alert(1)></script><script>alert(2)</script>--><b>&lt;\u{1b}[2J\u{202e}\0";
    let weights = Tensor::f32([8, 3, 3, 3], vec![0.125; 216]);
    let author = Author::new(evil, 13)
        .input(evil, DType::F32, [1.into(), 3.into(), 8.into(), 8.into()])
        .initializer("w", &weights, Storage::Raw)
        .node(Node::new("Conv", [evil, "w"], ["y<script>"]).name(evil))
        .output("y<script>", DType::F32, [1.into(), 8.into(), 6.into(), 6.into()]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = folder.path().join("<b>&amp;'\".onnx");
    fs::write(&model, author.to_bytes()).expect("writable");
    valid(&json(&model, &[])?)?;
    let path = folder.path().join("net.html");
    let output = inspect(&model, &["--report", path.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(path).expect("a page");
    for (tag, count) in [("<script", 1), ("</script", 1), ("<img", 0), ("<!--", 1), ("-->", 1), ("<style", 1)] {
        assert_eq!(page.matches(tag).count(), count, "{tag}");
    }
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&lt;/script&gt;"));
    assert!(page.contains("<title>&lt;b&gt;&amp;amp;&#39;&quot;.onnx</title>"));
    assert!(!page.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'));
    Ok(())
}

/// The same bytes each time, whole or not at all, never over a file of somebody else.
fn files() -> Result<(), Failed> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("net.html");
    let report = |more: &[&str]| inspect(&example(), &[&["--report", path.to_str().expect("UTF-8")], more].concat());
    assert!(report(&[]).status.success());
    let first = fs::read(&path).expect("a page");
    assert!(report(&[]).status.success());
    assert_eq!(first, fs::read(&path).expect("a page"));
    fs::write(&path, "mine").expect("writable");
    let refused = report(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force"));
    assert_eq!(fs::read(&path).expect("readable"), b"mine");
    assert!(report(&["--force"]).status.success());
    assert_eq!(first, fs::read(&path).expect("a page"));
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    assert_eq!(report(&["--stage", "plan"]).status.code(), Some(2));
    assert_eq!(inspect(&example(), &["--report", ".."]).status.code(), Some(2));
    Ok(())
}
