//! The stages of a compilation as JSON, for `inspect --stage`. Their text form is their `Display`.

use super::json::map;
use crate::graph::{Graph, Node};
use crate::network::{MapId, Network, Stage};
use crate::plan::{Link, Map, Plan, Step};
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
            "kind": stage.kind.profile().words,
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
    let op = &one.op;
    let mut value = json!({
        "kernel": op.name(),
        "network_stage": one.stage,
        "input": op.input().map(placed),
        "output": op.output().map(placed),
        "mult_adds": op.mult_adds(),
        "reason": one.reason,
    });
    if !op.links().is_empty() {
        value["links"] = op.links().iter().map(link).collect();
    }
    value
}

fn link(link: &Link) -> Value {
    json!({
        "kind": link.op.name(),
        "network_stage": link.stage,
        "input": link.input.as_ref().map(placed),
        "output": placed(&link.output),
        "added": link.epilogue.add.as_ref().map(placed),
        "scratch": link.scratch().map(range),
        "mult_adds": link.mult_adds(),
        "reason": link.reason,
    })
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
