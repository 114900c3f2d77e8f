//! Writes networks as ONNX, a layer at a time.

use crate::random::{Act, Axes, Block, Entry, Gate, Head, POINT, Span, Spec};
use crate::weights::Noise;
use mobilenet_compiler::graph::{DType, Tensor, Type};
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};

/// A network under construction: the ONNX file so far and the value at its end.
#[derive(Debug)]
pub struct Draft {
    author: Author,
    noise: Noise,
    opset: i64,
    names: usize,
    value: String,
    shape: [usize; 4],
    codes: Option<Codes>,
}

/// How a quantised network is spelled.
#[derive(Debug)]
struct Codes {
    /// Type of the codes of maps.
    maps: DType,
    /// Type of the codes of weights.
    weights: DType,
    /// The value at the end stands for codes.
    coded: bool,
}

/// A value of a network.
#[derive(Debug, Clone)]
pub struct Place {
    value: String,
    shape: [usize; 4],
}

impl Draft {
    /// An empty network whose weights follow from a seed.
    pub fn new(name: &str, opset: i64, seed: u64) -> Self {
        let author = Author::new(name, opset);
        Self { author, noise: Noise::new(seed), opset, names: 0, value: String::new(), shape: [0; 4], codes: None }
    }

    /// Declares the input `x` of `[N, C, H, W]`, in the order of `axes`.
    pub fn input(&mut self, dtype: DType, shape: [usize; 4], axes: Axes) {
        let [n, c, h, w] = shape;
        let dims = if axes == Axes::Nchw { shape } else { [n, h, w, c] };
        self.edit(|author| author.input("x", dtype, dims.map(Dim::from)));
        self.value = "x".into();
        self.shape = shape;
    }

    /// Rows and columns at the end.
    pub fn size(&self) -> [usize; 2] {
        [self.shape[2], self.shape[3]]
    }

    /// Adds a node whose first input is the value at the end.
    pub fn node(&mut self, op: &str, others: &[String], attributes: impl FnOnce(Node) -> Node) {
        self.names += 1;
        let output = format!("v{}", self.names);
        let inputs = [&self.value].into_iter().chain(others).map(String::as_str);
        let node = attributes(Node::new(op, inputs, [output.as_str()]).name(format!("{op}_{}", self.names)));
        self.edit(|author| author.node(node));
        self.value = output;
        if let Some(codes) = &mut self.codes {
            codes.coded = false;
        }
    }

    /// Spells what follows with codes of random types.
    fn quantised(&mut self) {
        let pick = |at: usize| [DType::U8, DType::I8, DType::I8][at % 3];
        let maps = pick(self.noise.bytes(1)[0].into());
        let weights = pick(self.noise.bytes(1)[0].into());
        self.codes = Some(Codes { maps, weights, coded: false });
    }

    /// Puts the value at the end through codes, in a quantised network.
    fn through_codes(&mut self) {
        let Some(Codes { maps, coded: false, .. }) = self.codes else { return };
        let scale = self.noise.vector(1, 0.015, 0.05);
        let drawn = self.noise.bytes(2);
        let zero = if drawn[0] < 128 { 0 } else { 64 + drawn[1] / 2 };
        let [scale, zero] = self.codes_of(maps, &[], scale, vec![zero.into()]);
        self.node("QuantizeLinear", &[scale.clone(), zero.clone()], |node| node);
        self.node("DequantizeLinear", &[scale, zero], |node| node);
        self.coded();
    }

    fn coded(&mut self) {
        if let Some(codes) = &mut self.codes {
            codes.coded = true;
        }
    }

    /// A scale and a zero point, which counts from the smallest code.
    fn codes_of(&mut self, dtype: DType, shape: &[usize], scales: Vec<f32>, zeros: Vec<f64>) -> [String; 2] {
        let scale = self.constant(shape, scales);
        [scale, self.integers(dtype, shape, zeros)]
    }

    /// An initialiser of codes, which count from the smallest.
    fn integers(&mut self, dtype: DType, shape: &[usize], codes: Vec<f64>) -> String {
        let lowest = if dtype == DType::I8 { -128.0 } else { 0.0 };
        self.names += 1;
        let name = format!("c{}", self.names);
        let codes = codes.iter().map(|code| code + lowest).collect();
        let tensor = Tensor::from_f64(&Type::new(dtype, shape.to_vec()), codes);
        self.edit(|author| author.initializer(&name, &tensor, Storage::Raw));
        name
    }

    /// Weights, in a quantised network as codes: signed ones per channel, unsigned ones with a zero point.
    fn weights(&mut self, shape: &[usize], values: Vec<f32>) -> String {
        let Some(Codes { weights: dtype, .. }) = self.codes else { return self.constant(shape, values) };
        let taps = values.len() / shape[0];
        let ends = |values: &[f32]| values.iter().fold([0.0f32; 2], |[lo, hi], &w| [lo.min(w), hi.max(w)]);
        let (scales, zero, axis) = match dtype {
            DType::I8 => {
                let scale = |row: &[f32]| ends(row).into_iter().fold(1e-3, |most: f32, w| most.max(w.abs())) / 127.0;
                (values.chunks(taps).map(scale).collect::<Vec<f32>>(), 128.0, vec![shape[0]])
            }
            _ => {
                let [lo, hi] = ends(&values);
                let scale = (hi - lo).max(1e-3) / 255.0;
                (vec![scale], f64::from((-lo / scale).round()), vec![])
            }
        };
        let scale = |at: usize| f64::from(scales[if scales.len() == 1 { 0 } else { at / taps }]);
        let code = |(at, &w): (usize, &f32)| (f64::from(w) / scale(at) + zero).round().clamp(0.0, 255.0);
        let codes = values.iter().enumerate().map(code).collect();
        let zeros = vec![zero; scales.len()];
        let codes = self.integers(dtype, shape, codes);
        let [scale, zeros] = self.codes_of(dtype, &axis, scales, zeros);
        self.names += 1;
        let name = format!("v{}", self.names);
        let node = Node::new("DequantizeLinear", [codes.as_str(), &scale, &zeros], [name.as_str()]);
        let node = node.name(format!("DequantizeLinear_{}", self.names)).int("axis", 0);
        self.edit(|author| author.node(node));
        name
    }

    /// The value at the end.
    pub fn place(&self) -> Place {
        Place { value: self.value.clone(), shape: self.shape }
    }

    /// Goes on from another value, and returns the one at the end so far.
    pub fn go(&mut self, to: Place) -> Place {
        let from = self.place();
        (self.value, self.shape) = (to.value, to.shape);
        from
    }

    /// Joins another value and that at the end by an operator of two operands; the other one is the first of them, or
    /// `swapped` the second.
    pub fn join(&mut self, op: &str, other: Place, swapped: bool) {
        let (first, second) = if swapped { (self.place(), other.clone()) } else { (other.clone(), self.place()) };
        self.go(first);
        self.node(op, &[second.value], |node| node);
        self.shape = other.shape;
    }

    /// Adds an initialiser and returns its name.
    pub fn constant(&mut self, shape: &[usize], values: Vec<f32>) -> String {
        self.names += 1;
        let name = format!("c{}", self.names);
        self.edit(|author| author.initializer(&name, &Tensor::f32(shape, values), Storage::Raw));
        name
    }

    /// Exchanges NCHW and NHWC.
    pub fn transpose(&mut self, perm: [i64; 4]) {
        self.node("Transpose", &[], |node| node.ints("perm", perm));
    }

    /// A convolution with random weights, and a bias if asked for.
    pub fn conv(&mut self, channels: usize, group: usize, span: Span, bias: bool) {
        let per_group = self.shape[1] / group;
        let [kh, kw] = span.kernel;
        let fan_in = per_group * kh * kw;
        let weights = self.noise.weights(channels * fan_in, fan_in);
        let mut inputs = vec![self.weights(&[channels, per_group, kh, kw], weights)];
        if bias {
            let values = self.noise.vector(channels, -0.3, 0.3);
            inputs.push(self.constant(&[channels], values));
        }
        let ints = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        self.node("Conv", &inputs, |node| {
            node.ints("kernel_shape", ints(&span.kernel))
                .ints("strides", ints(&span.stride))
                .ints("dilations", ints(&span.dilation))
                .ints("pads", ints(&span.pads))
                .int("group", group as i64)
        });
        let [h, w] = span.output(self.size()).unwrap_or_default();
        self.shape = [self.shape[0], channels, h, w];
    }

    /// A depthwise convolution.
    pub fn depthwise(&mut self, span: Span, bias: bool) {
        let channels = self.shape[1];
        self.conv(channels, channels, span, bias);
    }

    /// A batch norm with random statistics.
    pub fn norm(&mut self) {
        let c = self.shape[1];
        let inputs = [(0.5, 1.5), (-0.5, 0.5), (-0.2, 0.2), (0.5, 2.0)].map(|(lo, hi)| {
            let values = self.noise.vector(c, lo, hi);
            self.constant(&[c], values)
        });
        self.node("BatchNormalization", &inputs, |node| node.float("epsilon", 1e-3));
    }

    /// An activation in its spelling.
    pub fn act(&mut self, act: Act) {
        let clamps = matches!(act, Act::None | Act::Relu | Act::Relu6 | Act::ReluMin);
        if !clamps {
            self.through_codes();
        }
        self.spell(act);
        self.through_codes();
    }

    fn spell(&mut self, act: Act) {
        match act {
            Act::None => {}
            Act::Relu => self.node("Relu", &[], |node| node),
            Act::Relu6 if self.opset < 11 => self.node("Clip", &[], |node| node.float("min", 0.0).float("max", 6.0)),
            Act::Relu6 => {
                let bounds = [self.constant(&[], vec![0.0]), self.constant(&[], vec![6.0])];
                self.node("Clip", &bounds, |node| node);
            }
            Act::ReluMin => {
                self.node("Relu", &[], |node| node);
                let six = self.constant(&[], vec![6.0]);
                self.node("Min", &[six], |node| node);
            }
            Act::Leaky => self.node("LeakyRelu", &[], |node| node.float("alpha", 0.125)),
            Act::HardSigmoid => {
                self.node("HardSigmoid", &[], |node| node.float("alpha", 1.0 / 6.0).float("beta", 0.5));
            }
            Act::HardSwish if self.opset >= 14 => self.node("HardSwish", &[], |node| node),
            Act::Sigmoid => self.node("Sigmoid", &[], |node| node),
            Act::HardSwish | Act::Swish => {
                let factor = self.place();
                self.spell(if act == Act::Swish { Act::Sigmoid } else { Act::HardSigmoid });
                self.join("Mul", factor, false);
            }
        }
    }

    /// The channels of another map in front of those of the map at the end.
    pub fn concat(&mut self, first: Place) {
        let second = self.go(first);
        self.node("Concat", &[second.value], |node| node.int("axis", 1));
        self.shape[1] += second.shape[1];
        self.through_codes();
    }

    /// Squeeze and excitation of the map at the end.
    pub fn gate(&mut self, gate: Gate) {
        self.through_codes();
        let map = self.place();
        self.node("GlobalAveragePool", &[], |node| node);
        self.shape[2..].fill(1);
        self.through_codes();
        self.conv(gate.squeezed, 1, POINT, true);
        self.act(Act::Relu);
        self.conv(map.shape[1], 1, POINT, true);
        self.act(gate.act);
        self.join("Mul", map, gate.swapped);
        self.through_codes();
    }

    /// The largest or the mean of each window.
    pub fn window(&mut self, span: Span, max: bool, padded: bool) {
        let ints = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        self.node(if max { "MaxPool" } else { "AveragePool" }, &[], |node| {
            let node = node.ints("kernel_shape", ints(&span.kernel)).ints("strides", ints(&span.stride));
            let node = node.ints("pads", ints(&span.pads));
            if max { node } else { node.int("count_include_pad", padded.into()) }
        });
        let [h, w] = span.output(self.size()).unwrap_or_default();
        self.shape[2..].copy_from_slice(&[h, w]);
        self.through_codes();
    }

    /// `GlobalAveragePool` and `Flatten`.
    pub fn pool(&mut self) {
        self.node("GlobalAveragePool", &[], |node| node);
        self.through_codes();
        self.node("Flatten", &[], |node| node.int("axis", 1));
        self.shape = [self.shape[0], self.shape[1], 1, 1];
        self.coded();
    }

    /// A dense layer.
    pub fn dense(&mut self, classes: usize) {
        let k = self.shape[1];
        let weights = self.noise.weights(classes * k, k);
        let bias = self.noise.vector(classes, -0.3, 0.3);
        let inputs = [self.weights(&[classes, k], weights), self.constant(&[classes], bias)];
        self.node("Gemm", &inputs, |node| node.int("transB", 1));
        self.shape[1] = classes;
        self.through_codes();
    }

    /// Softmax over the classes.
    pub fn softmax(&mut self) {
        self.node("Softmax", &[], |node| node.int("axis", 1));
    }

    /// Makes the map at the end an output, in the order of `axes`, and goes on from it.
    pub fn tap(&mut self, axes: Axes) {
        let place = self.place();
        let [n, c, h, w] = self.shape;
        let mut dims = self.shape;
        if axes == Axes::Nhwc {
            self.transpose([0, 2, 3, 1]);
            dims = [n, h, w, c];
        }
        let value = self.go(place).value;
        self.edit(|author| author.output(&value, DType::F32, dims.map(Dim::from)));
    }

    /// Makes the value at the end the output `y` of a shape, and returns the model.
    pub fn finish(mut self, shape: &[usize]) -> Author {
        self.node("Identity", &[], |node| node);
        let value = std::mem::take(&mut self.value);
        let dims: Vec<Dim> = shape.iter().map(|&d| Dim::from(d)).collect();
        self.author.output(&value, DType::F32, dims)
    }

    fn edit(&mut self, change: impl FnOnce(Author) -> Author) {
        let author = std::mem::replace(&mut self.author, Author::new("", self.opset));
        self.author = change(author);
    }
}

/// A random network as an ONNX model.
pub fn author(spec: &Spec) -> Author {
    let mut draft = Draft::new("random", spec.opset, spec.weights);
    if spec.quantised {
        draft.quantised();
    }
    enter(&mut draft, spec);
    draft.conv(spec.stem_channels, 1, spec.stem.fitted(spec.size), !spec.stem_norm);
    if spec.stem_norm {
        draft.norm();
    }
    draft.act(spec.stem_act);
    for (at, block) in spec.blocks.iter().enumerate() {
        if spec.inner == Some(at) {
            draft.tap(spec.axes);
        }
        add(&mut draft, block);
    }
    if spec.inner == Some(spec.blocks.len()) {
        draft.tap(spec.axes);
    }
    end(draft, spec)
}

fn enter(draft: &mut Draft, spec: &Spec) {
    let [h, w] = spec.size;
    let dtype = if spec.entry == Entry::Bytes { DType::U8 } else { DType::F32 };
    draft.input(dtype, [spec.batch, spec.channels, h, w], spec.axes);
    match spec.entry {
        Entry::Bytes if spec.quantised => {
            let [scale, zero] = draft.codes_of(DType::U8, &[], vec![1.0 / 127.5], vec![128.0]);
            draft.node("DequantizeLinear", &[scale, zero], |node| node);
        }
        Entry::Bytes => draft.node("Cast", &[], |node| node.int("to", 1)),
        _ => draft.through_codes(),
    }
    if spec.axes == Axes::Nhwc {
        draft.transpose([0, 3, 1, 2]);
    }
    if spec.quantised {
        return draft.coded();
    }
    match spec.entry {
        Entry::Float => {}
        Entry::Normalised => {
            let shape = [1, spec.channels, 1, 1];
            let mean = draft.noise.vector(spec.channels, -0.5, 0.5);
            let deviation = draft.noise.vector(spec.channels, 0.5, 2.0);
            let mean = draft.constant(&shape, mean);
            draft.node("Sub", &[mean], |node| node);
            let deviation = draft.constant(&shape, deviation);
            draft.node("Div", &[deviation], |node| node);
        }
        Entry::Bytes => {
            let scale = draft.constant(&[], vec![1.0 / 127.5]);
            draft.node("Mul", &[scale], |node| node);
            let one = draft.constant(&[], vec![1.0]);
            draft.node("Sub", &[one], |node| node);
        }
    }
}

fn add(draft: &mut Draft, block: &Block) {
    match *block {
        Block::Separable { span, inner, channels, act, norm } => {
            draft.depthwise(span.fitted(draft.size()), !norm);
            if norm {
                draft.norm();
            }
            draft.act(inner);
            draft.conv(channels, 1, POINT, !norm);
            if norm {
                draft.norm();
            }
            draft.act(act);
        }
        Block::Depthwise { span, act } => {
            draft.depthwise(span.fitted(draft.size()), true);
            draft.act(act);
        }
        Block::Pointwise { channels, act } => {
            draft.conv(channels, 1, POINT, true);
            draft.act(act);
        }
        Block::Full { span, channels, act } => {
            draft.conv(channels, 1, span.fitted(draft.size()), true);
            draft.act(act);
        }
        Block::Inverted { .. } => inverted(draft, block),
        Block::Pool { span, max, padded } => draft.window(span.fitted(draft.size()), max, padded),
        Block::Concat { channels, act, dense } => {
            let input = draft.place();
            let mut first = input.clone();
            if !dense {
                draft.conv(channels, 1, POINT, true);
                draft.act(act);
                first = draft.go(input);
            }
            draft.conv(channels, 1, POINT, true);
            draft.act(act);
            draft.concat(first);
        }
    }
}

fn inverted(draft: &mut Draft, block: &Block) {
    let Block::Inverted { expansion, span, inner, gate, channels, residual, norm } = *block else { return };
    let input = draft.place();
    let convolved = |draft: &mut Draft, channels, group, span: Span| {
        draft.conv(channels, group, span.fitted(draft.size()), !norm);
        if norm {
            draft.norm();
        }
    };
    let [_, narrow, ..] = input.shape;
    let wide = narrow * expansion;
    if expansion > 1 {
        convolved(draft, wide, 1, POINT);
        draft.act(inner);
    }
    convolved(draft, wide, wide, span);
    if let Some(gate) = gate.filter(|gate| gate.early) {
        draft.gate(gate);
    }
    draft.act(inner);
    if let Some(gate) = gate.filter(|gate| !gate.early) {
        draft.gate(gate);
    }
    convolved(draft, if residual.is_some() { narrow } else { channels }, 1, POINT);
    draft.through_codes();
    if let Some(residual) = residual {
        draft.join("Add", input, residual.swapped);
        draft.act(residual.act);
    }
}

fn end(mut draft: Draft, spec: &Spec) -> Author {
    if spec.head == Head::Map {
        let [n, c, h, w] = draft.shape;
        if spec.axes == Axes::Nhwc {
            draft.transpose([0, 2, 3, 1]);
            return draft.finish(&[n, h, w, c]);
        }
        return draft.finish(&[n, c, h, w]);
    }
    draft.pool();
    if let Head::Dense { classes, softmax } = spec.head {
        draft.dense(classes);
        if softmax {
            draft.softmax();
        }
    }
    let [n, c, ..] = draft.shape;
    draft.finish(&[n, c])
}

/// Bytes of one random input of the network.
pub fn input(spec: &Spec, seed: u64) -> Vec<u8> {
    let elements = spec.batch * spec.channels * spec.size[0] * spec.size[1];
    let mut noise = Noise::new(seed);
    if spec.entry == Entry::Bytes {
        noise.bytes(elements)
    } else {
        noise.vector(elements, -1.0, 1.0).iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}
