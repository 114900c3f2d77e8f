//! Every float model of `../shared/family` and its folder `random` gives every expected row: through the reference, the
//! macro and C. What their tables say is to be refused is, by name.

use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::graph::{self, Data, Tensor};
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::{Options, reference};
use mobilenet_tests::case::Case;
use mobilenet_tests::given::{Fate, Given, family};

/// Rows of each model that the reference computes.
const REFERENCE_ROWS: usize = 2;

pub fn trials() -> Vec<Trial> {
    vec![trial("family::reference", of_reference), trial("family::refused_by_name", refused)]
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
    for row in given.rows(REFERENCE_ROWS)? {
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
    for given in of(|fate| fate != Fate::Compiled)? {
        let Err(error) = Case::read("refused", &given.path) else {
            return Err(Stop::Failed(format!("{} compiled", given.name)));
        };
        let causes: Vec<Option<&str>> = error.causes().iter().map(|cause| cause.problem.op.as_deref()).collect();
        let named = error.problems.iter().all(|problem| problem.node.is_some() && problem.op.is_some());
        let expected = match given.fate {
            Fate::Refused(op) => causes == [Some(op)],
            _ => causes.iter().enumerate().all(|(at, cause)| !causes[..at].contains(cause)),
        };
        if !named || !expected {
            return Err(Stop::Failed(format!("{}: {error}", given.name)));
        }
    }
    Ok(())
}
