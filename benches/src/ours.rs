//! This project's own contenders: the emitted Rust, the emitted C by each compiler at plain `-O3`, and C without intrinsics with the
//! flags that suit it.

use crate::models::Random;
use crate::place::{home, succeed, work};
use anyhow::{Context, Result};
use mobilenet_compiler::Options;
use mobilenet_compiler::emit::c::{COptions, Target};
use mobilenet_compiler::emit::{self, Provenance};
use mobilenet_compiler::graph::{self, Tensor};
use mobilenet_compiler::network::StageKind;
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::{compile_file, onnx, quant, recognise, reference};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Emitted Rust on the runtime crate.
    Rust,
    /// The same in a debug build, with the profile lines of the README.
    Debug,
    /// Emitted C by gcc.
    Gcc,
    /// Emitted C by clang.
    Clang,
    /// C for any compiler, by gcc.
    Generic,
}

impl Variant {
    /// Those that can run with so many threads.
    pub fn all(threads: usize) -> Vec<Self> {
        match threads {
            1 => vec![Self::Rust, Self::Debug, Self::Gcc, Self::Clang, Self::Generic],
            _ => vec![Self::Rust],
        }
    }

    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "ours, Rust",
            Self::Debug => "ours, Rust, debug build",
            Self::Gcc => "ours, C by gcc",
            Self::Clang => "ours, C by clang",
            Self::Generic => "ours, generic C by gcc",
        }
    }
}

/// Writes `input.f32`, seeded normal deviates, and returns the reference's output for it.
pub fn reference(model: &Path, folder: &Path) -> Result<Vec<f32>> {
    let saved = folder.join("reference.f32");
    let graph = graph::import(&onnx::Model::read(model)?, &Options::default())?;
    let shape = &graph[graph.input].ty.shape;
    let input = Random(7).normal(shape.iter().product(), 0.0, 1.0);
    std::fs::write(folder.join("input.f32"), bytes(&input))?;
    if let Ok(saved) = std::fs::read(&saved) {
        return Ok(floats(&saved));
    }
    let input = Tensor::f32(shape.clone(), input);
    let outputs = match quantum(model)? {
        Some(_) => quant::run(&recognise(&onnx::Model::read(model)?, &Options::default())?, &input)?,
        None => reference::run(&graph, &input)?,
    };
    let output = outputs[0].to_f32().to_vec();
    std::fs::write(saved, bytes(&output))?;
    Ok(output)
}

/// What a code of a quantised model's output counts; nothing of a model on numbers.
pub fn quantum(model: &Path) -> Result<Option<f32>> {
    let network = recognise(&onnx::Model::read(model)?, &Options::default())?;
    let last = network.stages.iter().rev().find(|stage| matches!(stage.kind, StageKind::Dequantise));
    Ok(last.and_then(|stage| network.maps[stage.inputs[0].0 as usize].quant).map(|quant| quant.scale))
}

/// Compiles the network in `folder` to a shared library that exports `run`.
pub fn build(variant: Variant, folder: &Path, threads: usize) -> Result<PathBuf> {
    let plan = compile_file(&folder.join("net.onnx"), &Options::default())?;
    match variant {
        Variant::Rust => rust(&plan, folder, threads, true),
        Variant::Debug => rust(&plan, folder, threads, false),
        Variant::Gcc => c(&plan, folder, "gcc", Target::Auto),
        Variant::Clang => c(&plan, folder, "clang", Target::Auto),
        Variant::Generic => c(&plan, folder, "gcc", Target::Generic),
    }
}

fn rust(plan: &Plan, folder: &Path, threads: usize, release: bool) -> Result<PathBuf> {
    let project = folder.join("rust");
    let provenance = Provenance { model: "net.onnx".into(), ..Provenance::default() };
    emit::rust::files(plan, "Net", "net", &provenance)?.write_to(&project.join("src"))?;
    let key = folder.file_name().and_then(|n| n.to_str()).unwrap_or("net").replace('.', "_");
    let runtime = home().join("../runtime").canonicalize()?;
    let features = if threads > 1 { r#""std", "threads""# } else { r#""std""# };
    let manifest = format!(
        "[package]\nname = \"ours-{key}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n\n\
         [dependencies.mobilenet-runtime]\npath = {runtime:?}\ndefault-features = false\nfeatures = [{features}]\n\n\
         [profile.dev.package.mobilenet-runtime]\nopt-level = 3\ndebug-assertions = false\noverflow-checks = false\n"
    );
    std::fs::write(project.join("Cargo.toml"), manifest)?;
    let source = if threads > 1 { LIBRARY_THREADS.replace("THREADS", &threads.to_string()) } else { LIBRARY.into() };
    std::fs::write(project.join("src/lib.rs"), source)?;
    let target = work().join(format!("cargo-{threads}"));
    succeed(
        Command::new("cargo")
            .args(["build", "--manifest-path"])
            .arg(project.join("Cargo.toml"))
            .args(release.then_some("--release"))
            .env("CARGO_TARGET_DIR", &target),
    )?;
    let profile = if release { "release" } else { "debug" };
    let library = folder.join(format!("rust-{threads}-{profile}.so"));
    std::fs::copy(target.join(format!("{profile}/libours_{}.so", key.replace('-', "_"))), &library)?;
    Ok(library)
}

const LIBRARY: &str = "
mod net;
use net::Net;
use std::cell::RefCell;

thread_local!(static ARENA: RefCell<Box<net::NetArena>> = RefCell::new(Net::new_arena()));

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn run(input: *const f32, output: *mut f32) {
    // SAFETY: the caller's buffers have the model's lengths.
    let (input, output) = unsafe { (&*input.cast(), &mut *output.cast()) };
    ARENA.with_borrow_mut(|arena| Net::run(input, output, arena));
}
";

/// As a program would: one pool around many inferences.
const LIBRARY_THREADS: &str = "
mod net;
use mobilenet_runtime::{ScopedThreads, with_pool};
use net::Net;
use std::time::Instant;

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn run_many(input: *const f32, output: *mut f32, nanoseconds: *mut u64, count: usize) {
    // SAFETY: the caller's buffers have the model's lengths, and `count` times fit.
    let (input, output, times) = unsafe {
        (&*input.cast(), &mut *output.cast(), std::slice::from_raw_parts_mut(nanoseconds, count))
    };
    let mut arena = Net::new_arena();
    with_pool(&ScopedThreads(THREADS), || {
        for time in times {
            let start = Instant::now();
            Net::run(input, output, &mut arena);
            *time = start.elapsed().as_nanos() as u64;
        }
    });
}
";

/// Flags of the contender without intrinsics, and of the peer that writes such C.
pub const GENERIC: [&str; 2] = ["-march=native", "-ffast-math"];

fn c(plan: &Plan, folder: &Path, compiler: &str, target: Target) -> Result<PathBuf> {
    let isa = std::env::var("MOBILENET_ISA").unwrap_or_default();
    let project = folder.join(format!("c-{compiler}-{}{isa}", target.name()));
    let library = project.join("net.so");
    let on_codes = plan.links().any(|link| link.codes.is_some());
    let mut files = emit::c::emit(plan, &COptions { name: "net".into(), target, ..COptions::default() })?;
    files.insert(
        "run.c",
        "#include \"net.h\"\nstatic net_arena arena;\n\
         void run(const float *input, float *output) { net_run(input, output, &arena); }\n",
    );
    let same = |(name, contents): (&str, &[u8])| std::fs::read(project.join(name)).is_ok_and(|found| found == contents);
    if library.exists() && files.iter().all(same) {
        return Ok(library);
    }
    files.write_to(&project)?;
    succeed(
        Command::new(compiler)
            .args(["-O3", "-shared", "-fPIC", "run.c", "net.c", "net_weights.c", "-o", "net.so"])
            .args((isa == "avx2").then_some("-DNET_LEVEL=1"))
            // Rounding to codes does not survive -ffast-math.
            .args((target == Target::Generic).then_some(GENERIC).into_iter().flatten().take(if on_codes {
                1
            } else {
                2
            }))
            .current_dir(&project),
    )
    .context("the emitted C")?;
    Ok(library)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Little-endian floats.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
