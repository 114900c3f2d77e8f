//! Every float model of `../shared/models` through the macro and through C gives every expected row.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_tests::case::Case;
use mobilenet_tests::compare::agree;
use mobilenet_tests::program::c::Toolchain;
use mobilenet_tests::program::rust::{self, Profile};
use mobilenet_tests::program::{Io, Program, Request, isas};
use mobilenet_tests::shared::{RealModel, float_models};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = isas()
        .into_iter()
        .map(|isa| {
            trial(format!("real_models::macro_{isa}"), move || {
                let program =
                    Program { path: env!("CARGO_BIN_EXE_real-models").into(), through: Vec::new(), io: Io::Pipes };
                every_row(&program, Some(isa))
            })
        })
        .collect();
    for compiler in ["gcc", "clang"] {
        trials.push(trial(format!("real_models::c_{compiler}"), move || every_row(&c(compiler)?, None)));
    }
    trials.push(trial("real_models::rust_release", || every_row(&release()?, None)));
    trials
}

fn cases() -> Result<Vec<Case>, Stop> {
    let models = float_models().map_err(Stop::Absent)?;
    Ok(models
        .iter()
        .enumerate()
        .map(|(i, model)| Case::read(&format!("model{i}"), &model.path))
        .collect::<Result<_, _>>()?)
}

/// Emitted Rust, optimised, with weights in files; on a stack of 64 KiB like every program here.
fn release() -> Result<Program, Stop> {
    let modules = cases()?.iter().map(Case::rust).collect::<Result<Vec<_>, _>>()?;
    Ok(rust::build(&scratch().join("real-release"), &scratch().join("target"), &modules, Profile::Release)?)
}

fn c(compiler: &'static str) -> Result<Program, Stop> {
    let toolchain = Toolchain::host(compiler);
    let cases = cases()?;
    toolchain.present().map_err(Stop::Absent)?;
    let modules = cases.iter().map(Case::c).collect::<Result<Vec<_>, _>>()?;
    Ok(toolchain.build(&scratch().join(format!("real-{compiler}")), &modules)?)
}

fn every_row(program: &Program, isa: Option<&str>) -> Result<(), Stop> {
    let models = float_models().map_err(Stop::Absent)?;
    let mut wrong = Vec::new();
    for (index, model) in models.iter().enumerate() {
        if let Err(message) = rows_of(program, index, model, isa) {
            wrong.push(message);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("\n"))) }
}

fn rows_of(program: &Program, index: usize, model: &RealModel, isa: Option<&str>) -> Result<(), String> {
    let expected = model.expected()?;
    let inputs = model.rows.iter().map(|row| model.input(row)).collect::<Result<Vec<_>, _>>()?;
    let output_len = expected.first().map_or(0, |outputs| outputs[0].len());
    let found = program.run(&[Request { index, inputs: &inputs, output_len }], isa)?;
    let rows = model.rows.iter().zip(expected.iter().zip(found.iter().flatten()));
    let wrong: Vec<String> = rows
        .filter_map(|(row, (expected, found))| {
            agree(&expected[0], found).err().map(|message| format!("{}, {row}: {message}", model.name))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
