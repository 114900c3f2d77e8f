//! An ONNX model to a typed graph: any spelling of an operator to one [`Op`](super::Op), with every shape inferred and
//! every constant known.

mod branch;
mod call;
mod channels;
mod constants;
mod declared;
mod elementwise;
mod fold;
mod linear;
mod lookup;
mod lower;
mod qlinear;
mod reduce;
mod resize;
mod shape;
mod window;

use super::Graph;
use super::adapt::adapt;
use crate::diagnostic::{Error, Problem, Setting};
use crate::onnx::{Dim, Model, ValueInfo};
use crate::options::Options;
pub(super) use resize::spatial_axes;
use std::collections::HashSet;

/// Imports a model.
///
/// A symbolic batch is 1 unless the options give one; a resolution in the options replaces the input's height and
/// width, and all shapes follow. What else the options say of input and output becomes nodes of the graph.
///
/// # Errors
/// Everything that keeps the model from being imported, unknown operators first; after that all options that don't fit it.
pub fn import(model: &Model, options: &Options) -> Result<Graph, Error> {
    adapt(at_size(model, options)?, options)
}

/// The model's own graph, at the batch and resolution of the options.
fn at_size(model: &Model, options: &Options) -> Result<Graph, Error> {
    let ports = &ports(model, options)?;
    let input = ports.input;
    let dims = input.shape.as_deref().unwrap_or_default();
    if let Some(empty) = dims.iter().position(|d| *d == Dim::Value(0)) {
        return Err(Problem::new(format!("dimension {empty} of the input {:?} is 0", input.name)).into());
    }
    if options.batch == Some(0) || options.resolution.is_some_and(|r| r.contains(&0)) {
        return Err(Problem::new("batch and resolution should be positive").into());
    }
    let base = base_graph(model, ports, dims, options)?;
    let base_shape = &base.ty(base.input).shape;
    let mut shape = base_shape.clone();
    if let Some(resolution) = options.resolution {
        let axes = spatial_axes(&base).ok_or_else(|| no_layout(input))?;
        shape[axes[0]] = resolution[0];
        shape[axes[1]] = resolution[1];
    }
    if let (Some(batch), Some(first)) = (options.batch, shape.first_mut()) {
        *first = batch;
    }
    if shape == *base_shape {
        return Ok(base);
    }
    let changed = lower::run(model, ports, shape.clone(), Some(&base));
    let changed = changed.and_then(|graph| resize::check_outputs(&base, graph));
    changed.map_err(|mut error| {
        for problem in &mut error.problems {
            problem.hint.get_or_insert_with(|| {
                format!("the model can be compiled for {base_shape:?}, its own input shape, but not for {shape:?}")
            });
        }
        error
    })
}

/// Where a network begins and ends.
pub(super) struct Ports<'m> {
    input: &'m ValueInfo,
    outputs: Vec<&'m str>,
}

/// The only input that the outputs depend on, and the outputs, of which there is one at least, all different: those of the
/// options, or the model's own.
fn ports<'m>(model: &'m Model, options: &'m Options) -> Result<Ports<'m>, Error> {
    let mut problems = Vec::new();
    let chosen: Vec<&str> = options.output.iter().map(String::as_str).collect();
    let own: Vec<&str> = model.graph.outputs.iter().map(|port| port.name.as_str()).collect();
    let defined: HashSet<&str> =
        model.graph.nodes.iter().flat_map(|node| &node.outputs).map(String::as_str).filter(|n| !n.is_empty()).collect();
    for name in chosen.iter().filter(|name| !defined.contains(*name)) {
        let problem = Problem::new(format!("the model computes no value {name:?}")).of_option("output");
        problems
            .push(problem.expected("the name of a value, such as those of its outputs", format!("outputs {own:?}")));
    }
    let outputs = if chosen.is_empty() { own } else { chosen };
    if outputs.is_empty() {
        problems.push(Problem::new("the model has no output").expected("one or more", "none"));
    }
    let mut seen = HashSet::new();
    let twice = outputs.iter().find(|name| !seen.insert(**name));
    problems.extend(twice.map(|name| Problem::new(format!("the output {name:?} is given twice"))));
    let (_, needed) = lower::needed(&model.graph.nodes, outputs.iter().copied());
    let all = &model.graph.inputs;
    let used: Vec<&ValueInfo> = all.iter().filter(|input| all.len() == 1 || needed.contains(&*input.name)).collect();
    if used.len() != 1 && problems.is_empty() {
        let names: Vec<&str> = used.iter().map(|port| port.name.as_str()).collect();
        let problem = Problem::new("the model should have exactly one input");
        let problem = problem.expected("one", format!("{} {names:?}", names.len()));
        problems.push(match names[..] {
            [] => problem
                .hint("an initialiser of an input's name makes a constant of it, or no output depends on an input"),
            _ => problem.hint("store constant inputs as initialisers"),
        });
    }
    match used.first().copied() {
        Some(input) if problems.is_empty() => match &input.shape {
            Some(_) => Ok(Ports { input, outputs }),
            None => Err(Problem::new(format!("the input {:?} has no shape", input.name)).into()),
        },
        _ => Err(Error { problems }),
    }
}

/// The graph at the model's own input shape; where that leaves height and width open, at the resolution of the options.
fn base_graph(model: &Model, ports: &Ports, dims: &[Dim], options: &Options) -> Result<Graph, Error> {
    let fixed: Vec<Option<usize>> = dims
        .iter()
        .enumerate()
        .map(|(axis, dim)| match dim {
            Dim::Value(value) => Some(*value),
            Dim::Symbol(_) if axis == 0 => Some(1),
            Dim::Symbol(_) => None,
        })
        .collect();
    if let Some(shape) = fixed.iter().copied().collect::<Option<Vec<_>>>() {
        return lower::run(model, ports, shape, None);
    }
    let input = ports.input;
    let name = &input.name;
    // Rows and columns as PyTorch has them, or as TensorFlow has them, as far as they are known.
    let known = |axes: &[usize; 2]| options.resolution.is_some() || axes.iter().all(|&axis| fixed[axis].is_some());
    let images: Vec<[usize; 2]> =
        if fixed.len() == 4 { [[2, 3], [1, 2]].into_iter().filter(known).collect() } else { vec![] };
    if images.is_empty() {
        let dims: Vec<String> = dims.iter().map(dim_text).collect();
        let problem = Problem::new(format!("the shape of the input {name:?} is not known"))
            .expected(
                "numbers (only the first dimension, the batch, may be symbolic)",
                format!("[{}]", dims.join(", ")),
            )
            .advise(Setting::Resolution);
        return Err(problem.into());
    }
    let attempt = |axes: [usize; 2]| {
        let mut shape = fixed.clone();
        for (axis, size) in axes.into_iter().zip(options.resolution.unwrap_or_default()) {
            shape[axis] = shape[axis].or(Some(size));
        }
        let channels = (1..4).find(|axis| !axes.contains(axis)).unwrap_or(1);
        let candidates = match shape[channels] {
            Some(channels) => vec![channels],
            None => channels::candidates(model),
        };
        let mut refusal = None;
        for candidate in candidates {
            shape[channels] = Some(candidate);
            let Some(shape) = shape.iter().copied().collect::<Option<Vec<_>>>() else { break };
            match lower::run(model, ports, shape, None) {
                Ok(graph) if spatial_axes(&graph) == Some(axes) => return Ok(graph),
                Ok(_) => drop(refusal.get_or_insert_with(|| no_layout(input))),
                Err(error) => drop(refusal.get_or_insert(error)),
            }
        }
        let message = format!("the number of channels of the input {name:?} is not known");
        Err(refusal.unwrap_or_else(|| Problem::new(message).into()))
    };
    let mut refusal = None;
    for axes in images {
        match attempt(axes) {
            Ok(graph) => return Ok(graph),
            Err(error) => drop(refusal.get_or_insert(error)),
        }
    }
    Err(refusal.unwrap_or_else(|| no_layout(input)))
}

fn no_layout(input: &ValueInfo) -> Error {
    let message = format!("which axes of the input {:?} are height and width can't be told", input.name);
    Problem::new(message).expected("an image that a convolution reads", "another use of the input").into()
}

fn dim_text(dim: &Dim) -> String {
    match dim {
        Dim::Value(value) => value.to_string(),
        Dim::Symbol(name) if name.is_empty() => "?".into(),
        Dim::Symbol(name) => name.clone(),
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests;
