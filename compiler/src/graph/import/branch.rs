//! `If` with a condition that is known: its branch.

use super::call::Call;
use super::lower::{Lowering, needed};
use crate::diagnostic::Problem;
use crate::graph::{Op, ValueId};
use crate::onnx::{Attribute, Body, Node};
use std::collections::HashMap;

/// Lowers the nodes of the branch that is taken.
pub(super) fn choose(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let node = call.node;
    let condition = call.input(0)?;
    let found = lowering.constant(condition).map(|tensor| (tensor.ty(), tensor.scalar()));
    let taken = match found {
        Some((_, Some(value))) => value != 0.0,
        Some((ty, None)) => {
            return Err(Problem::new("the condition should be one boolean").expected("bool[]", ty.to_string()));
        }
        None => {
            return Err(Problem::new("which branch is taken is known only at run time")
                .expected(
                    "a condition that follows from shapes and constants",
                    "one that is computed from the model's input",
                )
                .hint("simplify the model, or export it with constant folding"));
        }
    };
    let attribute = if taken { "then_branch" } else { "else_branch" };
    let Some(Attribute::Graph(body)) = node.attribute(attribute) else {
        return Err(Problem::new(format!("the attribute {attribute:?} is missing, or no graph")));
    };
    if body.outputs.len() != node.outputs.len() {
        let found = format!("{} of the branch, {} of the node", body.outputs.len(), node.outputs.len());
        return Err(Problem::new("the numbers of outputs differ").expected("equal numbers", found));
    }
    let mut body = (**body).clone();
    make_unique(lowering, node, &mut body);
    lowering.constants(&body.initializers, &body.unread);
    lowering.read.extend(body.nodes.iter().flat_map(Node::reads).map(String::from));
    lowering.read.extend(body.outputs.iter().cloned());
    let (live, _) = needed(&body.nodes, body.outputs.iter().map(String::as_str));
    let mut live = live.into_iter();
    body.nodes.retain(|_| live.next().unwrap_or(true));
    for inner in &mut body.nodes {
        inner.opset = Some(inner.opset.unwrap_or(call.opset));
        if let Some(name) = inner.reads().into_iter().find(|name| lowering.named(name).is_none()) {
            let message = format!("reads {name:?}, which nothing defines in front of it");
            lowering.problems.push(Problem::new(message).at(inner.label(), &inner.op_type));
            lowering.poison(inner);
        } else {
            lowering.node(inner);
        }
    }
    for (i, output) in body.outputs.iter().enumerate() {
        let value = match lowering.named(output) {
            Some(value) => value,
            None => return Err(Problem::new(format!("nothing defines {output:?}, an output of the branch"))),
        };
        define(lowering, call, i, value)?;
    }
    Ok(())
}

/// Lets an output of the node be what the branch returns.
fn define(lowering: &mut Lowering, call: &Call, output: usize, value: Option<ValueId>) -> Result<(), Problem> {
    match (call.node.outputs.get(output), value) {
        (Some(name), Some(_)) if !name.is_empty() => {
            lowering.emit_output(call, output, Op::Identity, &[value], None).map(drop)
        }
        (Some(name), None) => {
            lowering.name(name, None);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Names in the branch that are taken outside get others: both branches may use the same, and so may other nodes'.
fn make_unique(lowering: &mut Lowering, node: &Node, body: &mut Body) {
    let mut names = HashMap::new();
    for name in body.defines() {
        let mut unique = name.to_string();
        while !lowering.taken.insert(unique.clone()) {
            unique = format!("{}/{unique}", node.label());
        }
        names.insert(name.to_string(), unique);
    }
    body.rename(&mut |name| names.get(name).cloned().unwrap_or_else(|| name.into()));
}
