//! The README shows what the command line prints: the transcripts that depend on no machine are replayed.
#![cfg(unix)]

use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Node, Storage};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What stands behind the prompt with this command, up to the next prompt or the block's end.
fn transcript<'a>(readme: &'a str, command: &str) -> (Vec<&'a str>, Vec<&'a str>) {
    let start = readme.find(&format!("$ mobilenetc {command}")).expect("the README has the command");
    let block = readme[start + 2..].split("```").next().unwrap_or_default();
    let mut lines = block.split("\n\n$ ").next().unwrap_or_default().lines();
    let words = lines.next().unwrap_or_default().split_whitespace().skip(1).collect();
    (words, lines.map(str::trim_end).filter(|line| !line.is_empty()).collect())
}

/// The first block of this language behind a place.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let start = text.find(&format!("```{language}\n")).expect("a block") + language.len() + 4;
    text[start..].split("```").next().unwrap_or_default()
}

/// The commands of a transcript as a script that stops at the first failure, and what they print.
fn script(transcript: &str) -> (String, String) {
    let (mut commands, mut printed, mut goes_on) = (String::from("set -eu\n"), String::new(), false);
    for line in transcript.lines() {
        let command = line.strip_prefix("$ ").or(goes_on.then_some(line));
        match command {
            Some(command) => commands += &format!("{command}\n"),
            None => printed += &format!("{line}\n"),
        }
        goes_on = command.is_some_and(|command| command.ends_with('\\'));
    }
    (commands, printed)
}

/// Runs a script where `mobilenetc` is installed.
fn bash(script: &str, folder: &Path) -> String {
    let installed = Path::new(env!("CARGO_BIN_EXE_mobilenetc")).parent().expect("a folder");
    let path = std::env::join_paths(
        std::iter::once(installed.to_path_buf())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder).env("PATH", path.expect("a path"));
    // One folder for all runs of the test, which is not that of this build.
    command
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme"))
        .env("CARGO_NET_OFFLINE", "true");
    let output = command.env_remove("RUSTFLAGS").output().expect("bash starts");
    let [printed, said] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{script}\n{printed}\n{said}");
    printed
}

/// Whether all tools are there; where the machine is said to have every tool, it is a failure that they are not.
fn have(tools: &[&str]) -> bool {
    let there = |tool: &&str| Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    let all = tools.iter().all(there);
    assert!(all || std::env::var_os("MOBILENET_CROSS").is_none(), "absent: one of {tools:?}");
    all
}

/// A new user in an empty folder does what the first screen says, and sees what it shows.
#[test]
fn the_first_screen_is_true() {
    if !have(&["bash", "cargo"]) {
        return;
    }
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the repository");
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let (start, _) = script(block(&readme, "console"));
    let (clone, rest): (Vec<_>, Vec<_>) = start.lines().partition(|line| line.starts_with("git clone"));
    assert_eq!(clone.len(), 1);
    std::os::unix::fs::symlink(&root, path("mobilenet-compiler")).expect("a clone");
    bash(&rest.join("\n"), folder.path());

    let manifest = fs::read_to_string(path("garments/Cargo.toml")).expect("of a new crate");
    let package = manifest.split("[dependencies]").next().unwrap_or_default();
    fs::write(path("garments/Cargo.toml"), format!("{package}{}", block(&readme, "toml"))).expect("writable");
    fs::write(path("garments/src/main.rs"), block(&readme, "rust")).expect("writable");
    fs::copy(root.join("Cargo.lock"), path("garments/Cargo.lock"))
        .expect("what a new crate would find in the registry");
    let behind = &readme[readme.find("```rust").expect("a program")..];
    let (run, shown) = script(block(behind, "console"));
    assert_eq!(bash(&run, folder.path()), shown);
}

/// A document, and an empty folder beside the examples to follow it in.
fn beside_examples(document: &str) -> (String, tempfile::TempDir) {
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the repository");
    let text = fs::read_to_string(root.join(document)).expect("the document");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(root.join("examples"), folder.path().join("examples")).expect("a link");
    (text, folder)
}

/// Firmware from the model's file to a self-test on an emulated board.
#[test]
fn the_transcript_of_firmware_is_true() {
    if !have(&["bash", "arm-none-eabi-gcc", "qemu-system-arm"]) {
        return;
    }
    let (readme, folder) = beside_examples("examples/cortex-m/README.md");
    let (commands, shown) = script(block(&readme, "console"));
    assert_eq!(bash(&commands, folder.path()), shown);
}

/// Every command of the guide, one after the other, prints what the guide shows.
#[test]
fn the_guide_is_true() {
    if !have(&["bash", "cc"]) {
        return;
    }
    let (guide, folder) = beside_examples("docs/guide.md");
    let blocks: Vec<_> = guide.split("```console\n").skip(1).collect();
    assert!(blocks.len() >= 6, "{}", blocks.len());
    for block in blocks {
        let (commands, shown) = script(block.split("```").next().unwrap_or_default());
        assert_eq!(bash(&commands, folder.path()), shown, "{commands}");
    }
}

#[test]
fn transcripts_are_true() {
    let (readme, folder) = beside_examples("README.md");
    for command in ["inspect", "build"] {
        let (words, shown) = transcript(&readme, command);
        assert!(shown.len() > 4, "{shown:?}");
        let output = Command::new(env!("CARGO_BIN_EXE_mobilenetc"))
            .args(words)
            .current_dir(folder.path())
            .output()
            .expect("the program starts");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<_> = printed.lines().map(str::trim_end).collect();
        for line in shown.into_iter().filter(|line| line.trim() != "...") {
            assert!(lines.contains(&line), "the README has\n{line}\nmobilenetc {command} prints\n{printed}");
        }
    }
}

/// The models of docs/models.md, in the form in which each of them comes.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Float16,
    Sigmoid,
    Bgr,
    Flat,
}

/// A small network of this form on 32x32 pixels.
fn four_models(form: Form) -> Author {
    let element = if form == Form::Float16 { DType::F16 } else { DType::F32 };
    let mut author = match form {
        Form::Flat => Author::new("flat", 13).input("pixels", element, [1.into(), 1024.into()]),
        _ => Author::new("net", 13).input("pixels", element, [1.into(), 3.into(), 32.into(), 32.into()]),
    };
    let mut end = "pixels".to_string();
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    let mut node = |op: &str, others: &[&str], attributes: fn(Node) -> Node| {
        let inputs = [end.as_str()].into_iter().chain(others.iter().copied());
        let output = format!("{}_{}", op.to_lowercase(), nodes.len());
        nodes.push(attributes(Node::new(op, inputs, [output.as_str()]).name(&output)));
        end = output;
    };
    let mut weight = |name: &'static str, shape: &[usize]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i * 37 % 64) as f32 / 64.0 - 0.5).collect();
        weights.push((name, Tensor { dtype: element, ..Tensor::f32(shape, values) }));
    };
    match form {
        Form::Bgr => node("Gather", &["order"], |node| node.int("axis", 1)),
        Form::Flat => node("Reshape", &["image"], |node| node),
        _ => {}
    }
    weight("first", &[16, if form == Form::Flat { 1 } else { 3 }, 3, 3]);
    node("Conv", &["first"], |node| node.ints("pads", [1; 4]).ints("strides", [2, 2]));
    node("Relu", &[], |node| node);
    weight("depthwise", &[16, 1, 3, 3]);
    node("Conv", &["depthwise"], |node| node.ints("pads", [1; 4]).int("group", 16));
    node("Relu", &[], |node| node);
    weight("pointwise", &[32, 16, 1, 1]);
    node("Conv", &["pointwise"], |node| node);
    node("Relu", &[], |node| node);
    node("GlobalAveragePool", &[], |node| node);
    node("Flatten", &[], |node| node);
    weight("classes", &[32, 10]);
    node("Gemm", &["classes"], |node| node);
    if form == Form::Sigmoid {
        node("Sigmoid", &[], |node| node);
    }
    author = author.initializer("order", &Tensor::ints([2i64, 1, 0].as_slice()), Storage::Raw);
    author = author.initializer("image", &Tensor::ints([1i64, 1, 32, 32].as_slice()), Storage::Raw);
    author = weights.iter().fold(author, |author, (name, tensor)| author.initializer(name, tensor, Storage::Raw));
    nodes.into_iter().fold(author, Author::node).output(&end, element, [1.into(), 10.into()])
}

/// Each of the four models gives what docs/models.md shows, from the commands that it shows.
#[test]
fn models_as_they_come() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/models.md")).expect("the document");
    let section = text.split("\n## ").find(|section| section.starts_with("Four models")).expect("the section");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let forms = [("float16", Form::Float16), ("sigmoid", Form::Sigmoid), ("bgr", Form::Bgr), ("flat", Form::Flat)];
    for (name, form) in forms {
        fs::write(folder.path().join(name).with_extension("onnx"), four_models(form).to_bytes()).expect("a model");
    }
    let mut replayed = 0;
    for block in section.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for command in block.split("$ ").skip(1) {
            let (command, shown) = command.split_once('\n').expect("a line of its own");
            let printed = bash(&format!("set -eu\n{command}"), folder.path());
            assert!(printed.starts_with(shown), "the document has\n{shown}\n{command} prints\n{printed}");
            replayed += 1;
        }
    }
    assert!(replayed >= forms.len(), "{replayed}");
}
