//! What is said of models that can't be compiled: the files of `../shared/field` that belong here, names made to harm, and how
//! long a message gets.

use mobilenet_compiler::diagnostic::LINES;
use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::host::Compiler;
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};
use mobilenet_compiler::{Options, graph, reference};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines that one cause may take.
const CAUSE: usize = 12;

/// What `mobilenetc` prints, to both streams, and whether it was content.
fn mobilenetc(arguments: &[&str]) -> (bool, String) {
    let (content, [out, err]) = streams(arguments);
    (content, out + &err)
}

/// The same of standard error alone: the message, without what `inspect` can say all the same.
fn message(arguments: &[&str]) -> (bool, String) {
    let (content, [_, err]) = streams(arguments);
    (content, err)
}

fn streams(arguments: &[&str]) -> (bool, [String; 2]) {
    let output = Command::new(env!("CARGO_BIN_EXE_mobilenetc")).args(["--color", "never"]).args(arguments).output();
    let output = output.expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), [text(output.stdout), text(output.stderr)])
}

/// A file of `../shared/field`, if the folder is there.
fn field(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/field");
    let path = folder.join(name);
    if !path.is_file() {
        println!("left out: ../shared/field/{name} is absent");
        return None;
    }
    Some(path)
}

/// The message about a file of `../shared/field`, wrapped lines joined, and how many problems it has.
fn refusal(name: &str) -> Option<String> {
    let path = field(name)?;
    let (content, said) = message(&["inspect", path.to_str()?]);
    assert!(!content, "{name}: {said}");
    Some(joined(&said))
}

/// Without the wrapping and its marks.
fn joined(said: &str) -> String {
    said.split_whitespace().filter(|word| !matches!(*word, "│" | "×" | "├─▶" | "╰─▶")).collect::<Vec<_>>().join(" ")
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

mod field_cases {
    use super::*;

    #[test]
    fn attributes_of_another_opset() {
        let Some(said) = refusal("clip-attributes-opset13.onnx") else { return };
        assert_says(
            &said,
            &["Clip has the attribute \"max\", an input since opset 11", "is the opset declared wrong?"],
        );
        // The lower bound is there for the same reason.
        assert_says(&said, &["5 nodes (Clip)"]);
        assert!(!said.contains("problems"), "{said}");
        // What stands in front of the first of five blocks is no network to end at.
        assert!(!said.contains("--output"), "{said}");
    }

    #[test]
    fn training_mode_and_negative_variance() {
        let (Some(five), Some(negative)) =
            (refusal("batchnorm-with-five-outputs.onnx"), refusal("batchnorm-negative-variance.onnx"))
        else {
            return;
        };
        assert_says(&five, &["training mode", "export the model for inference", "(BatchNormalization)"]);
        assert_says(&negative, &["variance + epsilon of channel 0 is not positive", "(BatchNormalization)"]);
        assert!(!negative.contains("problems"), "{negative}");
    }

    #[test]
    fn one_missing_file_is_one_problem() {
        let Some(said) = refusal("external-data-missing.onnx") else { return };
        assert_says(
            &said,
            &["22 initialisers (", ", ...) need the external data in \"e.onnx.data\", which is not beside the model"],
        );
        assert_says(&said, &["copy it there under this name"]);
        assert!(!said.contains("problems"), "{said}");
        // The same where the data are a pointer to themselves, or cut short.
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("e.onnx");
        fs::copy(field("external-data-missing.onnx").expect("it is there"), &model).expect("a copy");
        for (contents, parts) in [
            ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", ["Git LFS pointer", "git lfs pull"]),
            ("short", ["outside the 5 bytes", "cut short"]),
        ] {
            fs::write(folder.path().join("e.onnx.data"), contents).expect("a file");
            let (_, said) = message(&["inspect", model.to_str().expect("UTF-8")]);
            assert_says(&joined(&said), &["22 initialisers (", parts[0], parts[1]]);
        }
    }

    #[test]
    fn optimised_for_one_machine() {
        let Some(said) = refusal("ort-level-all.onnx") else { return };
        assert_says(&said, &["this file was optimised by onnxruntime for one machine", "ORT_ENABLE_BASIC", "nodes: "]);
        assert_eq!(said.matches("this file was").count(), 1, "{said}");
    }

    #[test]
    fn hints_are_spelled_for_the_command_line_and_for_the_macro() {
        let Some(path) = field("symbolic-channels.onnx") else { return };
        assert_says(&refusal("symbolic-channels.onnx").expect("it is there"), &["give the option --resolution HxW"]);
        let error = mobilenet_compiler::compile_file(&path, &Options::default()).expect_err("the size is open");
        assert_says(&error.to_string(), &["give the option resolution = [H, W]"]);
    }

    /// `Min(max, Max(x, min))` is `max` for every `x`, so that nothing behind it depends on the input.
    #[test]
    fn bounds_in_the_wrong_order() {
        let Some(path) = field("clip-with-min-above-max.onnx") else { return };
        let model = Model::read(&path).expect("a model");
        let graph = graph::import(&model, &Options::default()).expect("it is read");
        let ty = graph.ty(graph.input).clone();
        let input = |step: usize| -> Vec<f32> { (0..ty.len()).map(|i| (i * step % 23) as f32 / 11.0 - 1.0).collect() };
        let expected =
            |x: &[f32]| reference::run(&graph, &Tensor::f32(ty.shape.clone(), x)).expect("it runs")[0].to_f64();
        let right = expected(&input(5));
        assert_eq!(right, expected(&input(7)));
        let Ok(compiler) = Compiler::find() else { return println!("left out: no C compiler") };
        let plan = mobilenet_compiler::compile(&model, &Options::default()).expect("it is compiled");
        for target in [mobilenet_compiler::emit::c::Target::Auto, mobilenet_compiler::emit::c::Target::Generic] {
            let bytes: Vec<u8> = input(3).iter().flat_map(|x| x.to_le_bytes()).collect();
            let found =
                compiler.clone().target(target).compile(&plan).expect("it builds").run(&bytes).expect("it runs");
            for (found, right) in found[0].iter().zip(&right) {
                assert!((f64::from(*found) - right).abs() < 1e-5, "{}: {found} {right}", target.name());
            }
        }
    }
}

/// A classifier of one convolution, in which every name can be chosen.
fn classifier(name: impl Fn(&str) -> String) -> Author {
    let n = |what: &str| name(what);
    Author::new(n("graph"), 13)
        .opset(&n("imported"), 1)
        .input(&n("x"), DType::F32, [Dim::from(n("batch").as_str()), 3.into(), 8.into(), 8.into()])
        .initializer(&n("w"), &Tensor::f32([8, 3, 3, 3], vec![0.1; 216]), Storage::Raw)
        .initializer(&n("fc"), &Tensor::f32([8, 10], vec![0.1; 80]), Storage::Raw)
        .node(Node::new("Conv", [n("x").as_str(), n("w").as_str()], [n("a").as_str()]).name(n("conv")))
        .node(Node::new("Relu", [n("a").as_str()], [n("b").as_str()]).name(n("relu")))
        .node(Node::new("GlobalAveragePool", [n("b").as_str()], [n("c").as_str()]).name(n("pool")))
        .node(Node::new("Flatten", [n("c").as_str()], [n("d").as_str()]).name(n("flat")))
        .node(Node::new("Gemm", [n("d").as_str(), n("fc").as_str()], [n("y").as_str()]).name(n("gemm")))
        .output(&n("y"), DType::F32, [Dim::from(n("batch").as_str()), 10.into()])
}

const HARMFUL: &str = "\x1b[2J\u{9b}31m\u{202e}\u{200b}*/\r\n#error \\";

/// Nothing that a terminal obeys, or that is seen otherwise than it is.
fn assert_printable(what: &str, text: &str) {
    let odd = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    assert!(!text.contains(odd), "{what}: {text:?}");
}

mod harmful_names {
    use super::*;

    #[test]
    fn in_each_position_of_a_sound_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "graph", "imported", "x", "batch", "w", "fc", "a", "b", "c", "d", "y", "conv", "relu", "pool", "flat",
            "gemm",
        ];
        for position in names {
            let mut author = classifier(|name| if name == position { format!("{name}{HARMFUL}") } else { name.into() });
            author.message().producer_name = format!("producer{HARMFUL}");
            let path = folder.path().join("net.onnx");
            fs::write(&path, author.to_bytes()).expect("a file");
            let path = path.to_str().expect("UTF-8");
            for stage in [&[][..], &["--stage", "graph"], &["--stage", "network"], &["--stage", "plan"]] {
                let (content, said) = mobilenetc(&[&["inspect", path], stage].concat());
                assert!(content, "{position}: {said}");
                assert_printable(position, &said);
            }
            let (_, said) = mobilenetc(&["inspect", path, "--format", "json"]);
            assert_printable(position, &said);
            let out = folder.path().join("out");
            for emit in ["c", "rust"] {
                let out = out.join(emit);
                let (content, said) = mobilenetc(&["build", path, "--emit", emit, "-o", out.to_str().expect("UTF-8")]);
                assert!(content, "{position}: {said}");
                for entry in fs::read_dir(&out).expect("a folder") {
                    let file = entry.expect("an entry").path();
                    let Ok(text) = fs::read_to_string(&file) else { continue };
                    assert_printable(position, &text);
                    assert!(!text.contains("*/\\") && !text.contains("*/#"), "{position} in {}", file.display());
                }
            }
        }
    }

    #[test]
    fn in_each_position_of_what_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let node = |op: &str| Node::new(op, ["x"], ["y"]).name(format!("node{HARMFUL}"));
        let with = |node: Node| {
            Author::new("g", 13).input("x", DType::F32, [1.into(), 2.into()]).node(node).output("y", DType::F32, [])
        };
        let weights = |storage| {
            Author::initializer(with(node("Relu")), &format!("w{HARMFUL}"), &Tensor::f32([2], [0.0; 2]), storage)
        };
        let mut sound = weights(Storage::Raw);
        sound.message().graph.mut_or_insert_default().initializer[0].dims = vec![9];
        let refused = [
            ("operator", with(node(&format!("Op{HARMFUL}")))),
            ("domain", with(node("Op").domain(format!("domain{HARMFUL}")))),
            ("attribute", with(node("Relu").int(&format!("attribute{HARMFUL}"), 1))),
            ("string", with(node("Softmax").string("axis", HARMFUL))),
            (
                "input",
                Author::new("g", 13)
                    .input(&format!("x{HARMFUL}"), DType::F32, [1.into(), Dim::from(format!("h{HARMFUL}").as_str())])
                    .output("y", DType::F32, [])
                    .node(Node::new("Relu", [format!("x{HARMFUL}").as_str()], ["y"])),
            ),
            ("undefined", with(Node::new("Add", ["x", format!("z{HARMFUL}").as_str()], ["y"]))),
            ("side file", weights(Storage::External(format!("side{HARMFUL}")))),
            ("initialiser", sound),
        ];
        for (position, author) in refused {
            let path = folder.path().join("net.onnx");
            fs::write(&path, author.to_bytes()).expect("a file");
            for verbose in [&[][..], &["--verbose"]] {
                let (content, said) = mobilenetc(&[&["inspect", path.to_str().expect("UTF-8")], verbose].concat());
                assert!(!content, "{position}: {said}");
                assert_printable(position, &said);
            }
            let error = Model::read(&path).and_then(|model| mobilenet_compiler::compile(&model, &Options::default()));
            assert_printable(position, &format!("{:#}", error.expect_err("it is refused")));
        }
    }

    #[test]
    #[cfg(unix)]
    fn in_the_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("net\x1b[2J\u{202e}.onnx");
        let (_, said) = mobilenetc(&["inspect", path.to_str().expect("UTF-8")]);
        assert_printable("path", &said);
        fs::write(&path, classifier(str::to_string).to_bytes()).expect("a file");
        let (content, said) = mobilenetc(&["inspect", path.to_str().expect("UTF-8")]);
        assert!(content, "{said}");
        assert_printable("path", &said);
    }
}

/// A chain of convolutions and activations with one operator spelled wrong in so many of its blocks.
fn broken(kind: usize, blocks: usize) -> Author {
    let channels = 4;
    let mut author = Author::new("chain", 13).input("v0", DType::F32, [1.into(), channels.into(), 8.into(), 8.into()]);
    author = author.initializer("p", &Tensor::ints([0i64; 8].as_slice()), Storage::Raw);
    for i in 0..blocks {
        let (x, conv, y) = (format!("v{i}"), format!("conv{i}"), format!("v{}", i + 1));
        let (w, vector) = (format!("weights/of/the/convolution/{i}"), format!("vector{i}"));
        author = author.initializer(
            &w,
            &Tensor::f32([channels, channels, 1, 1], vec![0.1; channels * channels]),
            Storage::Raw,
        );
        author = author.initializer(&vector, &Tensor::f32([channels], vec![-1.0; channels]), Storage::Raw);
        author =
            author.node(Node::new("Conv", [x.as_str(), &w], [conv.as_str()]).name(format!("block/{i}/convolution")));
        let node = |op: &str| Node::new(op, [conv.as_str()], [y.as_str()]).name(format!("block/{i}/activation"));
        let two = |op: &str, other: &str| {
            Node::new(op, [conv.as_str(), other], [y.as_str()]).name(format!("block/{i}/second"))
        };
        author = author.node(match kind {
            0 => node("Clip").float("min", 0.0).float("max", 6.0),
            1 => node("Fancy"),
            2 => node("Relu").int(&format!("private_{i}"), 1),
            3 => node("HardSwish"),
            4 => two("Mul", &conv),
            5 => node("Transpose").ints("perm", [0, 2, 1, 3]),
            6 => node("Erf"),
            7 => two("Squeeze", "p"),
            8 => two("Relu", "p"),
            9 => node("Softmax").int("axis", 9),
            10 => node("Conv").domain("com.microsoft.nchwc"),
            11 => {
                let v = vector.as_str();
                Node::new("BatchNormalization", [conv.as_str(), v, v, v, v], [y.as_str()])
                    .name(format!("block/{i}/norm"))
            }
            12 => two("Pow", &vector),
            _ => node(&format!("Unknown{i}")),
        });
    }
    author.output(&format!("v{blocks}"), DType::F32, [])
}

/// The option that ends the network in front of what can't be compiled is named where most of it stands in front.
#[test]
fn the_network_may_end_in_front_of_its_tail() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    for (broken, advice) in [("relu", None), ("pool", Some("--output e")), ("gemm", Some("--output d"))] {
        let mut author = classifier(str::to_string)
            .initializer("v", &Tensor::f32([8, 8, 1, 1], vec![0.1; 64]), Storage::Raw)
            .node(Node::new("Conv", ["b", "v"], ["e"]).name("second"));
        for node in &mut author.message().graph.mut_or_insert_default().node {
            if node.name == "pool" {
                node.input[0] = "e".into();
            }
            if node.name == broken {
                node.op_type = "Fancy".into();
            }
        }
        fs::write(&path, author.to_bytes()).expect("a file");
        let (content, said) = message(&["inspect", path.to_str().expect("UTF-8")]);
        let said = joined(&said);
        assert!(!content && said.contains("Fancy"), "{said}");
        match advice {
            Some(advice) => assert_says(&said, &[advice]),
            None => assert!(!said.contains("--output"), "{broken}: {said}"),
        }
    }
}

/// Lines of a message, and of the longest cause in it.
fn measure(said: &str) -> [usize; 2] {
    let mut causes = vec![0];
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("Error: ") {
            causes.push(0);
        }
        *causes.last_mut().expect("one") += 1;
    }
    [said.lines().count(), causes.into_iter().max().unwrap_or(0)]
}

#[test]
fn messages_are_short() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/field");
    match fs::read_dir(&shared) {
        Ok(entries) => {
            let paths = entries.map(|entry| entry.expect("an entry").path());
            files.extend(paths.filter(|p| p.is_file()).map(|p| (p.display().to_string(), p)));
        }
        Err(_) => println!("left out: ../shared/field is absent"),
    }
    let sound = classifier(str::to_string).to_bytes();
    let hostile = [
        ("cut".to_string(), sound[..sound.len() / 2].to_vec()),
        ("noise".to_string(), (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
    ];
    let flipped = (0..sound.len()).step_by(sound.len() / 24).map(|at| {
        let mut bytes = sound.clone();
        bytes[at] ^= 0xff;
        (format!("byte {at} flipped"), bytes)
    });
    let chains = (0..14).flat_map(|kind| [13, 200].map(|blocks| (kind, blocks)));
    let chains =
        chains.map(|(kind, blocks)| (format!("{blocks} blocks of kind {kind}"), broken(kind, blocks).to_bytes()));
    let mut long = classifier(|name| format!("{name}{}", "long".repeat(2000)));
    long.message().graph.mut_or_insert_default().node[1].op_type = "Op".repeat(5000);
    let long = [("long names".to_string(), long.to_bytes())];
    for (i, (name, bytes)) in hostile.into_iter().chain(flipped).chain(chains).chain(long).enumerate() {
        let path = folder.path().join(format!("{i}.onnx"));
        fs::write(&path, bytes).expect("a file");
        files.push((name, path));
    }
    let (mut refused, mut longest, mut longest_cause) = (0, (0, String::new()), (0, String::new()));
    for (name, path) in &files {
        let (content, said) = message(&["inspect", path.to_str().expect("UTF-8")]);
        if content {
            continue;
        }
        refused += 1;
        let [lines, cause] = measure(&said);
        longest = longest.max((lines, name.clone()));
        longest_cause = longest_cause.max((cause, name.clone()));
        assert!(lines <= LINES && cause <= CAUSE, "{name}: {lines} lines, a cause of {cause}:\n{said}");
        // The macro's error follows the same rule.
        let error = Model::read(path).and_then(|model| mobilenet_compiler::compile(&model, &Options::default()));
        if let Err(error) = error {
            assert!(error.to_string().lines().count() <= LINES, "{name}: {error}");
        }
    }
    println!(
        "{refused} of {} files refused; the longest message: {longest:?}, the longest cause: {longest_cause:?}",
        files.len()
    );
    assert!(refused >= 28, "{refused}");
}

#[test]
fn everything_is_said_where_it_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    fs::write(&path, broken(13, 200).to_bytes()).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let (_, short) = message(&["inspect", path]);
    let (_, whole) = message(&["inspect", path, "--verbose"]);
    assert_says(&joined(&short), &["200 problems", "are not shown: --verbose shows them"]);
    assert!(whole.contains("Unknown199") && !short.contains("Unknown199"), "{short}");
}
