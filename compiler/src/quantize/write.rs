//! A quantised network as an ONNX graph: `QuantizeLinear` and `DequantizeLinear` around plain operators.

use super::layers::{FREE, Layer, LayerKind, Layers, ValueId};
use super::scheme::Scheme;
use crate::graph::{Activation, DType, Quant, Tensor, Window};
use crate::network::{Finish, Layout, Network, Output};
use crate::onnx::author::{Author, Dim, Node, Storage};
use crate::quant::rules;
use std::collections::BTreeSet;

/// Per-channel `DequantizeLinear` came with 13, `HardSwish` with 14.
const OPSET: i64 = 14;

/// The model file. `layers` holds the numbers of what stays in float.
pub fn write(network: &Network, layers: &Layers, scheme: &Scheme) -> Vec<u8> {
    let mut writer = Writer::new(network, layers, scheme);
    writer.input();
    for at in 0..layers.layers.len() {
        writer.layer(at);
    }
    for (output, pieces) in network.outputs.iter().zip(&layers.outputs) {
        writer.output(output, pieces);
    }
    writer.author.to_bytes()
}

struct Writer<'a> {
    network: &'a Network,
    layers: &'a Layers,
    scheme: &'a Scheme,
    author: Author,
    names: BTreeSet<String>,
    /// What readers of a value read.
    read: Vec<String>,
}

fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|&dim| dim.into()).collect()
}

fn ints(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&value| value as i64).collect()
}

impl<'a> Writer<'a> {
    fn new(network: &'a Network, layers: &'a Layers, scheme: &'a Scheme) -> Self {
        let mut author = Author::new(network.name.clone(), OPSET);
        let port = &network.input;
        author = author.input(&port.name, port.dtype, dims(&port.shape));
        let mut names = BTreeSet::from([port.name.clone()]);
        for Output { port, .. } in &network.outputs {
            author = author.output(&port.name, port.dtype, dims(&port.shape));
            names.insert(port.name.clone());
        }
        Self { network, layers, scheme, author, names, read: vec![String::new(); layers.values.len()] }
    }

    fn edit(&mut self, edit: impl FnOnce(Author) -> Author) {
        let author = std::mem::replace(&mut self.author, Author::new("", OPSET));
        self.author = edit(author);
    }

    /// A name that nothing else has.
    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }

    fn constant(&mut self, wanted: &str, tensor: &Tensor) -> String {
        let name = self.name(wanted);
        self.edit(|author| author.initializer(&name, tensor, Storage::Raw));
        name
    }

    /// Adds an operator and returns the name of its result.
    fn node(&mut self, op: &str, inputs: &[&str], wanted: &str, with: impl FnOnce(Node) -> Node) -> String {
        let output = self.name(wanted);
        self.node_to(op, inputs, &output, with);
        output
    }

    fn node_to(&mut self, op: &str, inputs: &[&str], output: &str, with: impl FnOnce(Node) -> Node) {
        let node = with(Node::new(op, inputs.iter().copied(), [output]).name(output));
        self.edit(|author| author.node(node));
    }

    fn scale(&mut self, of: &str, quant: Quant) -> [String; 2] {
        let scale = self.constant(&format!("{of}_scale"), &Tensor::f32([], vec![quant.scale]));
        let zero = self.constant(&format!("{of}_zero_point"), &Tensor::int(quant.dtype, [], vec![quant.zero.into()]));
        [scale, zero]
    }

    /// A value's codes and their numbers: what readers get.
    fn rounded(&mut self, x: &str, of: &str, quant: Quant) -> String {
        let [scale, zero] = self.scale(of, quant);
        let codes = self.node("QuantizeLinear", &[x, &scale, &zero], &format!("{of}_quantized"), |node| node);
        self.node("DequantizeLinear", &[&codes, &scale, &zero], &format!("{of}_dequantized"), |node| node)
    }

    fn reshape(&mut self, x: &str, shape: &[usize], wanted: &str) -> String {
        let target = self.constant(&format!("{wanted}_shape"), &Tensor::ints(ints(shape)));
        self.node("Reshape", &[x, &target], wanted, |node| node)
    }

    fn batched(&self, id: ValueId) -> [usize; 4] {
        let value = &self.layers.values[id];
        [self.network.batch, value.channels, value.height, value.width]
    }

    /// The input as NCHW, shifted where the border of the first convolution demands it.
    fn input(&mut self) {
        let port = &self.network.input;
        let shape = self.batched(0);
        let quant = self.scheme.quants[0];
        let mut x = port.name.clone();
        if let (Some(quant), true) = (quant, port.dtype != DType::F32) {
            let [scale, zero] = self.scale(&port.name, quant);
            x = self.node("DequantizeLinear", &[&x, &scale, &zero], "input_dequantized", |node| node);
        }
        if port.layout == Layout::Nhwc && (shape[2], shape[3]) != (1, 1) {
            let [n, c, h, w] = shape;
            if port.shape.len() != 4 {
                x = self.reshape(&x, &[n, h, w, c], "input_rows");
            }
            x = self.node("Transpose", &[&x], "input_nchw", |node| node.ints("perm", [0, 3, 1, 2]));
        } else if port.shape != shape {
            x = self.reshape(&x, &shape, "input_nchw");
        }
        if port.dtype == DType::F32 {
            if let Some(shift) = &self.layers.shift {
                let offsets: Vec<f32> = shift.iter().map(|x| -x).collect();
                let offsets = self.constant("input_offset", &Tensor::f32([1, shape[1], 1, 1], offsets));
                x = self.node("Add", &[&x, &offsets], "input_shifted", |node| node);
            }
            if let Some(quant) = quant {
                x = self.rounded(&x, "input", quant);
            }
        }
        self.read[0] = x;
    }

    fn layer(&mut self, at: usize) {
        let layer = &self.layers.layers[at];
        let inputs: Vec<String> = layer.inputs.iter().map(|&id| self.read[id].clone()).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let result = self.operator(at, layer, &inputs);
        let from = &self.layers.values[layer.inputs[0]];
        if matches!(layer.kind, LayerKind::Dense { .. }) && (from.height, from.width) != (1, 1) {
            self.read[layer.output] = result;
            return;
        }
        let result = self.clamp(layer, result);
        self.read[layer.output] = match self.scheme.quants[layer.output] {
            Some(quant) => self.rounded(&result, &layer.name, quant),
            None => result,
        };
    }

    fn operator(&mut self, at: usize, layer: &Layer, inputs: &[&str]) -> String {
        let name = layer.name.as_str();
        let (from, to) = (&self.layers.values[layer.inputs[0]], &self.layers.values[layer.output]);
        let pool = |window: &Window| {
            let floor = |axis: usize, size: usize| {
                let reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
                let padded = size as i64 + window.pads[axis] + window.pads[axis + 2] - reach as i64;
                padded.div_euclid(window.stride[axis] as i64) + 1
            };
            let exact = [floor(0, from.height), floor(1, from.width)] == [to.height as i64, to.width as i64];
            (*window, i64::from(!exact))
        };
        match &layer.kind {
            LayerKind::Conv { window, groups, weights, bias, .. } => {
                let [kh, kw] = window.kernel;
                let shape = [bias.len(), from.channels / groups, kh, kw];
                let [w, b] = self.filters(at, name, &shape, weights, bias);
                let groups = *groups as i64;
                let window = *window;
                self.node("Conv", &[inputs[0], &w, &b], name, |node| windowed(node, &window).int("group", groups))
            }
            LayerKind::Dense { weights, bias } if (from.height, from.width) == (1, 1) => {
                let [w, b] = self.filters(at, name, &[bias.len(), from.channels, 1, 1], weights, bias);
                self.node("Conv", &[inputs[0], &w, &b], name, |node| node)
            }
            LayerKind::Dense { weights, bias } => {
                // The file's order is that of channels, rows, columns.
                let area = from.height * from.width;
                let (k, channels) = (from.len(), from.channels);
                let row =
                    |row: usize| (0..channels).flat_map(move |c| (0..area).map(move |at| row * k + at * channels + c));
                let order: Vec<usize> = (0..bias.len()).flat_map(row).collect();
                let [w, b] = self.filters_in(at, name, &[bias.len(), k], (weights, bias), &order);
                let flat = self.node("Flatten", &[inputs[0]], &format!("{name}_flat"), |node| node.int("axis", 1));
                let rows = self.node("Gemm", &[&flat, &w, &b], name, |node| node.int("transB", 1));
                let shape = self.batched(layer.output);
                // Codes behind the layer, which reshapes do not move.
                let rows = self.clamp(layer, rows);
                let rows = match self.scheme.quants[layer.output] {
                    Some(quant) => self.rounded(&rows, &format!("{name}_rows"), quant),
                    None => rows,
                };
                self.reshape(&rows, &shape, &format!("{name}_map"))
            }
            LayerKind::Add => self.node("Add", inputs, name, |node| node),
            LayerKind::Scale => self.node("Mul", inputs, name, |node| node),
            LayerKind::Concat => self.node("Concat", inputs, name, |node| node.int("axis", 1)),
            LayerKind::MaxPool(window) => {
                let (window, ceil) = pool(window);
                self.node("MaxPool", inputs, name, |node| windowed(node, &window).int("ceil_mode", ceil))
            }
            LayerKind::AveragePool { window, count_include_pad } => {
                let ((window, ceil), counted) = (pool(window), i64::from(*count_include_pad));
                let undilated = Window { dilation: [1, 1], ..window };
                self.node("AveragePool", inputs, name, |node| {
                    windowed(node, &undilated).int("ceil_mode", ceil).int("count_include_pad", counted)
                })
            }
            LayerKind::GlobalAveragePool => self.node("GlobalAveragePool", inputs, name, |node| node),
            LayerKind::Act(activation) => self.activation(*activation, inputs[0], name),
            LayerKind::Slopes(slopes) => {
                let slopes = Tensor::f32([slopes.len(), 1, 1], slopes.clone());
                let slopes = self.constant(&format!("{name}_slopes"), &slopes);
                self.node("PRelu", &[inputs[0], &slopes], name, |node| node)
            }
            LayerKind::Softmax { log } => self.node(softmax(*log), inputs, name, |node| node.int("axis", 1)),
            &LayerKind::LpNormalize { p, epsilon } => self.normalise(inputs[0], name, p, epsilon),
        }
    }

    fn filters(&mut self, at: usize, name: &str, shape: &[usize], weights: &[f32], bias: &[f32]) -> [String; 2] {
        let order: Vec<usize> = (0..weights.len()).collect();
        self.filters_in(at, name, shape, (weights, bias), &order)
    }

    /// Weights and biases, as codes where the layer has some.
    fn filters_in(
        &mut self,
        at: usize,
        name: &str,
        shape: &[usize],
        (weights, bias): (&[f32], &[f32]),
        order: &[usize],
    ) -> [String; 2] {
        let scheme = self.scheme;
        let Some(codes) = &scheme.codes[at] else {
            let weights: Vec<f32> = order.iter().map(|&at| weights[at]).collect();
            let weights = self.constant(&format!("{name}_weight"), &Tensor::f32(shape, weights));
            return [weights, self.constant(&format!("{name}_bias"), &Tensor::f32([bias.len()], bias.to_vec()))];
        };
        let x = scheme.quants[self.layers.layers[at].inputs[0]].map_or(1.0, |quant| quant.scale);
        let weights: Vec<i64> = order.iter().map(|&at| codes.weights[at].into()).collect();
        let n = codes.scales.len();
        let zeros = |dtype| Tensor::int(dtype, [n], vec![0; n]);
        let products: Vec<f32> = codes.scales.iter().map(|scale| x * scale).collect();
        let bias: Vec<i64> = codes.bias.iter().map(|&bias| bias.into()).collect();
        let parts = [
            ("weight", Tensor::int(DType::I8, shape, weights), codes.scales.clone(), zeros(DType::I8)),
            ("bias", Tensor::int(DType::I32, [n], bias), products, zeros(DType::I32)),
        ];
        parts.map(|(part, codes, scales, zeros)| {
            let codes = self.constant(&format!("{name}_{part}_quantized"), &codes);
            let scales = self.constant(&format!("{name}_{part}_scale"), &Tensor::f32([n], scales));
            let zeros = self.constant(&format!("{name}_{part}_zero_point"), &zeros);
            self.node("DequantizeLinear", &[&codes, &scales, &zeros], &format!("{name}_{part}"), |node| {
                node.int("axis", 0)
            })
        })
    }

    /// A clamp behind the operator, but for one that the range of the codes is already.
    fn clamp(&mut self, layer: &Layer, x: String) -> String {
        let [lo, hi] = layer.clamp;
        let inside = self.scheme.quants[layer.output]
            .is_some_and(|quant| [lo, hi].map(|bound| rules::quantize(bound, quant)) == quant.range().map(i64::from));
        if layer.clamp == FREE || inside {
            return x;
        }
        self.activation(Activation::Clamp { lo, hi }, &x, &format!("{}_clipped", layer.name))
    }

    fn activation(&mut self, activation: Activation, x: &str, name: &str) -> String {
        match activation {
            Activation::Clamp { lo: 0.0, hi: f32::INFINITY } => self.node("Relu", &[x], name, |node| node),
            Activation::Clamp { lo, hi } => {
                let mut bound = |what: &str, bound: f32| match bound.is_finite() {
                    true => self.constant(&format!("{name}_{what}"), &Tensor::f32([], vec![bound])),
                    false => String::new(),
                };
                let (lo, hi) = (bound("min", lo), bound("max", hi));
                let inputs = if hi.is_empty() { vec![x, &lo] } else { vec![x, &lo, &hi] };
                self.node("Clip", &inputs, name, |node| node)
            }
            Activation::HardSwish => self.node("HardSwish", &[x], name, |node| node),
            Activation::HardSigmoid { alpha, beta } => {
                self.node("HardSigmoid", &[x], name, |node| node.float("alpha", alpha).float("beta", beta))
            }
            Activation::Sigmoid => self.node("Sigmoid", &[x], name, |node| node),
            Activation::Swish => {
                let gate = self.node("Sigmoid", &[x], &format!("{name}_sigmoid"), |node| node);
                self.node("Mul", &[x, &gate], name, |node| node)
            }
            Activation::Tanh => self.node("Tanh", &[x], name, |node| node),
            Activation::LeakyRelu { alpha } => self.node("LeakyRelu", &[x], name, |node| node.float("alpha", alpha)),
        }
    }

    /// Divided by the length along axis 1.
    fn normalise(&mut self, x: &str, name: &str, p: u8, epsilon: f32) -> String {
        let op = if p == 1 { "ReduceL1" } else { "ReduceL2" };
        let length = self.node(op, &[x], &format!("{name}_length"), |node| node.ints("axes", [1]).int("keepdims", 1));
        let least = self.constant(&format!("{name}_epsilon"), &Tensor::f32([], vec![epsilon]));
        let length = self.node("Clip", &[&length, &least], &format!("{name}_divisor"), |node| node);
        self.node("Div", &[x, &length], name, |node| node)
    }

    fn output(&mut self, output: &Output, pieces: &[ValueId]) {
        let port = &output.port;
        let mut parts = Vec::new();
        for (piece, &id) in output.pieces.iter().zip(pieces) {
            let [n, c, h, w] = self.batched(id);
            let mut shape = vec![n, c, h, w];
            let mut part = self.read[id].clone();
            if piece.layout == Layout::Nhwc && (h, w) != (1, 1) {
                part =
                    self.node("Transpose", &[&part], &format!("{part}_nhwc"), |node| node.ints("perm", [0, 2, 3, 1]));
                shape = vec![n, h, w, c];
            }
            if pieces.len() > 1 {
                part = self.reshape(&part, &[n, c * h * w], &format!("{part}_flat"));
                shape = vec![n, c * h * w];
            }
            parts.push((part, shape));
        }
        let Some((mut x, mut shape)) = parts.first().cloned() else { return };
        if parts.len() > 1 {
            let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
            x = self.node("Concat", &names, &format!("{}_joined", port.name), |node| node.int("axis", 1));
            shape = vec![self.network.batch, parts.iter().map(|(_, shape)| shape[1]).sum()];
        }
        for finish in &output.finish {
            (x, shape) = self.finish(finish, x, shape, &port.name);
        }
        if shape == port.shape {
            self.node_to("Identity", &[&x], &port.name, |node| node);
        } else {
            let target = self.constant(&format!("{}_shape", port.name), &Tensor::ints(ints(&port.shape)));
            self.node_to("Reshape", &[&x, &target], &port.name, |node| node);
        }
    }

    fn finish(&mut self, finish: &Finish, x: String, shape: Vec<usize>, name: &str) -> (String, Vec<usize>) {
        let batch = self.network.batch;
        let rows = |writer: &mut Self, outer: usize, n: usize, inner: usize| {
            let wanted = if inner == 1 { vec![batch * outer, n] } else { vec![batch * outer, n, inner] };
            match wanted == shape {
                true => (x.clone(), wanted),
                false => (writer.reshape(&x, &wanted, &format!("{name}_rows")), wanted),
            }
        };
        match *finish {
            Finish::Softmax { outer, n, inner, log } => {
                let (x, shape) = rows(self, outer, n, inner);
                (self.node(softmax(log), &[&x], &format!("{name}_softmax"), |node| node.int("axis", 1)), shape)
            }
            Finish::LpNormalize { outer, n, inner, p, epsilon } => {
                let (x, shape) = rows(self, outer, n, inner);
                (self.normalise(&x, &format!("{name}_normalised"), p, epsilon), shape)
            }
            Finish::Activate(activation) => (self.activation(activation, &x, &format!("{name}_activated")), shape),
            Finish::ArgMax { outer, n, inner, select_last } => {
                let (x, mut shape) = rows(self, outer, n, inner);
                shape.remove(1);
                let last = i64::from(select_last);
                let with = |node: Node| node.int("axis", 1).int("keepdims", 0).int("select_last_index", last);
                (self.node("ArgMax", &[&x], &format!("{name}_index"), with), shape)
            }
            Finish::Half => (self.node("Cast", &[&x], &format!("{name}_half"), |node| node.int("to", 10)), shape),
        }
    }
}

fn softmax(log: bool) -> &'static str {
    if log { "LogSoftmax" } else { "Softmax" }
}

fn windowed(node: Node, window: &Window) -> Node {
    let node = node.ints("kernel_shape", ints(&window.kernel)).ints("strides", ints(&window.stride));
    let node = node.ints("pads", window.pads.to_vec());
    if window.dilation == [1, 1] { node } else { node.ints("dilations", ints(&window.dilation)) }
}
