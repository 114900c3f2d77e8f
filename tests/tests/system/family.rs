//! Every float model of `../shared/family` and its folder `random` gives the first expected rows: through the reference,
//! emitted Rust and C. What their tables say is to be refused is, by name.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::graph::{self, Data, Tensor};
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::{Options, reference};
use mobilenet_tests::case::Case;
use mobilenet_tests::given::{Fate, Given, family};
use mobilenet_tests::program::c::Toolchain;
use mobilenet_tests::program::rust::{self, Profile};
use mobilenet_tests::program::{Program, Request, isas};
use std::sync::{Mutex, PoisonError};

/// Rows of each model that the reference and emitted code compute.
const ROWS: usize = 2;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("family::reference", of_reference), trial("family::refused_by_name", refused)];
    for (name, compiler, target, turns) in [
        ("gcc", "gcc", Target::Auto, Some(0)),
        ("clang", "clang", Target::Auto, Some(1)),
        ("generic", "gcc", Target::Generic, None),
    ] {
        trials.push(trial(format!("family::c_{name}"), move || {
            let (given, cases) = compiled()?;
            // Other tests compile at `-O3`; here the models are many and large.
            let toolchain = Toolchain { level: "1", turns, ..Toolchain::host(compiler) };
            every_row(&c(name, &toolchain, target, &cases)?, &given, &cases, None)
        }));
    }
    for isa in isas() {
        trials.push(trial(format!("family::rust_{isa}"), move || {
            let (given, cases) = compiled()?;
            every_row(&rust(&cases)?, &given, &cases, Some(isa))
        }));
    }
    trials
}

/// The float models, compiled.
fn compiled() -> Result<(Vec<Given>, Vec<Case>), Stop> {
    let (mut models, mut cases, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (at, given) in of(|fate| fate == Fate::Compiled)?.into_iter().enumerate() {
        match Case::read(&format!("model{at}"), &given.path) {
            Ok(case) => {
                models.push(given);
                cases.push(case);
            }
            Err(error) => wrong.push(format!("{}: {error}", given.name)),
        }
    }
    if wrong.is_empty() { Ok((models, cases)) } else { Err(Stop::Failed(wrong.join("\n"))) }
}

fn c(name: &str, toolchain: &Toolchain, target: Target, cases: &[Case]) -> Result<Program, Stop> {
    toolchain.present().map_err(Stop::Absent)?;
    let modules = cases.iter().map(|case| case.c_for(target)).collect::<Result<Vec<_>, _>>()?;
    Ok(toolchain.build(&scratch().join(format!("family-{name}")), &modules)?)
}

/// One program for all instruction sets.
fn rust(cases: &[Case]) -> Result<Program, Stop> {
    static BUILT: Mutex<Option<Program>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.is_none() {
        let modules = cases.iter().map(Case::rust).collect::<Result<Vec<_>, _>>()?;
        let (folder, target) = (scratch().join("family-rust"), scratch().join("target"));
        *built = Some(rust::build(&folder, &target, &modules, Profile::Release)?);
    }
    Ok(built.clone().ok_or("nothing was built".to_string())?)
}

fn every_row(program: &Program, models: &[Given], cases: &[Case], isa: Option<&str>) -> Result<(), Stop> {
    let mut wrong = Vec::new();
    for (index, (given, case)) in models.iter().zip(cases).enumerate() {
        wrong.extend(rows_of(program, index, given, case, isa).err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("\n"))) }
}

fn rows_of(program: &Program, index: usize, given: &Given, case: &Case, isa: Option<&str>) -> Result<(), String> {
    let rows = given.rows(ROWS)?;
    let inputs: Vec<Vec<u8>> = rows.iter().map(|row| row.input.clone()).collect();
    let outputs = &case.plan.network.outputs;
    let lens: Vec<usize> = outputs.iter().map(|output| output.port.shape.iter().product()).collect();
    let found = program.run(&[Request { index, inputs: &inputs, output_len: lens.iter().sum() }], isa)?;
    for (row, found) in rows.iter().zip(found.iter().flatten()) {
        let mut rest = &found[..];
        let outputs = lens.iter().map(|&len| {
            let (output, behind) = rest.split_at(len);
            rest = behind;
            output.to_vec()
        });
        given.agree(row, &outputs.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn of(fate: impl Fn(Fate) -> bool) -> Result<Vec<Given>, Stop> {
    let all = family().map_err(Stop::Absent)?;
    Ok(all.into_iter().filter(|given| fate(given.fate)).collect())
}

fn of_reference() -> Result<(), Stop> {
    let mut wrong = Vec::new();
    for given in of(|fate| fate == Fate::Compiled)? {
        wrong.extend(by_reference(&given).err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("\n"))) }
}

fn by_reference(given: &Given) -> Result<(), String> {
    let failed = |error: mobilenet_compiler::Error| format!("{}: {error}", given.name);
    let model = Model::read(&given.path).map_err(failed)?;
    let graph = graph::import(&model, &Options::default()).map_err(failed)?;
    for row in given.rows(ROWS)? {
        let values: Vec<f32> = row.input.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let ty = graph.ty(graph.input);
        let input = Tensor { dtype: ty.dtype, shape: ty.shape.clone(), data: Data::F32(values.into()) };
        let outputs = reference::run(&graph, &input).map_err(failed)?;
        given.agree(&row, &outputs.iter().map(Tensor::to_f64).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Each cause once, with the node that has it.
fn refused() -> Result<(), Stop> {
    for given in of(|fate| matches!(fate, Fate::Refused(_)))? {
        let Err(error) = Case::read("refused", &given.path) else {
            return Err(Stop::Failed(format!("{} compiled", given.name)));
        };
        let causes: Vec<Option<&str>> = error.causes().iter().map(|cause| cause.problem.op.as_deref()).collect();
        let named = error.problems.iter().all(|problem| problem.node.is_some() && problem.op.is_some());
        let Fate::Refused(ops) = given.fate else { continue };
        // The first place of it may have another hint than the rest: where to end the network instead.
        let expected = !causes.is_empty() && causes.iter().all(|cause| cause.is_some_and(|op| ops.contains(&op)));
        if !named || !expected {
            return Err(Stop::Failed(format!("{}: {error}", given.name)));
        }
    }
    Ok(())
}
