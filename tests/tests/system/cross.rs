//! A trained model for other processors as emitted Rust, run under emulators; `targets` has the same in C.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_tests::case::Case;
use mobilenet_tests::compare::agree;
use mobilenet_tests::program::c::installed;
use mobilenet_tests::program::{Program, Request, check, rust};
use mobilenet_tests::shared::workspace;
use mobilenet_tests::weights::Noise;
use std::path::Path;
use std::process::Command;

pub fn trials() -> Vec<Trial> {
    vec![trial("cross::rust_aarch64", rust_aarch64), trial("cross::rust_no_std_thumbv7em", rust_thumbv7em)]
}

/// The network that the example classifies with.
fn fashion() -> Result<Case, Stop> {
    let path = workspace().join("examples/classify/model/fashion_a025_64.onnx");
    Case::read("fashion", &path).map_err(|e| Stop::Failed(e.to_string()))
}

fn agrees(program: &Program, case: &Case) -> Result<(), Stop> {
    let mut noise = Noise::new(1);
    let inputs: Vec<Vec<u8>> = (0..2)
        .map(|_| noise.vector(case.plan.lengths().0, -1.0, 1.0).iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let found = program.run(&[Request { index: 0, inputs: &inputs, output_len: case.output_len() }], None)?;
    for (input, found) in inputs.iter().zip(found.iter().flatten()) {
        agree(&case.reference(input)?, found)?;
    }
    Ok(())
}

/// The hot loop multiplies and adds four lanes at once.
fn uses_fmla(program: &Path) -> Result<(), Stop> {
    let text = check(Command::new("aarch64-linux-gnu-objdump").arg("-d").arg(program))?;
    // A micro-kernel's loop holds many; a stray one proves nothing.
    let lanes = text.lines().filter(|line| line.contains("fmla") && line.contains(".4s")).count();
    if lanes >= 16 { Ok(()) } else { Err(Stop::Failed(format!("{lanes} vector fmla in {}", program.display()))) }
}

/// Whether Rust can be built for aarch64 here, and run.
pub fn can_run_aarch64() -> Result<(), Stop> {
    if std::env::var_os("MOBILENET_CROSS").is_none() {
        return Err(Stop::Absent("builds the standard library, a minute: set MOBILENET_CROSS=1".into()));
    }
    rust::can_cross().map_err(Stop::Absent)?;
    ["aarch64-linux-gnu-gcc", "qemu-aarch64"].into_iter().try_for_each(installed).map_err(Stop::Absent)
}

fn rust_aarch64() -> Result<(), Stop> {
    can_run_aarch64()?;
    let case = fashion()?;
    let folder = scratch().join("rust-aarch64");
    let program = rust::build_aarch64(&folder, &scratch().join("target"), &[case.rust()?])?;
    agrees(&program, &case)?;
    uses_fmla(&program.path)
}

fn rust_thumbv7em() -> Result<(), Stop> {
    rust::can_cross().map_err(Stop::Absent)?;
    Ok(rust::build_thumbv7em(&scratch().join("rust-thumbv7em"), &scratch().join("target"), &fashion()?.rust()?)?)
}
