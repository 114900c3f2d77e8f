//! Calls of the model's own functions, replaced by what the functions do.

use super::{Attribute, Graph, Limits, Node};
use crate::diagnostic::Problem;
use std::collections::{HashMap, HashSet};

/// Calls inside calls: deeper ones are those of a function that calls itself.
const MAX_DEPTH: usize = 32;

/// A function that the model defines.
#[derive(Debug)]
pub(super) struct Function {
    pub domain: String,
    pub name: String,
    pub overload: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// Values of attributes that a call may leave out.
    pub defaults: Vec<(String, Attribute)>,
    pub nodes: Vec<Node>,
}

/// Inlines all calls, those in branches included.
pub(super) fn graph(graph: &mut Graph, functions: &[Function], limits: &Limits, problems: &mut Vec<Problem>) {
    if functions.is_empty() {
        return;
    }
    let mut taken: HashSet<String> = graph.nodes.iter().flat_map(|node| &node.outputs).cloned().collect();
    taken.extend(graph.nodes.iter().flat_map(Node::bodies).flat_map(|body| body.defines()).map(String::from));
    taken.extend(graph.inputs.iter().map(|input| input.name.clone()));
    taken.extend(graph.initializers.iter().map(|(name, _)| name.clone()));
    taken.extend(graph.unread.iter().map(|(name, _)| name.clone()));
    let mut inliner = Inliner { functions, taken, left: limits.entries, problems };
    graph.nodes = inliner.nodes(std::mem::take(&mut graph.nodes), 0);
}

struct Inliner<'a> {
    functions: &'a [Function],
    taken: HashSet<String>,
    /// Nodes that there may still be.
    left: usize,
    problems: &'a mut Vec<Problem>,
}

impl Inliner<'_> {
    fn nodes(&mut self, nodes: Vec<Node>, depth: usize) -> Vec<Node> {
        let mut out = Vec::with_capacity(nodes.len());
        for node in nodes {
            self.node(node, depth, &mut out);
        }
        out
    }

    fn node(&mut self, mut node: Node, depth: usize, out: &mut Vec<Node>) {
        let fits = |f: &&Function| f.domain == node.domain && f.name == node.op_type && f.overload == node.overload;
        let Some(function) = self.functions.iter().find(fits) else {
            for (_, attribute) in &mut node.attributes {
                if let Attribute::Graph(body) = attribute {
                    body.nodes = self.nodes(std::mem::take(&mut body.nodes), depth);
                }
            }
            return out.push(node);
        };
        let refuse = |message: &str| Problem::new(message).at(node.label(), &node.op_type);
        if depth == MAX_DEPTH {
            return self.problems.push(refuse("a function of the model calls itself, or calls are nested too deeply"));
        }
        if node.inputs.len() > function.inputs.len() || node.outputs.len() > function.outputs.len() {
            let ports = |inputs: usize, outputs: usize| format!("{inputs} inputs and {outputs} outputs");
            let expected = format!("at most {}", ports(function.inputs.len(), function.outputs.len()));
            let problem = refuse("the call does not fit the function of the model");
            return self.problems.push(problem.expected(expected, ports(node.inputs.len(), node.outputs.len())));
        }
        let Some(left) = self.left.checked_sub(function.nodes.len() + function.outputs.len()) else {
            self.left = 0;
            return self.problems.push(refuse("too many nodes when the functions of the model are inlined"));
        };
        self.left = left;
        let inlined = self.call(&node, function);
        out.extend(self.nodes(inlined, depth + 1));
    }

    /// The function's nodes with the call's values in the place of its own.
    fn call(&mut self, call: &Node, function: &Function) -> Vec<Node> {
        let given = |i: usize| call.inputs.get(i).cloned().unwrap_or_default();
        let mut names: HashMap<String, String> =
            function.inputs.iter().enumerate().map(|(i, name)| (name.clone(), given(i))).collect();
        let mut copies = Vec::new();
        for (own, outer) in function.outputs.iter().zip(&call.outputs).filter(|(_, outer)| !outer.is_empty()) {
            match names.get(own) {
                Some(known) => copies.push((known.clone(), outer.clone())),
                None => drop(names.insert(own.clone(), outer.clone())),
            }
        }
        let label = call.label();
        let mut nodes = function.nodes.clone();
        for node in &mut nodes {
            let inner = node.label();
            node.name = format!("{label}/{}", if inner.is_empty() { &node.op_type } else { inner });
            node.opset = node.opset.or(call.opset);
            refer(node, &|name| {
                let set = |list: &[(String, Attribute)]| list.iter().find(|(n, _)| n == name).map(|(_, a)| a.clone());
                set(&call.attributes).or_else(|| set(&function.defaults))
            });
            node.rename(&mut |name| {
                if let Some(known) = names.get(name) {
                    return known.clone();
                }
                let mut unique = format!("{label}/{name}");
                while !self.taken.insert(unique.clone()) {
                    unique.push('~');
                }
                names.insert(name.into(), unique.clone());
                unique
            });
        }
        nodes.extend(copies.into_iter().map(|(from, to)| Node {
            name: format!("{label}/{to}"),
            op_type: "Identity".into(),
            domain: String::new(),
            overload: String::new(),
            opset: None,
            inputs: vec![from],
            outputs: vec![to],
            attributes: vec![],
        }));
        nodes
    }
}

/// Puts the values of a call's attributes in the place of references to them. Those that it leaves out fall away.
fn refer(node: &mut Node, value: &dyn Fn(&str) -> Option<Attribute>) {
    node.attributes.retain_mut(|(_, attribute)| match attribute {
        Attribute::Reference(name) => match value(name) {
            Some(found) => {
                *attribute = found;
                true
            }
            None => false,
        },
        Attribute::Graph(body) => {
            body.nodes.iter_mut().for_each(|node| refer(node, value));
            true
        }
        _ => true,
    });
}
