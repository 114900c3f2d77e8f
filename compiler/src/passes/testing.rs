//! Graphs by hand, and the proof that passes keep what they compute.

use super::{list, run_one};
use crate::graph::{Activation, Conv, DType, Graph, Node, Op, Tensor, Type, Unary, Value, ValueId, Window, infer};
use crate::reference;

/// Passes run at most this often: more rounds mean that two passes undo each other.
const ROUNDS: usize = 12;

/// A graph under construction, with random constants.
pub(crate) struct Builder {
    graph: Graph,
    state: u64,
}

impl Builder {
    pub fn new(seed: u64, dtype: DType, shape: &[usize]) -> Self {
        let input = Value { name: "input".into(), ty: Type::new(dtype, shape), constant: None };
        let graph = Graph {
            name: "test".into(),
            opset: 20,
            values: vec![input],
            nodes: vec![],
            input: ValueId(0),
            outputs: vec![],
        };
        Self { graph, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    pub fn input(&self) -> ValueId {
        self.graph.input
    }

    pub fn shape(&self, id: ValueId) -> Vec<usize> {
        self.graph[id].ty.shape.clone()
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % bound
    }

    pub fn uniform(&mut self, lo: f32, hi: f32) -> f32 {
        lo + (hi - lo) * self.below(1 << 16) as f32 / 65536.0
    }

    pub fn constant(&mut self, shape: &[usize], values: &[f32]) -> ValueId {
        self.graph.add_constant("constant", Tensor::f32(shape, values))
    }

    pub fn scalar(&mut self, value: f32) -> ValueId {
        self.constant(&[], &[value])
    }

    pub fn random(&mut self, shape: &[usize], lo: f32, hi: f32) -> ValueId {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.uniform(lo, hi)).collect();
        self.constant(shape, &values)
    }

    pub fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let types: Vec<Option<&Type>> = inputs.iter().map(|&id| Some(self.graph.ty(id))).collect();
        let ty = infer::output_type(&op, &types, None).unwrap();
        self.typed(op, inputs, ty)
    }

    /// A node if its operator accepts the inputs.
    pub fn try_node(&mut self, op: Op, inputs: &[ValueId]) -> Option<ValueId> {
        let types: Vec<Option<&Type>> = inputs.iter().map(|&id| Some(self.graph.ty(id))).collect();
        let ty = infer::output_type(&op, &types, None).ok()?;
        Some(self.typed(op, inputs, ty))
    }

    fn typed(&mut self, op: Op, inputs: &[ValueId], ty: Type) -> ValueId {
        let origin = vec![format!("{}{}", op.name(), self.graph.nodes.len())];
        let output = self.graph.add_value(format!("{}_out", origin[0]), ty);
        self.graph.nodes.push(Node { op, inputs: inputs.iter().copied().map(Some).collect(), output, origin });
        output
    }

    pub fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        let dtype = self.graph.ty(x).dtype;
        self.typed(Op::Reshape, &[x], Type::new(dtype, shape))
    }

    pub fn cast(&mut self, x: ValueId, dtype: DType) -> ValueId {
        let ty = Type::new(dtype, self.shape(x));
        self.typed(Op::Cast, &[x], ty)
    }

    pub fn transpose(&mut self, x: ValueId, perm: &[usize]) -> ValueId {
        self.node(Op::Transpose { perm: perm.to_vec() }, &[x])
    }

    pub fn clamp(&mut self, x: ValueId, lo: f32, hi: f32) -> ValueId {
        self.node(Op::Unary(Unary::Act(Activation::Clamp { lo, hi })), &[x])
    }

    pub fn pad(&mut self, x: ValueId, before: &[i64], after: &[i64], value: f64) -> ValueId {
        self.node(Op::Pad { before: before.to_vec(), after: after.to_vec(), value }, &[x])
    }

    pub fn batch_norm(&mut self, x: ValueId) -> ValueId {
        let c = [self.shape(x)[1]];
        let (scale, bias) = (self.random(&c, 0.5, 2.0), self.random(&c, -1.0, 1.0));
        let (mean, var) = (self.random(&c, -0.5, 0.5), self.random(&c, 0.1, 2.0));
        self.node(Op::BatchNorm { epsilon: 1e-3 }, &[x, scale, bias, mean, var])
    }

    /// A convolution with random weights and bias.
    pub fn tensor(&mut self, tensor: Tensor) -> ValueId {
        self.graph.add_constant("constant", tensor)
    }

    pub fn slice(&mut self, x: ValueId, starts: &[i64], steps: &[i64], shape: &[usize]) -> ValueId {
        let ty = Type { dtype: self.graph[x].ty.dtype, shape: shape.to_vec() };
        self.typed(Op::Slice { starts: starts.to_vec(), steps: steps.to_vec() }, &[x], ty)
    }

    pub fn expand(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        let ty = Type { dtype: self.graph[x].ty.dtype, shape: shape.to_vec() };
        self.typed(Op::Expand, &[x], ty)
    }

    pub fn conv(&mut self, x: ValueId, outputs: usize, kernel: usize, stride: usize, pads: [i64; 4]) -> ValueId {
        self.grouped(x, outputs, kernel, stride, pads, 1)
    }

    pub fn depthwise(&mut self, x: ValueId, kernel: usize, stride: usize, pads: [i64; 4]) -> ValueId {
        let channels = self.shape(x)[1];
        self.grouped(x, channels, kernel, stride, pads, channels)
    }

    pub fn grouped(&mut self, x: ValueId, m: usize, k: usize, stride: usize, pads: [i64; 4], group: usize) -> ValueId {
        let channels = self.shape(x)[1];
        let (w, b) = (self.random(&[m, channels / group, k, k], -1.0, 1.0), self.random(&[m], -1.0, 1.0));
        let window = Window { kernel: [k; 2], stride: [stride; 2], dilation: [1; 2], pads };
        self.node(Op::Conv(Conv { window, group, activation: Activation::NONE, pad_values: vec![] }), &[x, w, b])
    }

    pub fn finish(self, output: ValueId) -> Graph {
        self.finish_all(&[output])
    }

    /// A graph of several outputs.
    pub fn finish_all(mut self, outputs: &[ValueId]) -> Graph {
        self.graph.outputs = outputs.to_vec();
        self.graph.verify().unwrap();
        self.graph
    }
}

/// The canonical graph; after every pass that fires, the graph must compute what it computed before.
pub(crate) fn rewritten(graph: &Graph) -> Graph {
    rewritten_by(graph).0
}

/// The same, and one of the passes must have fired.
pub(crate) fn fires(graph: &Graph, pass: &str) -> Graph {
    let (graph, fired) = rewritten_by(graph);
    assert!(fired.contains(&pass), "{pass} did not fire, only {fired:?} did\n{graph}");
    graph
}

fn rewritten_by(graph: &Graph) -> (Graph, Vec<&'static str>) {
    let inputs: Vec<Tensor> = (1..3).map(|seed| input_of(graph, seed)).collect();
    let expected: Vec<Vec<Tensor>> = inputs.iter().map(|input| reference::run(graph, input).unwrap()).collect();
    let mut graph = graph.clone();
    let mut fired = Vec::new();
    for round in 0.. {
        let before = fired.len();
        for pass in list() {
            let earlier = graph.clone();
            let applied = run_one(&mut graph, pass).unwrap();
            if applied.is_empty() {
                continue;
            }
            fired.push(pass.name);
            for (input, expected) in inputs.iter().zip(&expected) {
                let found = reference::run(&graph, input).unwrap();
                assert_same(&found, expected, || format!("{applied:?}\n{earlier}\nbecame\n{graph}"));
            }
        }
        if fired.len() == before {
            return (graph, fired);
        }
        assert!(round < ROUNDS, "the passes find no end: {fired:?}\n{graph}");
    }
    unreachable!("rounds are counted")
}

pub(crate) fn input_of(graph: &Graph, seed: u64) -> Tensor {
    let ty = graph.ty(graph.input).clone();
    let mut random = Builder::new(seed, ty.dtype, &[]);
    let (lo, hi) = match ty.dtype.int_range() {
        Some((lo, hi)) => (lo as f32, hi as f32),
        None => (-3.0, 3.0),
    };
    let values = (0..ty.len()).map(|_| random.uniform(lo, hi).into()).collect();
    Tensor::from_f64(&ty, values)
}

pub(crate) fn assert_same(found: &[Tensor], expected: &[Tensor], explain: impl Fn() -> String) {
    assert_eq!(found.len(), expected.len(), "{}", explain());
    found.iter().zip(expected).for_each(|(found, expected)| assert_same_values(found, expected, &explain));
}

fn assert_same_values(found: &Tensor, expected: &Tensor, explain: impl Fn() -> String) {
    assert_eq!(found.ty(), expected.ty(), "{}", explain());
    let (found, expected) = (found.to_f64(), expected.to_f64());
    let largest = expected.iter().fold(1e-6f64, |m, v| m.max(v.abs()));
    let error = found.iter().zip(&expected).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(error <= 1e-5 * largest, "off by {error} of {largest}: {}", explain());
}

/// The names of the operators, in order.
pub(crate) fn ops(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|node| node.op.name()).collect()
}
