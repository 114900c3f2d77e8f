//! The benchmark networks: MobileNet V1 of any width and resolution with seeded random weights, batch norm kept.

use anyhow::Result;
use mobilenet_compiler::graph::{DType, Data, Tensor};
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};
use std::fmt;
use std::str::FromStr;

/// Output channels and stride of the thirteen separable stages (arXiv 1704.04861, Table 1).
const STAGES: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

/// A benchmark network: `1.0-224` or `0.25-96-2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Width multiplier α.
    pub alpha: f64,
    /// Input height and width.
    pub resolution: usize,
    /// Classes.
    pub classes: usize,
}

impl FromStr for Spec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("{text:?} is not α-resolution or α-resolution-classes, such as 0.25-96-2");
        let mut parts = text.split('-');
        let alpha = parts.next().and_then(|p| p.parse().ok()).ok_or_else(hint)?;
        let resolution = parts.next().and_then(|p| p.parse().ok()).ok_or_else(hint)?;
        let classes = parts.next().map_or(Ok(1000), |p| p.parse().map_err(|_| hint()))?;
        Ok(Self { alpha, resolution, classes })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}-{}", self.alpha, self.resolution)?;
        if self.classes != 1000 { write!(f, "-{}", self.classes) } else { Ok(()) }
    }
}

impl Spec {
    fn width(&self, channels: usize) -> usize {
        (channels as f64 * self.alpha) as usize
    }

    /// Height, width and channels of the input.
    pub fn image(&self) -> [usize; 3] {
        [self.resolution, self.resolution, 3]
    }

    /// Mult-adds of convolutions and the dense layer, without biases.
    pub fn mult_adds(&self) -> u64 {
        let mut size = self.resolution.div_ceil(2);
        let mut channels = self.width(32);
        let mut total = size * size * 27 * channels;
        for (out, stride) in STAGES {
            size = size.div_ceil(stride);
            total += size * size * channels * (9 + self.width(out));
            channels = self.width(out);
        }
        (total + channels * self.classes) as u64
    }
}

/// The network as an ONNX file; the same bytes for the same specification.
pub fn onnx(spec: &Spec) -> Result<Vec<u8>> {
    let [h, w, c] = spec.image();
    let mut file = Writer {
        author: Author::new("mobilenet_v1", 13).input("input", DType::F32, dims(&[1, c, h, w])).output(
            "output",
            DType::F32,
            dims(&[1, spec.classes]),
        ),
        random: Random(1),
    };
    let mut channels = spec.width(32);
    let mut x = file.convolution("input", "stem", (c, channels), (3, 2), 1);
    for (i, (out, stride)) in STAGES.into_iter().enumerate() {
        let out = spec.width(out);
        x = file.convolution(&x, &format!("dw{}", i + 1), (channels, channels), (3, stride), channels);
        x = file.convolution(&x, &format!("pw{}", i + 1), (channels, out), (1, 1), 1);
        channels = out;
    }
    let scale = (2.0 / channels as f32).sqrt();
    let weight = file.random.normal(spec.classes * channels, 0.0, scale);
    let bias = file.random.normal(spec.classes, 0.0, 0.1);
    Ok(file
        .author
        .initializer("fc.weight", &tensor(&[spec.classes, channels], weight), Storage::Raw)
        .initializer("fc.bias", &tensor(&[spec.classes], bias), Storage::Raw)
        .node(Node::new("GlobalAveragePool", [x.as_str()], ["pooled"]))
        .node(Node::new("Flatten", ["pooled"], ["flat"]).int("axis", 1))
        .node(Node::new("Gemm", ["flat", "fc.weight", "fc.bias"], ["output"]).int("transB", 1))
        .to_bytes())
}

struct Writer {
    author: Author,
    random: Random,
}

impl Writer {
    /// Convolution, batch norm, ReLU; statistics that keep the activations' scale, as a trained network's do.
    fn convolution(
        &mut self,
        input: &str,
        name: &str,
        (from, to): (usize, usize),
        (kernel, stride): (usize, usize),
        group: usize,
    ) -> String {
        let fan_in = from / group * kernel * kernel;
        let scale = (2.0 / fan_in as f32).sqrt();
        let key = |part: &str| format!("{name}.{part}");
        let shape = [to, from / group, kernel, kernel];
        let weight = self.random.normal(to * fan_in, 0.0, scale);
        let statistics = [
            ("gamma", self.random.normal(to, 1.0, 0.1)),
            ("beta", self.random.normal(to, 0.1, 0.15)),
            ("mean", self.random.normal(to, 0.0, 0.05)),
            ("var", self.random.normal(to, 1.0, 0.1).iter().map(|v| v.abs() + 0.1).collect()),
        ];
        let author = std::mem::replace(&mut self.author, Author::new("", 13));
        let mut author = author.initializer(&key("weight"), &tensor(&shape, weight), Storage::Raw);
        for (part, values) in statistics {
            author = author.initializer(&key(part), &tensor(&[to], values), Storage::Raw);
        }
        let pad = (kernel / 2) as i64;
        let size = [kernel as i64; 2];
        let convolution = Node::new("Conv", [input, &key("weight")], [key("c").as_str()])
            .ints("kernel_shape", size)
            .ints("strides", [stride as i64; 2])
            .ints("pads", [pad; 4])
            .int("group", group as i64)
            .name(key("conv"));
        let inputs = [key("c"), key("gamma"), key("beta"), key("mean"), key("var")];
        let norm = Node::new("BatchNormalization", inputs.iter().map(String::as_str), [key("n").as_str()])
            .float("epsilon", 1e-5)
            .name(key("bn"));
        let relu = Node::new("Relu", [key("n").as_str()], [key("r").as_str()]).name(key("relu"));
        self.author = author.node(convolution).node(norm).node(relu);
        key("r")
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
