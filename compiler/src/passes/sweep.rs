//! The mechanics every pass shares: one visit of the nodes in order, rebuilding the list.

use super::Applied;
use crate::graph::{Graph, Node, Op, Tensor, Type, Value, ValueId};
use std::collections::HashSet;

/// A graph half rewritten: the nodes emitted so far, and who uses which value.
///
/// While a node is being visited its inputs do not count as used, so a value that only this node reads is [`unused`](Self::unused).
/// A node that isn't emitted is gone; nodes left without a reader after a visit go with it.
pub(super) struct Sweep<'g> {
    graph: &'g mut Graph,
    emitted: Vec<Option<Node>>,
    producer: Vec<Option<usize>>,
    uses: Vec<u32>,
    alias: Vec<Option<ValueId>>,
    released: Vec<ValueId>,
    pass: &'static str,
    applied: Vec<Applied>,
    names: HashSet<String>,
}

pub(super) fn run(graph: &mut Graph, pass: &'static str, rewrite: fn(&mut Sweep, Node)) -> Vec<Applied> {
    let nodes = std::mem::take(&mut graph.nodes);
    let count = graph.values.len();
    let mut sweep = Sweep {
        emitted: Vec::with_capacity(nodes.len()),
        producer: vec![None; count],
        uses: vec![0; count],
        alias: vec![None; count],
        released: Vec::new(),
        pass,
        applied: Vec::new(),
        names: HashSet::new(),
        graph,
    };
    for output in &sweep.graph.outputs {
        sweep.uses[output.0 as usize] += 1;
    }
    for id in nodes.iter().flat_map(|node| node.inputs.iter().flatten()) {
        sweep.uses[id.0 as usize] += 1;
    }
    for mut node in nodes {
        for id in node.inputs.iter_mut().flatten() {
            *id = sweep.alias[id.0 as usize].unwrap_or(*id);
        }
        sweep.release(&node);
        if sweep.uses[node.output.0 as usize] > 0 {
            rewrite(&mut sweep, node);
        } else {
            sweep.note(&node, "nobody reads its value");
        }
        sweep.settle();
    }
    let Sweep { graph, emitted, applied, .. } = sweep;
    graph.nodes = emitted.into_iter().flatten().collect();
    applied
}

impl Sweep<'_> {
    fn release(&mut self, node: &Node) {
        for &id in node.inputs.iter().flatten() {
            self.uses[id.0 as usize] -= 1;
            self.released.push(id);
        }
    }

    /// Drops the nodes that lost their last reader.
    fn settle(&mut self) {
        while let Some(id) = self.released.pop() {
            if self.uses[id.0 as usize] == 0
                && let Some(node) = self.producer[id.0 as usize].take().and_then(|at| self.emitted[at].take())
            {
                self.release(&node);
            }
        }
    }

    /// Appends a node.
    pub fn emit(&mut self, node: Node) {
        for id in node.inputs.iter().flatten() {
            self.uses[id.0 as usize] += 1;
        }
        self.producer[node.output.0 as usize] = Some(self.emitted.len());
        self.emitted.push(Some(node));
    }

    /// The emitted node that computes a value.
    pub fn producer(&self, id: ValueId) -> Option<&Node> {
        self.producer[id.0 as usize].and_then(|at| self.emitted[at].as_ref())
    }

    /// Takes back the node that computes a value, to emit it again changed. Its inputs count as unused until then.
    pub fn take(&mut self, id: ValueId) -> Option<Node> {
        let node = self.producer[id.0 as usize].take().and_then(|at| self.emitted[at].take())?;
        self.release(&node);
        Some(node)
    }

    /// The node that computes a value nobody but the visited node reads.
    pub fn sole_producer(&self, id: ValueId) -> Option<&Node> {
        self.producer(id).filter(|_| self.unused(id))
    }

    /// Whether nobody but the visited node reads a value.
    pub fn unused(&self, id: ValueId) -> bool {
        self.uses[id.0 as usize] == 0
    }

    /// Whether readers of a value may read `by` instead: an output of the model stays apart from its input, from
    /// constants, and from the other outputs.
    pub fn replaceable(&self, value: ValueId, by: ValueId) -> bool {
        let is_output = |id| self.graph.outputs.contains(&id);
        !is_output(value) || (by != self.graph.input && self.graph[by].constant.is_none() && !is_output(by))
    }

    /// Lets every reader of `node`'s output read `by` instead, which holds the same; the visited node is not emitted.
    /// The model's outputs keep their names.
    pub fn replace(&mut self, node: Node, by: ValueId) {
        let output = node.output;
        if !self.replaceable(output, by) {
            return self.emit(Node { op: Op::Identity, inputs: vec![Some(by)], ..node });
        }
        if let Some(port) = self.graph.outputs.iter_mut().find(|port| **port == output) {
            *port = by;
            let (a, b) = (output.0 as usize, by.0 as usize);
            let name = std::mem::take(&mut self.graph.values[a].name);
            self.graph.values[a].name = std::mem::replace(&mut self.graph.values[b].name, name);
        }
        self.uses[by.0 as usize] += std::mem::take(&mut self.uses[output.0 as usize]);
        self.alias[output.0 as usize] = Some(by);
    }

    /// The element type and shape of a value.
    pub fn ty(&self, id: ValueId) -> &Type {
        &self.graph[id].ty
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.graph[id].ty.shape
    }

    /// The elements of a constant.
    pub fn constant(&self, id: Option<ValueId>) -> Option<&Tensor> {
        self.graph[id?].constant.as_ref()
    }

    /// A new constant, named after a value it is made from.
    pub fn add_constant(&mut self, like: ValueId, tensor: Tensor) -> ValueId {
        let ty = Type { dtype: tensor.dtype, shape: tensor.shape.clone() };
        let id = self.add_value(like, ty);
        self.graph.values[id.0 as usize].constant = Some(tensor);
        id
    }

    /// A new value, named after one it is made from.
    pub fn add_value(&mut self, like: ValueId, ty: Type) -> ValueId {
        let id = ValueId(self.graph.values.len() as u32);
        if self.names.is_empty() {
            self.names.extend(self.graph.values.iter().map(|value| value.name.clone()));
        }
        let name = &self.graph[like].name;
        let stem = name.rsplit_once('~').map_or(name.as_str(), |(stem, _)| stem);
        let mut name = format!("{stem}~{}", id.0);
        while !self.names.insert(name.clone()) {
            name.push('~');
        }
        self.graph.values.push(Value { name, ty, constant: None });
        self.producer.push(None);
        self.uses.push(0);
        self.alias.push(None);
        id
    }

    /// Records that the visited node was rewritten.
    pub fn note(&mut self, node: &Node, reason: impl Into<String>) {
        let name = node.origin.first().cloned().unwrap_or_else(|| self.graph[node.output].name.clone());
        self.applied.push(Applied { pass: self.pass, node: name, reason: reason.into() });
    }

    /// Whether a value is the model's input, perhaps cast, transposed or reshaped.
    pub fn is_raw_input(&self, mut id: ValueId) -> bool {
        loop {
            if id == self.graph.input {
                return true;
            }
            match self.producer(id) {
                Some(Node { op: Op::Cast | Op::Transpose { .. } | Op::Reshape | Op::Identity, inputs, .. }) => {
                    match inputs.first() {
                        Some(Some(input)) => id = *input,
                        _ => return false,
                    }
                }
                _ => return false,
            }
        }
    }
}

/// The names of two nodes that became one.
pub(super) fn join(first: &[String], second: &[String]) -> Vec<String> {
    let mut all = first.to_vec();
    all.extend(second.iter().filter(|name| !first.contains(name)).cloned());
    all
}
