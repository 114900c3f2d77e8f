//! Writes networks as ONNX, a layer at a time.

use crate::random::{Act, Axes, Block, Entry, Head, POINT, Span, Spec};
use crate::weights::Noise;
use mobilenet_compiler::graph::{DType, Tensor};
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
}

impl Draft {
    /// An empty network whose weights follow from a seed.
    pub fn new(name: &str, opset: i64, seed: u64) -> Self {
        let author = Author::new(name, opset);
        Self { author, noise: Noise::new(seed), opset, names: 0, value: String::new(), shape: [0; 4] }
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
        let mut inputs = vec![self.constant(&[channels, per_group, kh, kw], weights)];
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
        }
    }

    /// `GlobalAveragePool` and `Flatten`.
    pub fn pool(&mut self) {
        self.node("GlobalAveragePool", &[], |node| node);
        self.node("Flatten", &[], |node| node.int("axis", 1));
        self.shape = [self.shape[0], self.shape[1], 1, 1];
    }

    /// A dense layer.
    pub fn dense(&mut self, classes: usize) {
        let k = self.shape[1];
        let weights = self.noise.weights(classes * k, k);
        let bias = self.noise.vector(classes, -0.3, 0.3);
        let inputs = [self.constant(&[classes, k], weights), self.constant(&[classes], bias)];
        self.node("Gemm", &inputs, |node| node.int("transB", 1));
        self.shape[1] = classes;
    }

    /// Softmax over the classes.
    pub fn softmax(&mut self) {
        self.node("Softmax", &[], |node| node.int("axis", 1));
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
    enter(&mut draft, spec);
    draft.conv(spec.stem_channels, 1, spec.stem.fitted(spec.size), !spec.stem_norm);
    if spec.stem_norm {
        draft.norm();
    }
    draft.act(spec.stem_act);
    for block in &spec.blocks {
        add(&mut draft, block);
    }
    end(draft, spec)
}

fn enter(draft: &mut Draft, spec: &Spec) {
    let [h, w] = spec.size;
    let dtype = if spec.entry == Entry::Bytes { DType::U8 } else { DType::F32 };
    draft.input(dtype, [spec.batch, spec.channels, h, w], spec.axes);
    if spec.entry == Entry::Bytes {
        draft.node("Cast", &[], |node| node.int("to", 1));
    }
    if spec.axes == Axes::Nhwc {
        draft.transpose([0, 3, 1, 2]);
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
