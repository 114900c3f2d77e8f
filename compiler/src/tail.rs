//! Where a network could end, if what comes behind can't be compiled.

use crate::diagnostic::{Error, Problem, Setting};
use crate::onnx::{Model, Node};
use crate::options::Options;
use crate::plan::{CostModel, plan};
use crate::{graph, network, passes};
use std::collections::HashSet;

/// Adds to an error the option that ends the network in front of the first node that can't be compiled, where that helps: the
/// file is sound, and most of the layers with weights stand in front of it.
#[must_use]
pub fn advise(model: &Model, options: &Options, mut error: Error) -> Error {
    let nodes = &model.graph.nodes;
    let index = |problem: &Problem| {
        let (name, op) = (problem.node.as_deref()?, problem.op.as_deref());
        let fits = |node: &Node| node.label() == name && op.is_none_or(|op| op.ends_with(&node.op_type));
        nodes.iter().position(fits).or_else(|| nodes.iter().position(|node| node.label() == name))
    };
    let first = (0..error.problems.len()).filter_map(|at| Some((index(&error.problems[at])?, at))).min();
    let helps = options.output.is_empty() && error.problems.iter().all(|problem| !problem.of_file);
    let Some((node, at)) = first.filter(|_| helps) else { return error };
    let computed = |name: &&String| nodes.iter().any(|node| node.outputs.contains(*name));
    let fits = |name: &&String| {
        let options = Options { output: vec![(*name).clone()], labels: None, top_k: None, ..options.clone() };
        let graph = graph::import(model, &options);
        let network = graph.and_then(|mut graph| passes::run(&mut graph).and_then(|_| network::recognise(&graph)));
        network.and_then(|network| plan(network, &CostModel::default())).is_ok()
    };
    // An activation that was fused bears the name of the node in front of it.
    let candidates = nodes[node].outputs.iter().chain(&nodes[node].inputs);
    if let Some(name) = candidates.filter(computed).filter(|name| is_most(nodes, name)).find(fits) {
        error.problems[at].setting = Some(Setting::Output(name.clone()));
    }
    error
}

/// Whether a value is computed by more than half of the layers with weights.
fn is_most(nodes: &[Node], value: &str) -> bool {
    let weighted = |node: &Node| ["Conv", "Gemm", "MatMul"].iter().any(|op| node.op_type.ends_with(op));
    let (mut needed, mut in_front) = (HashSet::from([value]), 0);
    for node in nodes.iter().rev() {
        if node.outputs.iter().any(|name| needed.contains(name.as_str())) {
            needed.extend(node.inputs.iter().filter(|name| !name.is_empty()).map(String::as_str));
            in_front += usize::from(weighted(node));
        }
    }
    2 * in_front > nodes.iter().filter(|node| weighted(node)).count()
}
