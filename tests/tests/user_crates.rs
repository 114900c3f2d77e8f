//! Crates that a user could write around `mobilenet_model!` and `Build`, each built as Cargo builds it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};
use mobilenet_tests::fixture;

/// A crate in a folder of its own under the target folder.
struct UserCrate {
    folder: PathBuf,
}

impl UserCrate {
    /// `dependencies` are the manifest's sections behind `[package]`; `ROOT` in them stands for the workspace.
    fn new(name: &str, dependencies: &str, files: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("user_crates").join(name);
        let _ = fs::remove_dir_all(&folder);
        let user = Self { folder };
        let dependencies = dependencies.replace("ROOT", &root.display().to_string());
        let manifest = format!(
            "[package]\nname = \"user-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}\n\n[workspace]\n"
        );
        user.write("Cargo.toml", &manifest);
        for (file, text) in files {
            user.write(file, text);
        }
        fs::copy(root.join("Cargo.lock"), user.folder.join("Cargo.lock")).expect("the workspace's Cargo.lock");
        user
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn cargo<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("user_crates/target");
        Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo starts")
    }

    /// What it prints, if it succeeds.
    fn succeed(&self, arguments: &[&str]) -> (String, String) {
        let output = self.cargo(arguments);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "cargo {arguments:?} failed:\n{stdout}\n{stderr}");
        (stdout, stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn model(seed: u64) -> Vec<u8> {
    fixture::plain(seed, Storage::Raw).to_bytes()
}

const RUNTIME: &str = "[dependencies]\nmobilenet-runtime = { path = \"ROOT/runtime\" }";

const SCORES: &str = r#"
fn main() {
    let image: [f32; Net::INPUT_LEN] = core::array::from_fn(|i| (i % 7) as f32 / 7.0);
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(&image, &mut scores, &mut Net::new_arena());
    println!("{scores:?}");
}
"#;

#[test]
fn an_edited_model_rebuilds_the_crate_and_an_unchanged_one_does_not() {
    let main = format!("mobilenet_runtime::mobilenet_model!(\"net.onnx\");\n{SCORES}");
    let user = UserCrate::new("edited", RUNTIME, &[("src/main.rs", &main)]);
    user.write("net.onnx", model(1));
    let (first, _) = user.succeed(&["run"]);
    let (_, log) = user.succeed(&["build", "--verbose"]);
    assert!(log.contains("Fresh user-edited"), "{log}");
    user.write("net.onnx", model(2));
    let (second, _) = user.succeed(&["run"]);
    assert_ne!(first, second);
}

#[test]
fn edited_external_data_rebuilds_the_crate() {
    let main = format!("mobilenet_runtime::mobilenet_model!(\"net.onnx\");\n{SCORES}");
    let user = UserCrate::new("external", RUNTIME, &[("src/main.rs", &main)]);
    let net = |seed| fixture::plain(seed, Storage::External("weights.bin".into()));
    net(1).write(user.folder.join("net.onnx")).expect("writable");
    let (first, _) = user.succeed(&["run"]);
    let model = fs::read(user.folder.join("net.onnx")).expect("readable");
    net(2).write(user.folder.join("net.onnx")).expect("writable");
    assert_eq!(fs::read(user.folder.join("net.onnx")).ok(), Some(model), "only the external data differs");
    let (second, _) = user.succeed(&["run"]);
    assert_ne!(first, second);
}

#[test]
fn strict_lints_find_nothing() {
    let lib = r#"//! A crate with strict lints.
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, clippy::all, clippy::pedantic)]

mobilenet_runtime::mobilenet_model!("net.onnx", pub struct First);
mobilenet_runtime::mobilenet_model!(
    "net.onnx",
    /// The second of two models in one module.
    pub(crate) struct Second,
    resolution = [32, 24],
    batch = 2,
);

/// Scores of both.
#[must_use]
pub fn scores(image: &[f32; First::INPUT_LEN]) -> f32 {
    let (mut first, mut second) = ([0.0; First::OUTPUT_LEN], [0.0; Second::OUTPUT_LEN]);
    First::run(image, &mut first, &mut First::new_arena());
    Second::run(&Second::new_input(), &mut second, &mut Second::new_arena());
    first[0] + second[0]
}
"#;
    let user = UserCrate::new("strict", RUNTIME, &[("src/lib.rs", lib)]);
    user.write("net.onnx", model(1));
    let clippy = Command::new(env!("CARGO")).args(["clippy", "--version"]).output().is_ok_and(|o| o.status.success());
    user.succeed(&[if clippy { "clippy" } else { "check" }]);
}

/// Halves every number of float16: as the bits say, below 2^-13 whole numbers of 2^-24, ties to even.
#[test]
fn ports_of_float16() {
    let main = r#"
use mobilenet_runtime::{F16, Model};

mobilenet_runtime::mobilenet_model!("net.onnx", struct Net, ports = f16, top_k = 1);

fn main() {
    let mut image = Net::new_input();
    for (bits, pixel) in (0..=u16::MAX).zip(image.iter_mut()) {
        *pixel = F16::from_bits(bits);
    }
    let mut output: [F16; Net::OUTPUT_LEN] = [F16::ZERO; Net::OUTPUT_LEN];
    <Net as Model>::run(&image, &mut output, &mut Net::new_arena());
    let wrong = (0..=u16::MAX).zip(&output).filter(|&(bits, found)| {
        let (sign, size) = (bits & 0x8000, bits & 0x7fff);
        let half = match size {
            0x7c00.. => size,
            0x0800.. => size - 0x400,
            _ => size / 2 + (size & (size / 2) & 1),
        };
        let right = F16::from_bits(sign | half);
        *found != right && !(found.to_f32().is_nan() && right.to_f32().is_nan())
    });
    println!("{} wrong, most at {:#06x}", wrong.count(), Net::top_k(&output)[0].class);
}
"#;
    let user = UserCrate::new("halves", RUNTIME, &[("src/main.rs", main)]);
    let net = Author::new("g", 13)
        .input("x", DType::F32, [1, 1, 256, 256].map(Dim::Value))
        .initializer("w", &Tensor::f32([1, 1, 1, 1], [0.5]), Storage::Raw)
        .node(Node::new("Conv", ["x", "w"], ["y"]))
        .output("y", DType::F32, [1, 1, 256, 256].map(Dim::Value));
    user.write("net.onnx", net.to_bytes());
    assert_eq!(user.succeed(&["run"]).0, "0 wrong, most at 0x7c00\n");
}

#[test]
fn the_runtime_may_be_renamed_and_the_crate_without_std() {
    let lib = r#"//! A `no_std` crate without an allocator.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use nets::TakeOnce;

nets::mobilenet_model!("net.onnx", pub struct Net);

static ARENA: TakeOnce<NetArena> = TakeOnce::new(NetArena::new());

/// Scores of an image, once.
pub fn scores(image: &[f32; Net::INPUT_LEN]) -> Option<[f32; Net::OUTPUT_LEN]> {
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(image, &mut scores, ARENA.take()?);
    Some(scores)
}
"#;
    let dependencies = "[dependencies.nets]\npackage = \"mobilenet-runtime\"\npath = \"ROOT/runtime\"\ndefault-features = false\nfeatures = [\"macros\"]";
    let user = UserCrate::new("bare", dependencies, &[("src/lib.rs", lib)]);
    user.write("net.onnx", model(1));
    user.succeed(&["check"]);
}

#[test]
fn a_build_script_gives_what_the_macro_gives() {
    let build = r#"//! Compiles the models.
fn main() {
    mobilenet_compiler::Build::new("models/my-net.onnx").name("Net").compile();
}
"#;
    let with_macro = format!("mobilenet_runtime::mobilenet_model!(\"models/my-net.onnx\", struct Net);\n{SCORES}");
    let with_build = format!("include!(concat!(env!(\"OUT_DIR\"), \"/my-net.rs\"));\n{SCORES}");
    let dependencies = format!(
        "{RUNTIME}\n\n[build-dependencies]\nmobilenet-compiler = {{ path = \"ROOT/compiler\", default-features = false }}"
    );
    let user = UserCrate::new("script", &dependencies, &[("build.rs", build), ("src/main.rs", &with_build)]);
    user.write("models/my-net.onnx", model(1));
    let (built, _) = user.succeed(&["run"]);
    let (_, log) = user.succeed(&["build", "--verbose"]);
    assert!(log.contains("Fresh user-script"), "{log}");
    user.write("src/main.rs", &with_macro);
    let (expanded, _) = user.succeed(&["run"]);
    assert_eq!(built, expanded);

    user.write("models/my-net.onnx", model(2));
    user.write("src/main.rs", &with_build);
    let (rebuilt, _) = user.succeed(&["run"]);
    assert_ne!(built, rebuilt);

    user.write("models/my-net.onnx", b"not a model");
    let broken = user.cargo(&["build"]);
    assert!(!broken.status.success());
    assert!(text(&broken.stderr).contains("models/my-net.onnx"), "{}", text(&broken.stderr));
    assert!(!text(&broken.stderr).contains("panicked"), "{}", text(&broken.stderr));
}

const LABELLED: &str = r#"
fn main() {
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(&[0.5; Net::INPUT_LEN], &mut scores, &mut Net::new_arena());
    assert_eq!(Net::top_k(&scores).len(), Net::TOP_K);
    assert_eq!(Net::top_k(&[1.0, f32::NAN, 2.0]).map_classes(), [2, 0]);
    assert_eq!(<Net as mobilenet_runtime::Model>::LABELS, &Net::LABELS[..]);
    println!("{:?}", Net::LABELS);
}

trait Classes {
    fn map_classes(self) -> [usize; 2];
}

impl Classes for mobilenet_runtime::TopK<2> {
    fn map_classes(self) -> [usize; 2] {
        [self[0].class, self[1].class]
    }
}
"#;

#[test]
fn labels_and_a_ranking_by_macro_and_build_script() {
    let build = r#"//! Compiles the model.
fn main() {
    mobilenet_compiler::Build::new("net.onnx").labels("labels.txt").top_k(2).compile();
}
"#;
    let with_macro =
        format!("mobilenet_runtime::mobilenet_model!(\"net.onnx\", labels = \"labels.txt\", top_k = 2);\n{LABELLED}");
    let with_build = format!("include!(concat!(env!(\"OUT_DIR\"), \"/net.rs\"));\n{LABELLED}");
    let dependencies = format!(
        "{RUNTIME}\n\n[build-dependencies]\nmobilenet-compiler = {{ path = \"ROOT/compiler\", default-features = false }}"
    );
    let user = UserCrate::new("labels", &dependencies, &[("build.rs", build)]);
    user.write("net.onnx", model(1));
    for main in [with_macro, with_build] {
        user.write("src/main.rs", main);
        user.write("labels.txt", "cat\n\"d\\og\"\n\u{202e}é\n");
        let (first, _) = user.succeed(&["run"]);
        assert_eq!(first.trim(), r#"["cat", "\"d\\og\"", "\u{202e}é"]"#);
        user.write("labels.txt", "cat\ndog\nemu\n");
        let (second, _) = user.succeed(&["run"]);
        assert_eq!(second.trim(), r#"["cat", "dog", "emu"]"#);
        let (_, log) = user.succeed(&["build", "--verbose"]);
        assert!(log.contains("Fresh user-labels"), "{log}");
        user.write("labels.txt", "cat\ndog\n");
        let broken = user.cargo(&["build"]);
        assert!(!broken.status.success());
        assert!(text(&broken.stderr).contains("3 lines, one per class"), "{}", text(&broken.stderr));
    }
}

#[test]
fn several_models_share_a_module() {
    let user = UserCrate::new("several", RUNTIME, &[("src/main.rs", SEVERAL)]);
    user.write("net.onnx", model(1));
    user.succeed(&["run"]);
}

#[test]
fn camera_bytes_score_as_the_floats_that_they_stand_for() {
    let user = UserCrate::new("camera", RUNTIME, &[("src/main.rs", CAMERA)]);
    user.write("net.onnx", model(1));
    user.succeed(&["run"]);
}

const CAMERA: &str = r#"//! A model as its file has it, and the same for the bytes of a camera.
#![deny(missing_docs, warnings)]

use mobilenet_runtime::{Layout, mobilenet_model, softmax};

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

mobilenet_model!("net.onnx");
mobilenet_model!(
    "net.onnx",
    struct Camera,
    input = u8,
    normalise = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    input_layout = nhwc,
    softmax
);
mobilenet_model!("net.onnx", struct Grey, grey);

fn main() {
    assert_eq!(Camera::INPUT_SHAPE, [1, 16, 16, 3]);
    assert_eq!(Camera::INPUT_LAYOUT, Layout::Nhwc);
    assert_eq!(Grey::INPUT_SHAPE, [1, 1, 16, 16]);

    let bytes: [u8; Camera::INPUT_LEN] = core::array::from_fn(|i| (i * 89 % 256) as u8);
    let floats: [f32; Net::INPUT_LEN] = core::array::from_fn(|i| {
        let (channel, pixel) = (i / 256, i % 256);
        (f32::from(bytes[3 * pixel + channel]) / 255.0 - MEAN[channel]) / STD[channel]
    });
    let mut expected = scores(&floats);
    softmax::<Net>(&mut expected);
    let mut found = [0.0; Camera::OUTPUT_LEN];
    Camera::run(&bytes, &mut found, &mut Camera::new_arena());
    assert_close(&found, &expected);

    let grey: [f32; Grey::INPUT_LEN] = core::array::from_fn(|i| floats[i]);
    let mut found = [0.0; Grey::OUTPUT_LEN];
    Grey::run(&grey, &mut found, &mut Grey::new_arena());
    assert_close(&found, &scores(&core::array::from_fn(|i| grey[i % 256])));
}

fn scores(floats: &[f32; Net::INPUT_LEN]) -> [f32; Net::OUTPUT_LEN] {
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(floats, &mut scores, &mut Net::new_arena());
    scores
}

fn assert_close(found: &[f32], expected: &[f32]) {
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let close = found.iter().zip(expected).all(|(x, y)| (x - y).abs() <= 1e-4 * largest);
    assert!(close, "{found:?} instead of {expected:?}");
}
"#;

const SEVERAL: &str = r#"//! Several models in one module, one of them named by its file, one in a function.
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use mobilenet_runtime::mobilenet_model;

mobilenet_model!("net.onnx");
mobilenet_model!("net.onnx", /** A larger one. */ #[derive(PartialEq)] pub struct Large, resolution = [48, 32]);
mobilenet_model!("net.onnx", struct Batch, batch = 3,);

/// Two classes may not share a name with anything in the prelude: `Vec`, `Option`.
pub mod prelude {
    mobilenet_runtime::mobilenet_model!("net.onnx", pub struct Option);
}

fn main() {
    assert_eq!(Net::INPUT_SHAPE, [1, 3, 16, 16]);
    assert_eq!(Large::INPUT_SHAPE, [1, 3, 48, 32]);
    assert_eq!(Batch::INPUT_SHAPE, [3, 3, 16, 16]);
    assert_eq!(Batch::OUTPUT_LEN, 3 * Net::OUTPUT_LEN);
    assert_eq!(prelude::Option::WEIGHT_BYTES, Net::WEIGHT_BYTES);
    assert!(Large == Large);

    let mut one = [0.0; Net::OUTPUT_LEN];
    let mut image = [0.25; Net::INPUT_LEN];
    image[7] = 1.0;
    Net::run(&image, &mut one, &mut Net::new_arena());

    let mut images = Batch::new_input();
    images[Net::INPUT_LEN..2 * Net::INPUT_LEN].copy_from_slice(&image);
    let mut three = [0.0; Batch::OUTPUT_LEN];
    Batch::run(&images, &mut three, &mut Batch::new_arena());
    assert_eq!(three[Net::OUTPUT_LEN..2 * Net::OUTPUT_LEN], one);
    assert_eq!(three[..Net::OUTPUT_LEN], three[2 * Net::OUTPUT_LEN..]);

    in_function();
}

fn in_function() {
    mobilenet_model!("net.onnx", struct Inner);
    let mut scores = [0.0; Inner::OUTPUT_LEN];
    Inner::run(&[0.0; Inner::INPUT_LEN], &mut scores, &mut InnerArena::new());
    assert!(scores.iter().all(|score| score.is_finite()));
}
"#;
