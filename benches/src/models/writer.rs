//! Layers as exporters write them, with random weights whose statistics keep the activations' scale, as a trained
//! network's do.

use mobilenet_compiler::graph::{DType, Data, Tensor};
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};

/// What follows a batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    Relu,
    Relu6,
    HardSwish,
}

/// A convolution's shape; its border is that of SAME.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub from: usize,
    pub to: usize,
    pub kernel: usize,
    pub stride: usize,
    pub group: usize,
}

impl Shape {
    pub(super) fn pointwise(from: usize, to: usize) -> Self {
        Self { from, to, kernel: 1, stride: 1, group: 1 }
    }

    pub(super) fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self { from: channels, to: channels, kernel, stride, group: channels }
    }
}

pub(super) struct Writer {
    author: Author,
    random: Random,
}

impl Writer {
    pub(super) fn new(name: &str, opset: i64, resolution: usize, classes: usize) -> Self {
        let author = Author::new(name, opset)
            .input("input", DType::F32, dims(&[1, 3, resolution, resolution]))
            .output("output", DType::F32, dims(&[1, classes]))
            .initializer("zero", &tensor(&[], vec![0.0]), Storage::Raw)
            .initializer("six", &tensor(&[], vec![6.0]), Storage::Raw);
        Self { author, random: Random(1) }
    }

    fn edit(&mut self, edit: impl FnOnce(Author) -> Author) {
        self.author = edit(std::mem::replace(&mut self.author, Author::new("", 13)));
    }

    /// A node with one output, which is its name.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], name: &str, more: impl FnOnce(Node) -> Node) -> String {
        self.edit(|author| author.node(more(Node::new(op, inputs.iter().copied(), [name]).name(name))));
        name.into()
    }

    /// Normal deviates as an initialiser.
    fn weights(&mut self, name: &str, shape: &[usize], mean: f32, deviation: f32) {
        let values = self.random.normal(shape.iter().product(), mean, deviation);
        self.edit(|author| author.initializer(name, &tensor(shape, values), Storage::Raw));
    }

    fn convolve(&mut self, input: &str, name: &str, shape: Shape, bias: bool) -> String {
        let Shape { from, to, kernel, stride, group } = shape;
        let fan_in = from / group * kernel * kernel;
        let (weight, offset) = (format!("{name}.weight"), format!("{name}.bias"));
        self.weights(&weight, &[to, from / group, kernel, kernel], 0.0, (2.0 / fan_in as f32).sqrt());
        let mut inputs = vec![input, &weight];
        if bias {
            self.weights(&offset, &[to], 0.0, 0.1);
            inputs.push(&offset);
        }
        self.node("Conv", &inputs, &format!("{name}.conv"), |node| {
            node.ints("kernel_shape", [kernel as i64; 2])
                .ints("strides", [stride as i64; 2])
                .ints("pads", [(kernel / 2) as i64; 4])
                .int("group", group as i64)
        })
    }

    /// Convolution, batch norm, activation.
    pub(super) fn block(&mut self, input: &str, name: &str, shape: Shape, then: Then) -> String {
        let c = self.convolve(input, name, shape, false);
        let key = |part: &str| format!("{name}.{part}");
        let (gamma, beta, mean, var) = (key("gamma"), key("beta"), key("mean"), key("var"));
        self.weights(&gamma, &[shape.to], 1.0, 0.1);
        self.weights(&beta, &[shape.to], 0.1, 0.15);
        self.weights(&mean, &[shape.to], 0.0, 0.05);
        let values = self.random.normal(shape.to, 1.0, 0.1).iter().map(|v| v.abs() + 0.1).collect();
        self.edit(|author| author.initializer(&var, &tensor(&[shape.to], values), Storage::Raw));
        let inputs = [c.as_str(), &gamma, &beta, &mean, &var];
        let n = self.node("BatchNormalization", &inputs, &key("bn"), |node| node.float("epsilon", 1e-5));
        match then {
            Then::Nothing => n,
            Then::Relu => self.node("Relu", &[&n], &key("relu"), |node| node),
            Then::Relu6 => self.node("Clip", &[&n, "zero", "six"], &key("relu6"), |node| node),
            Then::HardSwish => self.node("HardSwish", &[&n], &key("hardswish"), |node| node),
        }
    }

    /// Squeeze-and-excitation: mean, two 1x1 convolutions, hard sigmoid, product.
    pub(super) fn gate(&mut self, input: &str, name: &str, channels: usize, squeezed: usize) -> String {
        let key = |part: &str| format!("{name}.{part}");
        let pooled = self.node("GlobalAveragePool", &[input], &key("pool"), |node| node);
        let less = self.convolve(&pooled, &key("fc1"), Shape::pointwise(channels, squeezed), true);
        let less = self.node("Relu", &[&less], &key("relu"), |node| node);
        let more = self.convolve(&less, &key("fc2"), Shape::pointwise(squeezed, channels), true);
        let scale = self.node("HardSigmoid", &[&more], &key("hardsigmoid"), |node| node.float("alpha", 1.0 / 6.0));
        self.node("Mul", &[input, &scale], &key("mul"), |node| node)
    }

    /// A dense layer over `[1, from]`.
    pub(super) fn dense(&mut self, input: &str, name: &str, from: usize, to: usize, output: &str) -> String {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.weights(&weight, &[to, from], 0.0, (2.0 / from as f32).sqrt());
        self.weights(&bias, &[to], 0.0, 0.1);
        self.node("Gemm", &[input, &weight, &bias], output, |node| node.int("transB", 1))
    }

    /// Mean over the map, as a vector.
    pub(super) fn pooled(&mut self, input: &str) -> String {
        let pooled = self.node("GlobalAveragePool", &[input], "pooled", |node| node);
        self.node("Flatten", &[&pooled], "flat", |node| node.int("axis", 1))
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.author.to_bytes()
    }
}

fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|&n| n.into()).collect()
}

fn tensor(shape: &[usize], values: Vec<f32>) -> Tensor {
    Tensor { dtype: DType::F32, shape: shape.to_vec(), data: Data::F32(values.into()) }
}

/// A seeded source of normal deviates: xorshift and the sum of twelve uniforms.
pub struct Random(pub u64);

impl Random {
    fn uniform(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    /// `count` deviates.
    pub fn normal(&mut self, count: usize, mean: f32, deviation: f32) -> Vec<f32> {
        (0..count)
            .map(|_| {
                let sum: f32 = (0..12).map(|_| self.uniform()).sum();
                mean + deviation * (sum - 6.0)
            })
            .collect()
    }
}
