//! The command line from outside: exit status, what is printed where, what is left on disk.

use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Node, Storage};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn mobilenetc() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    command.env_remove("NO_COLOR").env_remove("MOBILENET_ISA").env_remove("CC");
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

fn run(args: &[&str]) -> Output {
    mobilenetc().args(args).output().expect("the program starts")
}

/// Runs and asserts the exit status; gives standard output and standard error.
#[track_caller]
fn expect(status: i32, args: &[&str]) -> (String, String) {
    let output = run(args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (stdout, stderr)
}

fn example(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/classify").join(path);
    assert!(path.exists(), "{}", path.display());
    path.to_str().expect("UTF-8").to_string()
}

fn fashion() -> String {
    example("model/fashion_a025_64.onnx")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("UTF-8")
}

/// The commands that the help lists, by name.
fn commands() -> Vec<String> {
    let (help, _) = expect(0, &["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let names = list.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let mut names: Vec<String> = names.filter(|&name| name != "help").map(str::to_owned).collect();
    names.sort();
    assert!(names.len() >= 7, "{help}");
    names
}

#[test]
fn help_and_version_are_answers() {
    for args in [&["--help"][..], &["--version"], &["help"], &["inspect", "--help"], &["run", "-h"]] {
        let (stdout, stderr) = expect(0, args);
        assert!(!stdout.is_empty() && stderr.is_empty(), "{args:?}");
    }
    for command in commands() {
        let (stdout, _) = expect(0, &[&command, "--help"]);
        assert!(stdout.contains("Examples:"), "{command}");
    }
}

#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (script, stderr) = expect(0, &["completions", shell]);
        assert!(stderr.is_empty(), "{stderr}");
        for word in commands().into_iter().chain(["channel-order", "labels-from"].map(String::from)) {
            assert!(script.contains(&word), "{shell}: {word}");
        }
    }
    let (script, _) = expect(0, &["completions", "bash"]);
    let asked = format!(
        "{script}\nCOMP_WORDS=(mobilenetc ve); COMP_CWORD=1; _mobilenetc mobilenetc ve mobilenetc; echo ${{COMPREPLY[@]}}"
    );
    let Ok(output) = Command::new("bash").args(["--norc", "-c", &asked]).output() else { return };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "verify");
}

#[test]
fn every_command_has_a_man_page() {
    let folder = folder();
    let pages = folder.path().join("share/man1");
    let (stdout, _) = expect(0, &["man", pages.to_str().expect("UTF-8")]);
    let mut expected: Vec<String> = commands().iter().map(|command| format!("mobilenetc-{command}.1")).collect();
    expected.push("mobilenetc.1".into());
    expected.sort();
    assert_eq!(names(&pages), expected);
    for name in expected {
        assert!(stdout.contains(&name), "{name} is not in: {stdout}");
        let page = fs::read_to_string(pages.join(&name)).expect("a page");
        let title = name.trim_end_matches(".1");
        assert!(page.contains(".SH NAME") && page.contains(&title.replace('-', "\\-")), "{page}");
        assert!(page.contains(".SH EXAMPLES\n.nf\n"), "{page}");
    }
    let (stdout, _) = expect(0, &["-q", "man", pages.to_str().expect("UTF-8")]);
    assert_eq!(stdout, "");
    let (_, stderr) = expect(1, &["man", "/proc/none/man1"]);
    assert!(stderr.contains("can't write /proc/none/man1"), "{stderr}");
}

/// `-q` leaves results and takes what is said around them; `-v` is `--verbose`.
#[test]
fn quiet_and_verbose() {
    let folder = folder();
    let out = folder.path().join("out");
    let (stdout, stderr) = expect(0, &["build", &fashion(), "-q", "-o", out.to_str().expect("UTF-8")]);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
    assert!(out.join("fashion_a025_64.c").is_file(), "{:?}", names(&out));
    let (loud, _) = expect(0, &["inspect", &fashion()]);
    let (quiet, _) = expect(0, &["-q", "-v", "inspect", &fashion()]);
    assert_eq!(loud, quiet);
}

#[test]
fn what_was_mistyped_is_told_what_is_like_it() {
    for (args, like) in [
        (&["inpsect", "net.onnx"][..], "'inspect'"),
        (&["verify", "net.onnx", "--taget", "all"], "'--target'"),
        (&["build", "net.onnx", "-o", "out", "--target", "cortexm4"], "'cortex-m4'"),
        (&["inspect", "net.onnx", "--formt", "json"], "'--format'"),
        (&["completions", "bahs"], "'bash'"),
    ] {
        let (_, stderr) = expect(2, args);
        assert!(stderr.contains("similar") && stderr.contains(like), "{stderr}");
    }
}

#[test]
fn wrong_usage_is_status_2() {
    for args in [
        &[][..],
        &["inspect"],
        &["explode", "net.onnx"],
        &["inspect", "net.onnx", "--resolution", "0x5"],
        &["inspect", "net.onnx", "--batch", "0"],
        &["run", "net.onnx"],
        &["run", "net.onnx", "--image", "a.png", "--scale", "1", "--mean", "0"],
        &["build", "net.onnx"],
        &["build", "net.onnx", "-o", "out", "--emit", "go"],
        &["bench", "net.onnx", "--via", "go"],
        &["build", "net.onnx", "-o", "out", "--via", "rust"],
    ] {
        let (stdout, stderr) = expect(2, args);
        assert!(stdout.is_empty() && !stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_missing_model_is_named() {
    for command in ["inspect", "verify", "bench"] {
        let (_, stderr) = expect(1, &[command, "no/such/net.onnx"]);
        assert!(stderr.contains("no/such/net.onnx") && stderr.contains("looked for in /"), "{stderr}");
        assert!(!stderr.contains("os error"), "{stderr}");
    }
}

#[test]
fn a_broken_model_is_refused_everywhere() {
    let folder = folder();
    let path = folder.path().join("broken.onnx");
    let whole = fs::read(fashion()).expect("readable");
    fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
    let (path, out) = (text(path), text(folder.path().join("out")));
    for args in [
        &["inspect", &path][..],
        &["verify", &path],
        &["bench", &path],
        &["run", &path, "--image", "cat.png"],
        &["build", &path, "-o", &out],
    ] {
        let (stdout, stderr) = expect(1, args);
        assert!(stdout.is_empty() && stderr.contains("broken.onnx"), "{args:?}: {stderr}");
    }
    assert_eq!(names(folder.path()), ["broken.onnx"]);
}

#[test]
fn a_broken_model_leaves_an_existing_folder_as_it_was() {
    let folder = folder();
    let (bad, out) = (folder.path().join("bad.onnx"), folder.path().join("out"));
    fs::write(&bad, b"not a model").expect("writable");
    fs::create_dir(&out).expect("writable");
    fs::write(out.join("net.h"), "mine").expect("writable");
    expect(1, &["build", &text(bad), "--name", "net", "-o", &text(out.clone())]);
    assert_eq!(names(&out), ["net.h"]);
    assert_eq!(fs::read_to_string(out.join("net.h")).expect("readable"), "mine");
}

#[test]
fn inspect_says_what_a_model_is() {
    let (stdout, stderr) = expect(0, &["inspect", &fashion()]);
    assert!(stderr.is_empty(), "{stderr}");
    assert!(stdout.contains("0.25") && stdout.contains("64"), "{stdout}");
    assert!(!stdout.contains('\x1b'), "no colour in a pipe");
    let (stdout, _) = expect(0, &["inspect", &fashion(), "--color", "always"]);
    assert!(stdout.contains('\x1b'), "colour on request");
}

#[test]
fn inspect_json_has_the_promised_keys() {
    let (stdout, _) = expect(0, &["inspect", &fashion(), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(json["width_multiplier"], 0.25);
    assert_eq!(json["resolution"], serde_json::json!([64, 64]));
    for key in ["mult_adds", "parameters", "weight_bytes", "arena_bytes"] {
        assert!(json[key].as_u64().is_some_and(|n| n > 0), "{key}");
    }
    let layers = json["layers"].as_array().expect("layers");
    let sum: u64 = layers.iter().filter_map(|layer| layer["mult_adds"].as_u64()).sum();
    assert_eq!(Some(sum), json["mult_adds"].as_u64());
}

/// A float16 model's ports are f32 in code; what the file declares is said.
#[test]
fn inspect_json_says_what_the_file_declares() {
    let folder = folder();
    let path = folder.path().join("half.onnx");
    let weights = Tensor { dtype: DType::F16, ..Tensor::f32([8, 3, 3, 3], vec![0.125; 216]) };
    let author = Author::new("half", 13)
        .input("x", DType::F16, [1.into(), 3.into(), 8.into(), 8.into()])
        .initializer("w", &weights, Storage::Raw)
        .node(Node::new("Conv", ["x", "w"], ["y"]))
        .output("y", DType::F16, [1.into(), 8.into(), 6.into(), 6.into()]);
    fs::write(&path, author.to_bytes()).expect("writable");
    let (stdout, _) = expect(0, &["inspect", &text(path), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(json["other_floats"], serde_json::json!(["f16"]));
    for port in [&json["input"], &json["output"], &json["outputs"][0]] {
        assert_eq!((&port["dtype"], &port["file_dtype"]), (&"f32".into(), &"f16".into()), "{stdout}");
    }
}

#[test]
fn inspect_takes_another_resolution_and_batch() {
    let args = ["inspect", &fashion(), "--format", "json", "--resolution", "96x80", "--batch", "3"];
    let json: serde_json::Value = serde_json::from_str(&expect(0, &args).0).expect("JSON");
    assert_eq!(json["resolution"], serde_json::json!([96, 80]));
    assert_eq!(json["batch"], 3);
    assert_eq!(json["input"]["shape"], serde_json::json!([3, 3, 96, 80]));
}

#[test]
fn each_stage_can_be_shown() {
    for stage in ["graph", "canonical", "network", "plan"] {
        let (stdout, _) = expect(0, &["inspect", &fashion(), "--stage", stage]);
        assert!(stdout.lines().count() > 10, "{stage}: {stdout}");
        let (stdout, _) = expect(0, &["inspect", &fashion(), "--stage", stage, "--format", "json"]);
        serde_json::from_str::<serde_json::Value>(&stdout).expect("JSON");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    for args in [&["inspect", &fashion()][..], &["inspect", &fashion(), "--stage", "graph"], &["--help"]] {
        let mut child =
            mobilenetc().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_status_1() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = mobilenetc().args(["inspect", &fashion()]).stdout(full).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

#[test]
fn build_writes_c_and_says_what() {
    let folder = folder();
    let out = folder.path().join("deep/out");
    let (stdout, _) = expect(0, &["build", &fashion(), "--name", "net", "-o", &text(out.clone())]);
    assert_eq!(names(&out), ["CMakeLists.txt", "net.c", "net.h", "net_weights.c"]);
    for name in names(&out) {
        assert!(stdout.contains(&name), "{stdout}");
    }
    let again = folder.path().join("again");
    expect(0, &["build", &fashion(), "--name", "net", "-o", &text(again.clone())]);
    for name in names(&out) {
        assert_eq!(fs::read(out.join(&name)).ok(), fs::read(again.join(&name)).ok(), "{name}");
    }
}

#[test]
fn build_writes_the_files_of_chosen_build_systems() {
    let folder = folder();
    let build = |projects: &str| {
        let out = folder.path().join(projects);
        expect(0, &["build", &fashion(), "--name", "net", "--project", projects, "-o", &text(out.clone())]);
        names(&out)
    };
    let code = ["net.c", "net.h", "net_weights.c"];
    assert_eq!(build("none"), code);
    assert_eq!(build("make,meson,zephyr"), [&["Makefile", "meson.build"], &code[..], &["zephyr"]].concat());
    assert_eq!(build("arduino"), ["library.properties", "src"]);
    assert_eq!(names(&folder.path().join("arduino/src")), code);
    assert_eq!(names(&folder.path().join("make,meson,zephyr/zephyr")), ["CMakeLists.txt", "Kconfig", "module.yml"]);
    for wrong in [&["--project", "none,make"][..], &["--project", "bazel"], &["--emit", "rust", "--project", "make"]] {
        let (model, out) = (fashion(), text(folder.path().join("wrong")));
        let arguments = [&["build", &model, "-o", &out], wrong].concat();
        let (_, stderr) = expect(2, &arguments);
        assert!(stderr.contains("--project"), "{stderr}");
    }
}

#[test]
fn build_writes_rust() {
    let folder = folder();
    expect(0, &["build", &fashion(), "--emit", "rust", "--name", "Fashion", "-o", &text(folder.path().to_path_buf())]);
    assert!(names(folder.path()).iter().any(|name| name.ends_with(".rs")));
    assert!(names(folder.path()).iter().any(|name| name.ends_with(".bin")));
}

#[test]
fn build_adds_a_self_test_and_hooks_to_c_alone() {
    let folder = folder();
    let out = text(folder.path().join("out"));
    let options = ["build", &fashion(), "--name", "net", "--self-test", "--stage-hooks", "-o", &out];
    expect(0, &options);
    let header = fs::read_to_string(folder.path().join("out/net.h")).expect("a header");
    let options = "options: name = net, weights = source, target = auto, kernels = inline, self_test = true, stage_hooks = true, project = cmake";
    for needle in [options, "int net_self_test(", "#define NET_STAGES 16", "\"dense /classifier/Gemm\" }"] {
        assert!(header.contains(needle), "{needle} in\n{header}");
    }
    assert!(names(&folder.path().join("out")).contains(&"net_test.c".to_string()));
    for (option, hint) in [
        ("--self-test", "mobilenetc verify --via rust"),
        ("--stage-hooks", "mobilenetc bench --via rust"),
        ("--target=auto", "cargo"),
        ("--project=cmake", "cargo"),
        ("--kernels=inline", "runtime"),
        ("--weights=source", ".bin"),
    ] {
        let (_, stderr) = expect(2, &["build", &fashion(), "--emit", "rust", option, "-o", &out]);
        let (name, _) = option.split_once('=').unwrap_or((option, ""));
        assert!(stderr.contains(name) && stderr.contains(hint), "{stderr}");
    }
    let (_, stderr) = expect(2, &["build", &fashion(), "--target", "cortex-m3", "-o", &out]);
    assert!(stderr.contains("'generic' is for every processor that is not listed"), "{stderr}");
}

#[test]
fn build_leaves_the_kernels_to_the_runtime() {
    let folder = folder();
    let out = text(folder.path().join("out"));
    let build = |more: &[&str], status| {
        let path = fashion();
        expect(status, &[&["build", &path, "--name", "net", "-o", &out, "--kernels", "runtime"], more].concat())
    };
    build(&[], 0);
    let source = fs::read_to_string(folder.path().join("out/net.c")).expect("a source");
    assert!(source.len() < 20_000, "{}", source.len());
    assert!(source.contains("mobilenet_rt_run_chain_f32(&run, &net_step1"), "{source}");
    for (more, needle) in [
        (["--target", "auto"], "--target"),
        (["--emit", "rust"], "--kernels"),
        (["--project", "cmake,arduino"], "--project arduino"),
    ] {
        let (_, stderr) = build(&more, 2);
        assert!(stderr.contains(needle), "{stderr}");
    }
}

#[test]
fn build_refuses_names_that_are_no_identifiers() {
    let folder = folder();
    for name in ["", "a b", "1net", "net;", "*/", "int", "ж", "features", "immintrin"] {
        let (_, stderr) = expect(2, &["build", &fashion(), "--name", name, "-o", &text(folder.path().join("out"))]);
        assert!(!stderr.is_empty());
    }
    let long = "n".repeat(60);
    let (_, stderr) = expect(2, &["build", &fashion(), "--name", &long, "-o", &text(folder.path().join("out"))]);
    assert!(stderr.contains("at most 48 letters"), "{stderr}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn build_into_an_impossible_place_names_it() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "mine").expect("writable");
    for out in [file.clone(), file.join("below")] {
        let (_, stderr) = expect(1, &["build", &fashion(), "-o", &text(out)]);
        assert!(stderr.contains("is a file") && stderr.contains("name a folder"), "{stderr}");
    }
    assert_eq!(names(folder.path()), ["file"]);
    assert_eq!(fs::read_to_string(&file).expect("readable"), "mine");
}

#[test]
fn run_classifies() {
    let (image, labels) = (example("pictures/000.png"), example("pictures/labels.txt"));
    let args = ["run", &fashion(), "--image", &image, "--labels", &labels, "--top", "3"];
    let (stdout, _) = expect(0, &args);
    assert!(stdout.contains('%') && stdout.contains('█'), "{stdout}");
}

#[test]
fn run_says_what_is_wrong_with_its_files() {
    let folder = folder();
    let short = folder.path().join("short.txt");
    fs::write(&short, "cat\ndog\n").expect("writable");
    let (image, short, model) = (example("pictures/000.png"), text(short), fashion());
    for (args, part) in [
        (&["run", &model, "--image", "no.png"][..], "no.png"),
        (&["run", &model, "--image", &model], "can't decode"),
        (&["run", &model, "--image", &image, "--labels", "no.txt"], "no.txt"),
        (&["run", &model, "--image", &image, "--labels", &short], "short.txt"),
    ] {
        let (_, stderr) = expect(1, args);
        assert!(stderr.contains(part), "{stderr}");
    }
    expect(2, &["run", &model, "--image", &image, "--mean", "1,2"]);
}

#[test]
fn verify_agrees() {
    let (stdout, _) = expect(0, &["verify", &fashion(), "--samples", "2", "--seed", "3"]);
    assert!(stdout.contains("2 of 2"), "{stdout}");
}

#[test]
fn bench_names_every_step() {
    let (stdout, _) = expect(0, &["bench", &fashion(), "--runs", "2", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&json["runs"], &json["via"]), (&2.into(), &"c".into()));
    assert!(json["steps"].as_array().is_some_and(|steps| steps.len() > 3), "{stdout}");
    assert!(json["peak_gmacs_per_second"].as_f64().is_some_and(|peak| peak > 0.0), "{stdout}");
    let (stdout, _) = expect(0, &["bench", &fashion(), "--runs", "2"]);
    assert!(stdout.contains("GMAC/s") && stdout.contains("latency"), "{stdout}");
}

#[test]
fn bench_compares_plans() {
    let (stdout, _) = expect(0, &["bench", &fashion(), "--compare-plans", "--runs", "2", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let plans = json["plans"].as_array().expect("plans");
    assert!(plans.len() > 3, "{stdout}");
    assert_eq!((&plans[0]["plan"], &plans[0]["over_chosen"]), (&"chosen".into(), &1.0.into()));
    assert!(plans.iter().all(|plan| plan["best_microseconds"].as_f64().is_some_and(|time| time > 0.0)), "{stdout}");
    let (stdout, _) = expect(0, &["bench", &fashion(), "--compare-plans", "--runs", "1"]);
    assert!(stdout.contains("chosen") && stdout.contains("separables split"), "{stdout}");
}

#[test]
fn a_truncated_model_is_one_error_that_names_the_file() {
    let folder = folder();
    let path = folder.path().join("cut.onnx");
    let bytes = fs::read(fashion()).expect("readable");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("writable");
    let (_, stderr) = expect(1, &["inspect", &text(path)]);
    assert_eq!(stderr.matches('×').count(), 1, "{stderr}");
    assert!(stderr.contains("cut.onnx") && stderr.contains("cut short"), "{stderr}");
}

#[test]
fn all_problems_are_told_at_once() {
    let folder = folder();
    let path = folder.path().join("odd.onnx");
    Author::new("odd", 13)
        .input("x", DType::F32, [1.into(), 3.into(), 8.into(), 8.into()])
        .node(Node::new("Elephant", ["x"], ["a"]).name("first"))
        .node(Node::new("Giraffe", ["a"], ["y"]).name("second \u{1b}[31m"))
        .output("y", DType::F32, [1.into(), 3.into(), 8.into(), 8.into()])
        .write(&path)
        .expect("writable");
    let (_, stderr) = expect(1, &["inspect", &text(path)]);
    for needle in ["2 problems", "first", "Elephant", "second", "Giraffe"] {
        assert!(stderr.contains(needle), "{needle}: {stderr}");
    }
    assert!(!stderr.contains('\x1b'), "no control characters from the model: {stderr:?}");
}

#[test]
fn inputs_are_adapted_and_agree_with_the_reference() {
    let model = fashion();
    for options in [
        &["--input", "u8", "--normalise", "0.5,0.25", "--input-layout", "nhwc"][..],
        &["--input", "u8", "--normalise", "0.485,0.456,0.406/0.229,0.224,0.225", "--softmax"],
        &["--normalise", "0.5,0.5", "--grey", "--batch", "2"],
        &["--input", "u8", "--normalise", "0.4,0.5,0.6/1,2,3", "--grey", "--resolution", "33x41"],
    ] {
        let (stdout, _) = expect(0, &[&["verify", &model, "--samples", "2"], options].concat());
        assert!(stdout.contains("agrees"), "{stdout}");
        let (stdout, _) = expect(0, &[&["inspect", &model, "--stage", "plan"], options].concat());
        assert!(stdout.contains("no transpose"), "{stdout}");
    }
}

#[test]
fn pictures_go_in_as_bytes() {
    let (model, picture) = (fashion(), example("pictures/000.png"));
    let best = |options: &[&str]| {
        let (stdout, _) = expect(0, &[&["run", &model, "--top", "1", "--image", &picture], options].concat());
        assert!(stdout.lines().any(|line| line.ends_with("    9")), "{options:?}: {stdout}");
    };
    best(&[]);
    best(&["--normalise", "0.5,0.5"]);
    best(&["--input", "u8", "--normalise", "0.5,0.5", "--input-layout", "nhwc"]);
    best(&["--input", "u8", "--normalise", "0.5,0.5", "--grey", "--softmax"]);
    let (_, stderr) =
        expect(2, &["run", &model, "--image", &picture, "--normalise", "0.5,0.5", "--mean", "0.5", "--std", "0.5"]);
    assert!(stderr.contains("--normalise"), "{stderr}");
}

#[test]
fn options_that_do_not_fit_the_model_are_refused() {
    let model = fashion();
    let (_, stderr) = expect(2, &["inspect", &model, "--normalise", "0.5,0.5/0.5,0.5"]);
    assert!(stderr.contains("1 or 3 values") && stderr.contains("another --normalise"), "{stderr}");
    for bad in ["0.5", "0.5,0", "1,2,3", "a/b"] {
        expect(2, &["inspect", &model, "--normalise", bad]);
    }
    expect(2, &["inspect", &model, "--input", "i8"]);
    expect(2, &["inspect", &model, "--input-layout", "hwc"]);
}

#[test]
fn labels_and_a_ranking_are_emitted() {
    let (model, labels, folder) = (fashion(), example("pictures/labels.txt"), folder());
    let out = text(folder.path().join("out"));
    let build = ["build", &model, "-o", &out, "--name", "net", "--labels", &labels, "--top-k", "3"];
    expect(0, &build);
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).expect("written");
    assert!(read("net.h").contains("const char *net_label(int i);") && read("net.h").contains("#define NET_TOP_K 3"));
    assert!(read("net.h").contains("options: labels = \"labels.txt\", top_k = 3,"));
    assert!(read("net.c").contains("\"T-shirt/top\""));
    expect(0, &[&build[..], &["--emit", "rust"]].concat());
    assert!(read("net.rs").contains("\"T-shirt/top\"") && read("net.rs").contains("pub const TOP_K: usize = 3;"));

    let short = text(folder.path().join("short.txt"));
    fs::write(&short, "one\ntwo\n").expect("writable");
    let (_, stderr) = expect(1, &["build", &model, "-o", &out, "--labels", &short, "--top-k", "11"]);
    assert!(stderr.contains("10 lines, one per class") && stderr.contains("1 to 10 classes"), "{stderr}");
    fs::write(&short, b"one\ntwo\xff\n").expect("writable");
    let (_, stderr) = expect(1, &["build", &model, "-o", &out, "--labels", &short]);
    assert!(stderr.contains("UTF-8") && stderr.contains("line 2"), "{stderr}");
    let (_, stderr) = expect(1, &["build", &model, "-o", &out, "--labels", "no/such.txt"]);
    assert!(stderr.contains("no/such.txt") && !stderr.contains("os error"), "{stderr}");
    expect(2, &["build", &model, "-o", &out, "--top-k", "0"]);
    let (_, stderr) = expect(2, &["build", &model, "-o", &out, "--top-k", "11"]);
    assert!(stderr.contains("another --top-k"), "{stderr}");
}
