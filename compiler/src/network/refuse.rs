//! What can't be compiled, said so that the model's author knows why and what to do.

use crate::diagnostic::Problem;
use crate::graph::{Binary, Graph, Node, Op, Unary, ValueId};
use crate::passes::numbers::per_channel;

/// Who computes and who reads each value of a graph.
pub(super) struct Links {
    producers: Vec<Option<usize>>,
    readers: Vec<Readers>,
}

#[derive(Clone, Copy, Default)]
struct Readers {
    first: Option<usize>,
    count: usize,
}

impl Links {
    pub fn new(graph: &Graph) -> Self {
        let mut readers = vec![Readers::default(); graph.values.len()];
        for (at, node) in graph.nodes.iter().enumerate() {
            for id in node.inputs.iter().flatten() {
                if let Some(readers) = readers.get_mut(id.0 as usize) {
                    readers.first.get_or_insert(at);
                    readers.count += 1;
                }
            }
        }
        Self { producers: graph.producers(), readers }
    }

    fn producer<'g>(&self, graph: &'g Graph, id: ValueId) -> Option<&'g Node> {
        graph.nodes.get((*self.producers.get(id.0 as usize)?)?)
    }

    fn readers(&self, id: ValueId) -> Readers {
        self.readers.get(id.0 as usize).copied().unwrap_or_default()
    }
}

/// What to do where images of a batch are mixed.
pub(super) const APART: &str = "each image of a batch must be computed on its own";

/// A problem at a node.
pub(super) fn at(graph: &Graph, node: &Node, message: impl Into<String>) -> Problem {
    // Views in front of a mean became part of it.
    let name = if let Op::ReduceMean { .. } = node.op { node.origin.last() } else { node.origin.first() };
    let name = name.unwrap_or(&graph[node.output].name);
    Problem::new(message).at(name.clone(), node.op.name())
}

/// How many of a node's inputs depend on the model's input.
fn computed(graph: &Graph, node: &Node) -> usize {
    node.inputs.iter().flatten().filter(|&&id| graph[id].constant.is_none()).count()
}

/// Why an operator outside the family's vocabulary is refused.
pub(super) fn operator(graph: &Graph, links: &Links, node: &Node) -> Problem {
    let computed = computed(graph, node);
    let shapes = || {
        let shapes: Vec<String> = node.inputs.iter().flatten().map(|&id| graph[id].ty.to_string()).collect();
        shapes.join(", ")
    };
    let problem = |message: &str| at(graph, node, message);
    match &node.op {
        Op::Binary(_) if computed > 1 => problem("combines two computed values")
            .expected("the sum of two feature maps, or a feature map times a gate of one number per channel", shapes()),
        Op::Binary(_) | Op::BatchNorm { .. } => problem("arithmetic that no stage can do")
            .expected("a scale or offset by constants, one number per channel of a feature map", {
                let (producer, reader) = (producer(graph, links, node), reader(graph, links, node));
                format!("{}: its argument is {producer}, its result {reader}", shapes())
            })
            .hint(affine_hint(graph, links, node)),
        Op::Unary(Unary::Act(activation)) => {
            let name = activation.words();
            problem(&format!("{name} of what no stage computes"))
                .expected("an activation of a feature map", format!("its argument is {}", producer(graph, links, node)))
        }
        Op::PRelu => problem("a PReLU with other slopes than one per channel")
            .expected("one number per channel of a feature map", shapes()),
        Op::Pad { before, after, .. } if before.iter().chain(after).any(|&n| n < 0) => {
            problem("a padding with negative amounts, which crops")
                .expected("amounts of 0 and more", format!("{before:?} in front and {after:?} behind, per axis"))
        }
        Op::Pad { before, after, value } => problem("a padding that can't become the border of a convolution")
            .expected(
                "zeros around rows and columns, directly in front of a convolution with the same border",
                format!("{value}, {before:?} in front and {after:?} behind, per axis"),
            ),
        Op::ReduceMean { axes, .. } => problem("a mean over other axes than rows and columns")
            .expected("a mean over all rows and columns of a feature map", format!("axes {axes:?} of {}", shapes())),
        Op::ReduceMax { axes, .. } => problem("a maximum over other axes than rows and columns")
            .expected("a maximum over all rows and columns of a feature map", format!("axes {axes:?} of {}", shapes())),
        Op::MatMul | Op::Gemm { .. } => problem("a matrix product that is no fully connected layer")
            .expected("a vector per image times a constant matrix, plus a constant bias", shapes()),
        Op::Cast => problem("converts to another element type").expected(
            "f32 throughout, or a u8 or i8 input converted to f32",
            format!("{} to {}", shapes(), graph[node.output].ty),
        ),
        _ => problem("an operator outside the family").expected(
            "convolutions, pooling, fully connected layers, sums, gates, concatenations, activations and softmax",
            shapes(),
        ),
    }
}

fn affine_hint(graph: &Graph, links: &Links, node: &Node) -> &'static str {
    let reader = links.readers(node.output).first.and_then(|at| graph.nodes.get(at));
    match reader.map(|reader| &reader.op) {
        Some(Op::Conv(conv)) if conv.window.pads != [0; 4] && is_per_channel(graph, node) => {
            "the convolution that reads it pads its result; only a border of zeros, or that of the image itself, can be kept"
        }
        _ => "have it exported as part of the convolution beside it, or end the model in front of it",
    }
}

/// Whether a node scales or offsets its data by one number per channel.
fn is_per_channel(graph: &Graph, node: &Node) -> bool {
    let arithmetic = matches!(node.op, Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div));
    let constant = node.inputs.iter().flatten().find_map(|&id| graph[id].constant.as_ref());
    let fits = |constant| per_channel(constant, &graph[node.output].ty.shape, 1).is_some();
    matches!(node.op, Op::BatchNorm { .. }) || (arithmetic && constant.is_some_and(fits))
}

/// Who reads a node's result, in words.
fn reader(graph: &Graph, links: &Links, node: &Node) -> String {
    match links.readers(node.output).first.and_then(|at| graph.nodes.get(at)) {
        Some(reader) => format!("is read by {:?}", reader.origin.first().unwrap_or(&graph[reader.output].name)),
        None => "is the model's output".into(),
    }
}

/// Where a node's data come from, in words.
fn producer(graph: &Graph, links: &Links, node: &Node) -> String {
    let data = node.inputs.iter().flatten().find(|&&id| graph[id].constant.is_none());
    let Some(&id) = data else { return "constant".into() };
    if id == graph.input {
        return "the model's input".into();
    }
    let Some(above) = links.producer(graph, id) else { return "undefined".into() };
    let readers = links.readers(id).count;
    let others = match readers {
        0 | 1 => String::new(),
        2 => ", which another operator reads".into(),
        _ => format!(", which {} other operators read", readers - 1),
    };
    let name = above.origin.first().unwrap_or(&graph[id].name);
    format!("the result of {name:?}{others}")
}
