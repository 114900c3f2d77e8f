//! Every float model of `../shared/models` through the macro and through C gives every expected row.

use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_tests::compare::agree;
use mobilenet_tests::program::{Program, Request, isas};
use mobilenet_tests::shared::{RealModel, float_models};

pub fn trials() -> Vec<Trial> {
    isas()
        .into_iter()
        .map(|isa| {
            trial(format!("real_models::macro_{isa}"), move || {
                let program = Program { path: env!("CARGO_BIN_EXE_real-models").into(), through: Vec::new() };
                every_row(&program, isa)
            })
        })
        .collect()
}

fn every_row(program: &Program, isa: &str) -> Result<(), Stop> {
    let models = float_models().map_err(Stop::Absent)?;
    let mut wrong = Vec::new();
    for (index, model) in models.iter().enumerate() {
        if let Err(message) = rows_of(program, index, model, isa) {
            wrong.push(message);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("\n"))) }
}

fn rows_of(program: &Program, index: usize, model: &RealModel, isa: &str) -> Result<(), String> {
    let expected = model.expected()?;
    let inputs = model.rows.iter().map(|row| model.input(row)).collect::<Result<Vec<_>, _>>()?;
    let output_len = expected.first().map_or(0, Vec::len);
    let found = program.run(&[Request { index, inputs: &inputs, output_len }], Some(isa))?;
    let rows = model.rows.iter().zip(expected.iter().zip(found.iter().flatten()));
    let wrong: Vec<String> = rows
        .filter_map(|(row, (expected, found))| {
            agree(expected, found).err().map(|message| format!("{}, {row}: {message}", model.name))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
