//! Emitted C on the kernels of the Rust runtime: what it computes is what emitted Rust computes, bit for bit.

use crate::emitted::{Folder, fashion, needs, tiny};
use crate::{Stop, differential, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Kernels, Project, WeightStorage};
use mobilenet_compiler::host::{Compiler, Runtime};
use mobilenet_tests::case::Case;
use mobilenet_tests::compare::agree;
use mobilenet_tests::program::c::{STRICT, Toolchain};
use mobilenet_tests::program::runtime::Library;
use mobilenet_tests::program::rust::{self, Profile};
use mobilenet_tests::program::{Io, Program, Request, board, check, isas};
use mobilenet_tests::shared::float_models;
use mobilenet_tests::weights::Noise;
use std::fs;
use std::sync::LazyLock;

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for isa in isas() {
        trials.push(trial(format!("capi::random_networks_{isa}"), move || random_networks(isa)));
        trials.push(trial(format!("capi::real_models_{isa}"), move || real_models(isa)));
    }
    trials.push(trial("capi::fashion", fashion_everywhere));
    for compiler in ["gcc", "clang"] {
        trials.push(trial(format!("capi::forms_{compiler}"), move || forms(compiler)));
    }
    trials.push(trial("capi::forms_cxx", forms_cxx));
    trials.push(trial("capi::another_version_is_an_error", another_version));
    trials.push(trial("capi::cmake_builds_it", cmake));
    trials.push(trial("capi::cortex_m4", cortex_m4));
    trials
}

static LIBRARY: LazyLock<Result<Library, String>> = LazyLock::new(|| Library::host(&scratch().join("target")));

fn library() -> Result<&'static Library, Stop> {
    LIBRARY.as_ref().map_err(failed)
}

fn failed(message: impl ToString) -> Stop {
    Stop::Failed(message.to_string())
}

/// A program of models on the runtime.
fn program(name: &str, cases: &[&Case]) -> Result<Program, Stop> {
    let toolchain = Toolchain { rows: true, runtime: Some(library()?.clone()), ..Toolchain::host("gcc") };
    toolchain.present().map_err(Stop::Absent)?;
    let modules = cases.iter().map(|case| case.c_on_runtime()).collect::<Result<Vec<_>, _>>()?;
    Ok(toolchain.build(&scratch().join(name), &modules)?)
}

static NETWORKS: LazyLock<Result<Program, String>> = LazyLock::new(|| {
    let all = differential::ALL.as_ref().map_err(Clone::clone)?;
    let cases: Vec<_> = all.iter().map(|drawn| &drawn.case).collect();
    program("capi-networks", &cases).map_err(Stop::message)
});

fn random_networks(isa: &'static str) -> Result<(), Stop> {
    needs(&["gcc"])?;
    let (c, rust) = (NETWORKS.as_ref().map_err(failed)?, differential::RUST.as_ref().map_err(failed)?);
    let [found, expected] = [differential::outputs(c, Some(isa))?, differential::outputs(rust, Some(isa))?];
    found.iter().zip(&expected).enumerate().try_for_each(|(i, (found, expected))| same(&i, found, expected))
}

/// The bits of all outputs of a model are the same.
fn same(model: &dyn std::fmt::Display, found: &[Vec<f64>], expected: &[Vec<f64>]) -> Result<(), Stop> {
    let bits = |rows: &[Vec<f64>]| rows.concat().into_iter().map(f64::to_bits).collect::<Vec<_>>();
    let (found, expected) = (bits(found), bits(expected));
    match found.iter().zip(&expected).position(|(found, expected)| found != expected) {
        None if found.len() == expected.len() && !found.is_empty() => Ok(()),
        at => Err(Stop::Failed(format!("model {model}: C and Rust differ, first at {at:?} of {}", expected.len()))),
    }
}

static REAL: LazyLock<Result<Program, String>> = LazyLock::new(|| {
    let models = float_models()?;
    let cases = models.iter().enumerate().map(|(i, model)| Case::read(&format!("model{i}"), &model.path));
    let cases = cases.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    program("capi-real", &cases.iter().collect::<Vec<_>>()).map_err(Stop::message)
});

fn real_models(isa: &'static str) -> Result<(), Stop> {
    let models = float_models().map_err(Stop::Absent)?;
    needs(&["gcc"])?;
    let c = REAL.as_ref().map_err(failed)?;
    let rust = Program { path: env!("CARGO_BIN_EXE_real-models").into(), through: Vec::new(), io: Io::Pipes };
    for (index, model) in models.iter().enumerate() {
        let inputs = model.rows.iter().take(2).map(|row| model.input(row)).collect::<Result<Vec<_>, _>>()?;
        let output_len = model.expected()?.first().map_or(0, |row| row.iter().map(Vec::len).sum());
        let request = [Request { index, inputs: &inputs, output_len }];
        let [found, expected] = [c.run(&request, Some(isa))?, rust.run(&request, Some(isa))?];
        same(&model.name, &found.concat(), &expected.concat())?;
    }
    Ok(())
}

fn floats(case: &Case) -> Vec<Vec<u8>> {
    let mut noise = Noise::new(1);
    let mut input = || noise.vector(case.plan.lengths().0, -1.0, 1.0).iter().flat_map(|x| x.to_le_bytes()).collect();
    vec![input(), input()]
}

fn fashion_everywhere() -> Result<(), Stop> {
    let case = fashion()?;
    let c = program("capi-fashion", &[&case])?;
    let rust = rust::build(&scratch().join("capi-rust"), &scratch().join("target"), &[case.rust()?], Profile::Debug)?;
    let inputs = floats(&case);
    let request = [Request { index: 0, inputs: &inputs, output_len: case.output_len() }];
    for isa in isas() {
        let [found, expected] = [c.run(&request, Some(isa))?, rust.run(&request, Some(isa))?];
        same(&isa, &found.concat(), &expected.concat())?;
    }
    let runtime = Runtime::build(&scratch().join("via")).map_err(failed)?;
    let compiler = Compiler::find().map_err(failed)?.with_runtime(runtime);
    let mut loaded = compiler.compile(&case.plan).map_err(failed)?;
    let mut found = Vec::new();
    for input in &inputs {
        found.push(loaded.run(input).map_err(failed)?.concat().into_iter().map(f64::from).collect());
    }
    same(&"loaded by the host", &found, &rust.run(&request, None)?.concat())
}

/// Loads the weights if it must, runs the self-test, and counts the steps.
const MAIN: &str = r#"#include "net.h"
#include <stdio.h>
#include <stdlib.h>

static net_arena arena;

int main(void)
{
#ifdef NET_ERROR_NOT_LOADED
    static union { double alignment; unsigned char bytes[1 << 20]; } blob;
    FILE *file = fopen("net.bin", "rb");
    const size_t size = file ? fread(blob.bytes, 1, sizeof blob.bytes, file) : 0;
    if (net_self_test(&arena) != NET_ERROR_NOT_LOADED) return 1;
    if (net_load(&arena, blob.bytes, size) != NET_OK) return 2;
#endif
    return net_self_test(&arena);
}
"#;

const WARNINGS: [&str; 2] = ["-Wshadow", "-Wdouble-promotion"];

fn form(compiler: &str, name: &str, weights: WeightStorage) -> Result<Folder, Stop> {
    let kernels = Kernels::Runtime;
    let projects = vec![Project::Cmake];
    let options = COptions { weights, kernels, stage_hooks: true, projects, ..COptions::default() };
    let files = tiny()?.self_testing(options)?;
    let folder = Folder::new(&format!("capi-form-{compiler}-{name}"), &files)?;
    folder.write("main.c", MAIN)?;
    Ok(folder)
}

fn forms(compiler: &'static str) -> Result<(), Stop> {
    needs(&[compiler])?;
    let library = library()?;
    for (name, weights) in crate::emitted::FORMS {
        let folder = form(compiler, name, weights)?;
        let mut command = folder.command(compiler);
        command.args(STRICT).args(WARNINGS).args(["-O1", "-o", "program"]).arg("-I").arg(&library.include);
        check(command.args(folder.sources()?).arg(&library.archive).args(library.needs))?;
        folder.passes()?;
    }
    Ok(())
}

fn forms_cxx() -> Result<(), Stop> {
    let library = library()?;
    for compiler in ["g++", "clang++"] {
        needs(&[compiler])?;
        let folder = form(compiler, "cxx", WeightStorage::Incbin)?;
        let mut command = folder.command(compiler);
        command.args(["-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]);
        command.args(WARNINGS).args(["-O1", "-o", "program"]).arg("-I").arg(&library.include);
        command.args(["main.c", "net.c", "net_test.c", "-x", "none", "net_weights.S"]);
        check(command.arg(&library.archive).args(library.needs))?;
        folder.passes()?;
    }
    Ok(())
}

/// A header of another version stops the compiler; a library of another version is an error when the code runs.
fn another_version() -> Result<(), Stop> {
    needs(&["gcc"])?;
    let library = library()?;
    let folder = form("gcc", "version", WeightStorage::Source)?;
    let header = fs::read_to_string(library.include.join("mobilenet_runtime.h")).map_err(|e| e.to_string())?;
    let raised = header.replace("#define MOBILENET_RT_ABI ", "#define MOBILENET_RT_ABI 1000 + ");
    folder.write("mobilenet_runtime.h", &raised)?;
    match check(folder.command("gcc").args(["-c", "-I.", "net.c"])) {
        Err(said) if said.contains("another version of mobilenet-runtime-capi") => {}
        other => return Err(Stop::Failed(format!("a header of another version: {other:?}"))),
    }
    let source = fs::read_to_string(folder.0.join("net.c")).map_err(|e| e.to_string())?;
    folder.write("net.c", &source.replace("MOBILENET_RT_ABI, ", "MOBILENET_RT_ABI + 1, "))?;
    let mut command = folder.command("gcc");
    command.arg("-I").arg(&library.include).args(["-o", "program"]).args(folder.sources()?);
    check(command.arg(&library.archive).args(library.needs))?;
    match folder.status()? {
        7 => Ok(()),
        code => Err(Stop::Failed(format!("{code} instead of NET_ERROR_RUNTIME"))),
    }
}

fn cmake() -> Result<(), Stop> {
    needs(&["cmake", "gcc"])?;
    let library = library()?;
    let folder = form("cmake", "source", WeightStorage::Source)?;
    let configure = |options: &[String]| {
        check(folder.command("cmake").args(["-S", ".", "-B", "build", "-DCMAKE_C_COMPILER=gcc"]).args(options))
    };
    match configure(&[]) {
        Err(said) if said.contains("MOBILENET_RUNTIME_LIBRARY=") => {}
        other => return Err(Stop::Failed(format!("without a runtime: {other:?}"))),
    }
    let lists = folder.0.join("CMakeLists.txt");
    let text = fs::read_to_string(&lists).map_err(|e| e.to_string())?;
    folder.write(
        "CMakeLists.txt",
        &format!("{text}add_executable(program main.c)\ntarget_link_libraries(program net)\n"),
    )?;
    configure(&[
        format!("-DMOBILENET_RUNTIME_LIBRARY={}", library.archive.display()),
        format!("-DMOBILENET_RUNTIME_INCLUDE={}", library.include.display()),
    ])?;
    check(folder.command("cmake").args(["--build", "build"]))?;
    check(&mut folder.command("build/program"))?;
    Ok(())
}

/// Without an operating system, on the emulated board.
fn cortex_m4() -> Result<(), Stop> {
    rust::can_cross().map_err(Stop::Absent)?;
    let toolchain = Toolchain::board(board::M4);
    toolchain.present().map_err(Stop::Absent)?;
    let runtime = Some(Library::thumbv7em(&scratch().join("target"))?);
    let case = fashion()?;
    let program =
        Toolchain { runtime, ..toolchain }.build(&scratch().join("capi-cortex-m"), &[case.c_on_runtime()?])?;
    let inputs = floats(&case);
    let found = program.run(&[Request { index: 0, inputs: &inputs, output_len: case.output_len() }], None)?;
    for (input, found) in inputs.iter().zip(found.iter().flatten()) {
        agree(&case.reference(input)?, found)?;
    }
    Ok(())
}
