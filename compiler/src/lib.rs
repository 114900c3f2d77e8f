//! Compiles ONNX MobileNets to shape-static Rust and C.
//!
//! Data flows one way: [`onnx`] → [`graph`] → [`passes`] → [`network`] → [`plan`] → [`emit`].
//! See `ARCHITECTURE.md` for what each stage owns.

#[cfg(feature = "cli")]
pub mod arch;
pub mod build_script;
pub mod diagnostic;
pub mod emit;
pub mod graph;
#[cfg(feature = "cli")]
pub mod host;
pub mod locate;
pub mod naming;
pub mod network;
pub mod onnx;
pub mod options;
pub mod passes;
pub mod plan;
pub mod quant;
#[cfg(feature = "cli")]
pub mod quantize;
pub mod reference;
#[cfg(feature = "cli")]
pub mod report;
pub mod tail;
pub mod text;

pub use build_script::Build;
pub use diagnostic::{Error, Problem};
pub use options::Options;

use network::Network;
use plan::{CostModel, Plan};
use std::path::Path;

/// Compiles a model up to the plan that every back end spells.
///
/// # Errors
///
/// Everything that keeps the model from being compiled, together.
pub fn compile(model: &onnx::Model, options: &Options) -> Result<Plan, Error> {
    let cost = CostModel { goal: options.goal(), ..CostModel::default() };
    let plan = |network| Ok(plan::plan(network, &cost)?.with_classes(options)?.of_model(model));
    stages(model, options).and_then(plan).map_err(|error| tail::advise(model, options, error))
}

/// Reads and compiles a model file and its external data.
///
/// # Errors
///
/// As [`compile`], and where a file can't be read or is no sound model.
pub fn compile_file(path: &Path, options: &Options) -> Result<Plan, Error> {
    compile(&onnx::Model::read(path)?, options)
}

/// The network a model holds.
///
/// # Errors
///
/// As [`compile`].
pub fn recognise(model: &onnx::Model, options: &Options) -> Result<Network, Error> {
    stages(model, options).map_err(|error| tail::advise(model, options, error))
}

fn stages(model: &onnx::Model, options: &Options) -> Result<Network, Error> {
    let mut graph = graph::import(model, options)?;
    let recognised = passes::run(&mut graph).and_then(|_| network::recognise(&graph));
    recognised.map_err(|error| model.with_operators(error))
}
