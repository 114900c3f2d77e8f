//! One model on one target.

use super::Target;
use crate::case::Case;
use crate::compare::deviation;
use crate::program::{Request, object};
use crate::shared::{float_models, workspace};
use crate::weights::Noise;
use std::fs;
use std::path::Path;

/// A compiled model, an input and what must come out.
#[derive(Debug)]
pub struct Model {
    /// As printed.
    pub name: String,
    /// The compiled model.
    pub case: Case,
    /// The ONNX file.
    pub path: std::path::PathBuf,
    input: Vec<u8>,
    expected: Vec<f64>,
}

/// What one model costs on one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The largest deviation from the reference, as a share of the largest magnitude of its output.
    pub error: f64,
    /// Bytes of instructions of `net.c`.
    pub code: usize,
    /// `NET_WEIGHT_BYTES`
    pub weights: usize,
    /// `NET_ARENA_BYTES`
    pub arena: usize,
    /// Bytes of stack that an inference was seen to take.
    pub stack: usize,
}

/// The models whose names contain one of `wanted` (all if that is empty): the one that the examples classify with, and
/// the float models of `../shared/models` where that folder is there.
///
/// # Errors
/// Says what can't be read or compiled.
pub fn models(wanted: &[String]) -> Result<Vec<Model>, String> {
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let mut models = Vec::new();
    const OWN: &str = "fashion_a025_64";
    if is_wanted(OWN) {
        models.push(own(OWN, &workspace().join(format!("examples/classify/model/{OWN}.onnx")))?);
    }
    for real in float_models().unwrap_or_default().iter().filter(|real| is_wanted(&real.name)) {
        let row = real.rows.first().ok_or_else(|| format!("{}: no image", real.name))?;
        models.push(Model::new(&real.name, &real.path, |_| real.input(row))?);
    }
    Ok(models)
}

fn own(name: &str, path: &Path) -> Result<Model, String> {
    let noise = |case: &Case| Noise::new(1).vector(case.plan.lengths().0, -1.0, 1.0);
    Model::new(name, path, |case| Ok(noise(case).iter().flat_map(|x| x.to_le_bytes()).collect()))
}

impl Model {
    fn new(name: &str, path: &Path, input: impl Fn(&Case) -> Result<Vec<u8>, String>) -> Result<Self, String> {
        let case = Case::read("net", path).map_err(|e| e.to_string())?;
        let input = input(&case)?;
        let expected = case.reference(&input).map_err(|e| e.to_string())?;
        Ok(Self { name: name.into(), case, path: path.into(), input, expected })
    }

    /// Whether a target has room for it.
    pub fn fits(&self, target: &Target) -> bool {
        let plan = &self.case.plan;
        target.board().is_none_or(|board| board.holds(plan.weights.len(), plan.arena_bytes, self.input.len()))
    }
}

/// Builds a model for a target in `folder`, and runs it once.
///
/// # Errors
/// What the compiler or the program said.
pub fn measure(model: &Model, target: &Target, folder: &Path) -> Result<Row, String> {
    let says = |message: String| format!("{} on {}: {message}", model.name, target.name);
    let module = model.case.c_for(target.emit).map_err(|e| says(e.to_string()))?;
    let source = format!("{}.c", module.prefix);
    let (program, objects) = target.toolchain.build_with_objects(folder, &[module]).map_err(says)?;
    let request = Request { index: 0, inputs: std::slice::from_ref(&model.input), output_len: model.case.output_len() };
    let (found, stack) = program.run_with_depth(&request).map_err(says)?;
    Ok(Row {
        error: deviation(&model.expected, &found),
        code: code_of(&objects, &source).ok_or_else(|| says(format!("no object of {source}")))?,
        weights: model.case.plan.weights.len(),
        arena: model.case.plan.arena_bytes,
        stack,
    })
}

/// Bytes of instructions in the object that was made of `source`.
fn code_of(objects: &[std::path::PathBuf], source: &str) -> Option<usize> {
    let ending = format!("-{}", Path::new(source).with_extension("o").display());
    let path = objects.iter().find(|path| path.to_string_lossy().ends_with(&ending))?;
    object::code_bytes(&fs::read(path).ok()?)
}
