//! Every 8-bit model of `../shared` gives bit for bit what the rules of docs/quantization.md do: emitted Rust on each
//! instruction set. How far these rules are from the rows that come with the models, the compiler's own tests say.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::network::StageKind;
use mobilenet_tests::case::Case;
use mobilenet_tests::given::{Fate, family};
use mobilenet_tests::program::rust::{self, Profile};
use mobilenet_tests::program::{Program, Request, isas_of_codes};
use mobilenet_tests::shared::models;
use mobilenet_tests::weights::Noise;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

pub fn trials() -> Vec<Trial> {
    let lane = |isa| trial(format!("codes::rust_{isa}"), move || agree(&rust()?, Some(isa)));
    isas_of_codes().into_iter().map(lane).collect()
}

/// A model with inputs and what must come out.
struct Held {
    name: String,
    case: Case,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<f64>>,
}

/// Models and their answers by the rules, which take long to work out.
fn all() -> Result<Arc<Vec<Held>>, Stop> {
    static KNOWN: Mutex<Option<Arc<Vec<Held>>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*known {
        return Ok(known.clone());
    }
    let mut held = Vec::new();
    for (at, (name, path, inputs)) in quantised()?.into_iter().enumerate() {
        let case = Case::read(&format!("model{at}"), &path)?;
        let inputs = if inputs.is_empty() { vec![noise(&case)] } else { inputs };
        let outputs = inputs.iter().map(|input| case.reference(input)).collect::<Result<_, _>>()?;
        held.push(Held { name, case, inputs, outputs });
    }
    Ok(known.insert(Arc::new(held)).clone())
}

type Named = (String, PathBuf, Vec<Vec<u8>>);

/// Names and files, and the inputs that come with them.
fn quantised() -> Result<Vec<Named>, Stop> {
    let mut all: Vec<Named> = Vec::new();
    for model in models().map_err(Stop::Absent)?.into_iter().filter(|model| model.quantised) {
        all.push((model.name, model.path, Vec::new()));
    }
    for given in family().map_err(Stop::Absent)?.into_iter().filter(|given| given.fate == Fate::Quantised) {
        let rows = given.rows(2).unwrap_or_default();
        all.push((given.name, given.path, rows.into_iter().map(|row| row.input).collect()));
    }
    Ok(all)
}

/// A picture of noise: what an input of this type holds.
fn noise(case: &Case) -> Vec<u8> {
    let port = &case.plan.network.input;
    let len = port.shape.iter().product();
    match port.dtype.bytes() {
        1 => Noise::new(7).bytes(len),
        _ => Noise::new(7).vector(len, -1.0, 1.0).iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// One program for all instruction sets.
fn rust() -> Result<Program, Stop> {
    static BUILT: Mutex<Option<Program>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.is_none() {
        let modules = all()?.iter().map(|held| held.case.rust()).collect::<Result<Vec<_>, _>>()?;
        let (folder, target) = (scratch().join("codes-rust"), scratch().join("target"));
        *built = Some(rust::build(&folder, &target, &modules, Profile::Release)?);
    }
    Ok(built.clone().ok_or("nothing was built".to_string())?)
}

/// Whether every output is the rules' own.
fn agree(program: &Program, isa: Option<&str>) -> Result<(), Stop> {
    let mut wrong = Vec::new();
    for (index, held) in all()?.iter().enumerate() {
        let request = Request { index, inputs: &held.inputs, output_len: held.case.output_len() };
        let found = program.run(&[request], isa)?;
        for (row, (found, expected)) in found.iter().flatten().zip(&held.outputs).enumerate() {
            let off = found.iter().zip(expected).fold(0.0, |most, (a, b)| f64::max(most, (a - b).abs()));
            if found.len() != expected.len() || off > allowed(&held.case) {
                wrong.push(format!("{}, input {row}: {off:e} apart", held.name));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("\n"))) }
}

/// Nothing where all is on codes. A softmax in floats may round another way: one code of the output where it becomes one.
fn allowed(case: &Case) -> f64 {
    let network = &case.plan.network;
    if !network.stages.iter().any(|stage| matches!(stage.kind, StageKind::Softmax { .. })) {
        return 0.0;
    }
    let last = network.stages.iter().rev().find(|stage| matches!(stage.kind, StageKind::Quantise));
    match (last, network.outputs[0].port.dtype.bytes()) {
        (None, _) => 1e-6,
        (Some(_), 1) => 1.0,
        (Some(stage), _) => {
            network.maps[stage.output.0 as usize].quant.map_or(0.0, |quant| 1.001 * f64::from(quant.scale))
        }
    }
}
