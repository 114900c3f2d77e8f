//! The stages of a compilation as JSON, for `inspect --stage`. Their text form is their `Display`.

use super::json::map;
use crate::graph::{Graph, Node};
use crate::network::{MapId, Network, Stage, StageKind};
use crate::plan::{Kernel, Map, Plan, Step};
use serde_json::{Value, json};
use std::ops::Range;

/// The graph's input, nodes and output.
pub fn graph(graph: &Graph) -> Value {
    let value = |id| json!({"name": graph[id].name, "type": graph[id].ty.to_string()});
    let node = |node: &Node| {
        let inputs: Vec<Value> = node.inputs.iter().map(|input| input.map_or(Value::Null, value)).collect();
        json!({
            "op": node.op.name(),
            "attributes": node.op.to_string(),
            "inputs": inputs,
            "output": value(node.output),
            "origin": node.origin,
        })
    };
    json!({
        "stage": "graph",
        "name": graph.name,
        "opset": graph.opset,
        "input": value(graph.input),
        "nodes": graph.nodes.iter().map(node).collect::<Vec<_>>(),
        "outputs": graph.outputs.iter().copied().map(value).collect::<Vec<_>>(),
    })
}

/// The network's stages, with what was fused and why.
pub fn network(network: &Network) -> Value {
    let shape = |id: MapId| network.maps.get(id.0 as usize).map_or(Value::Null, map);
    let facts = network.facts();
    let stage = |(index, stage): (usize, &Stage)| {
        json!({
            "kind": kind(&stage.kind),
            "inputs": stage.inputs.iter().map(|&id| shape(id)).collect::<Vec<_>>(),
            "output": shape(stage.output),
            "mult_adds": facts.stages.get(index).map(|facts| facts.mult_adds),
            "parameters": facts.stages.get(index).map(|facts| facts.parameters),
            "origin": stage.origin,
            "note": stage.note,
        })
    };
    let stages: Vec<Value> = network.stages.iter().enumerate().map(stage).collect();
    json!({"stage": "network", "name": network.name, "batch": network.batch, "stages": stages})
}

fn kind(kind: &StageKind) -> &'static str {
    match kind {
        StageKind::Stem(_) => "stem",
        StageKind::Separable { .. } => "separable",
        StageKind::Depthwise(_) => "depthwise",
        StageKind::Pointwise(_) => "pointwise",
        StageKind::Conv(_) => "conv",
        StageKind::GlobalAveragePool => "global average pool",
        StageKind::Dense(_) => "dense",
        StageKind::Softmax { log: false } => "softmax",
        StageKind::Softmax { log: true } => "log-softmax",
        StageKind::MaxPool(_) => "max pool",
        StageKind::AveragePool { .. } => "average pool",
        StageKind::Scale => "scale",
        StageKind::Elementwise => "elementwise",
        StageKind::Concat => "concat",
        StageKind::LpNormalize { .. } => "lp-normalize",
        StageKind::Import => "import",
    }
}

/// The plan's steps, with where everything lies in the arena.
pub fn plan(plan: &Plan) -> Value {
    json!({
        "stage": "plan",
        "arena_bytes": plan.arena_bytes,
        "weight_bytes": plan.weights.len(),
        "mult_adds": plan.mult_adds(),
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(one: &Step) -> Value {
    let kernel = &one.kernel;
    let mut value = json!({
        "kernel": kernel.name(),
        "network_stage": one.stage,
        "input": kernel.input().map(placed),
        "output": kernel.output().map(placed),
        "scratch": kernel.scratch().map(range),
        "mult_adds": kernel.mult_adds(),
        "reason": one.reason,
    });
    if let Kernel::Stream { steps } = kernel {
        value["steps"] = steps.iter().map(step).collect();
    }
    value
}

fn placed(map: &Map) -> Value {
    json!({
        "shape": [map.height, map.width, map.channels],
        "bytes": range(map.range()),
        "group": map.group,
        "ring": map.ring,
    })
}

fn range(range: Range<usize>) -> Value {
    json!([range.start, range.end])
}
