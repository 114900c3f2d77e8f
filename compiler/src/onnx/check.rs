//! Names: each defined once, each used one defined, no cycles; puts the nodes in topological order.

use super::{Graph, Node};
use crate::diagnostic::{Error, Problem};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

pub(super) fn graph(graph: &mut Graph) -> Result<(), Error> {
    let mut problems = Vec::new();
    let mut producers: HashMap<&str, Option<usize>> = HashMap::new();
    let initializers = graph.initializers.iter().map(|(name, _)| (name, None, "initialiser"));
    let unread = graph.unread.iter().map(|(name, _)| (name, None, "value"));
    let inputs = graph.inputs.iter().map(|input| (&input.name, None, "input"));
    let outputs = graph.nodes.iter().enumerate().flat_map(|(i, node)| node.outputs.iter().map(move |name| (name, i)));
    let outputs = outputs.filter(|(name, _)| !name.is_empty()).map(|(name, i)| (name, Some(i), "value"));
    for (name, producer, what) in initializers.chain(unread).chain(inputs).chain(outputs) {
        if name.is_empty() {
            problems.push(Problem::new(format!("an {what} has no name")));
        } else if producers.insert(name, producer).is_some() {
            problems.push(Problem::new(format!("{what} {name:?} is defined twice")));
        }
    }
    let mut consumers = vec![Vec::new(); graph.nodes.len()];
    let mut waiting = vec![0usize; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        for name in node.reads() {
            match producers.get(name) {
                Some(Some(producer)) => {
                    consumers[*producer].push(i);
                    waiting[i] += 1;
                }
                Some(None) => {}
                None => problems.push(at(node, format!("reads {name:?}, which nothing defines"))),
            }
        }
    }
    for output in &graph.outputs {
        if !producers.contains_key(output.name.as_str()) {
            problems.push(Problem::new(format!("nothing defines the output {:?}", output.name)));
        }
    }
    let order = sort(&consumers, &mut waiting);
    if order.len() < graph.nodes.len() {
        let stuck = graph.nodes.iter().zip(&waiting).find(|(_, waiting)| **waiting > 0);
        problems.extend(stuck.map(|(node, _)| at(node, "is part of a cycle, or behind one".into())));
    }
    if !problems.is_empty() {
        return Err(Error { problems });
    }
    if !order.is_sorted() {
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
        graph.nodes = order.iter().filter_map(|&i| nodes[i].take()).collect();
    }
    Ok(())
}

fn at(node: &Node, message: String) -> Problem {
    Problem::new(message).at(node.label(), &node.op_type)
}

/// Of the nodes that can run, always the first in the file.
fn sort(consumers: &[Vec<usize>], waiting: &mut [usize]) -> Vec<usize> {
    let mut ready: BinaryHeap<_> = (0..waiting.len()).filter(|&i| waiting[i] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(Reverse(i)) = ready.pop() {
        order.push(i);
        for &consumer in &consumers[i] {
            waiting[consumer] -= 1;
            if waiting[consumer] == 0 {
                ready.push(Reverse(consumer));
            }
        }
    }
    order
}
