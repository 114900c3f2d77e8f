//! One small network, written to ONNX in any of the spellings that exporters use.

use crate::graph::{DType, Tensor};
use crate::onnx::author::{Author, Dim, Node, Storage};

/// How a model is spelled. The network is the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spelling {
    pub opset: i64,
    pub layout: Layout,
    pub relu6: Relu6,
    pub same: Same,
    pub norm: Norm,
    pub weights: Weights,
    pub mean: Mean,
    pub head: Head,
    /// Identities, dropouts and reshapes that do nothing, in between.
    pub clutter: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Layout {
    Nchw,
    /// NHWC at the input only.
    Input,
    /// NHWC throughout: transposes around every convolution.
    Throughout,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Relu6 {
    Clip,
    ClipConstants,
    ClipCastLike,
    MinMax,
    ReluMin,
    ReluClip,
    Fused,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Same {
    Pads,
    PadNode,
    AutoPad,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Norm {
    BatchNormalization,
    BiasAndBatchNormalization,
    MulAdd,
    MulAddRank4,
    DivSub,
    Folded,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Weights {
    Raw,
    Typed,
    ConstantNodes,
    DoubleCast,
    Transposed,
    Inputs,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mean {
    GlobalAveragePool,
    AveragePool,
    Reduced,
    ReducedDropped,
    ReducedNegative,
    ReducedTwice,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Head {
    GemmTransB,
    Gemm,
    GemmScaled,
    MatMulAdd,
    Conv,
}

/// Channels in and out, stride and depthwise or not, of every convolution.
const LAYERS: [(usize, usize, usize, bool); 5] =
    [(3, 8, 2, false), (8, 8, 1, true), (8, 16, 1, false), (16, 16, 2, true), (16, 24, 1, false)];
const SIZE: usize = 16;
const CLASSES: usize = 5;

/// The model's bytes.
pub(super) fn write(spelling: Spelling) -> Vec<u8> {
    let author = Author::new("spelt", spelling.opset).opset("com.microsoft", 1);
    let author = if spelling.weights == Weights::Inputs { author.ir_version(3) } else { author };
    let mut writer = Writer { author: Some(author), spelling, count: 0, state: 1, size: SIZE };
    writer.network();
    writer.author.map(|author| author.to_bytes()).unwrap_or_default()
}

struct Writer {
    author: Option<Author>,
    spelling: Spelling,
    count: usize,
    state: u64,
    size: usize,
}

impl Writer {
    fn with(&mut self, change: impl FnOnce(Author) -> Author) {
        self.author = self.author.take().map(change);
    }

    fn name(&mut self, stem: &str) -> String {
        self.count += 1;
        format!("{stem} \"{}\"*/", self.count)
    }

    fn node(&mut self, op: &str, inputs: &[&str], attributes: impl FnOnce(Node) -> Node) -> String {
        let output = self.name(op);
        let node = Node::new(op, inputs.iter().copied(), [output.as_str()]).name(format!("/{output}"));
        self.with(|author| author.node(attributes(node)));
        output
    }

    fn random(&mut self, count: usize, lo: f32, hi: f32) -> Vec<f32> {
        let mut next = || {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            lo + (hi - lo) * (self.state >> 40) as f32 / (1 << 24) as f32
        };
        (0..count).map(|_| next()).collect()
    }

    fn small(&mut self, tensor: &Tensor) -> String {
        let name = self.name("small");
        self.with(|author| author.initializer(&name, tensor, Storage::Typed));
        name
    }

    fn ints(&mut self, values: &[i64]) -> String {
        self.small(&Tensor::ints(values))
    }

    fn scalar(&mut self, value: f32) -> String {
        self.small(&Tensor::f32([], [value]))
    }

    fn weights(&mut self, shape: &[usize], values: &[f32]) -> String {
        let tensor = Tensor::f32(shape, values);
        let name = self.name("weights");
        match self.spelling.weights {
            Weights::Raw => self.with(|author| author.initializer(&name, &tensor, Storage::Raw)),
            Weights::Typed => self.with(|author| author.initializer(&name, &tensor, Storage::Typed)),
            Weights::ConstantNodes => return self.node("Constant", &[], |node| node.tensor("value", &tensor)),
            Weights::DoubleCast => {
                let double = Tensor::from_f64(&crate::graph::Type::new(DType::F64, shape), tensor.to_f64());
                self.with(|author| author.initializer(&name, &double, Storage::Raw));
                return self.node("Cast", &[&name], |node| node.int("to", 1));
            }
            Weights::Transposed => {
                let reverse: Vec<usize> = (0..shape.len()).rev().collect();
                let reversed = crate::passes::numbers::permuted(&tensor, &reverse);
                self.with(|author| author.initializer(&name, &reversed, Storage::Raw));
                let perm: Vec<i64> = reverse.iter().map(|&axis| axis as i64).collect();
                return self.node("Transpose", &[&name], |node| node.ints("perm", perm));
            }
            Weights::Inputs => {
                let dims: Vec<Dim> = shape.iter().map(|&size| size.into()).collect();
                self.with(|author| author.input(&name, DType::F32, dims).initializer(&name, &tensor, Storage::Raw));
            }
        }
        name
    }

    fn transpose(&mut self, x: &str, perm: [i64; 4]) -> String {
        self.node("Transpose", &[x], |node| node.ints("perm", perm))
    }

    fn network(&mut self) {
        let channels_last = self.spelling.layout != Layout::Nchw;
        let shape = if channels_last { [1, SIZE, SIZE, 3] } else { [1, 3, SIZE, SIZE] };
        let dims: Vec<Dim> = shape.iter().map(|&size| size.into()).collect();
        self.with(|author| author.input("image", DType::F32, dims));
        let mut x = "image".to_string();
        if self.spelling.layout == Layout::Input {
            x = self.transpose(&x, [0, 3, 1, 2]);
        }
        for layer in LAYERS {
            x = self.layer(&x, layer);
            if self.spelling.clutter {
                x = self.node("Identity", &[&x], |node| node);
            }
        }
        x = self.mean(&x);
        if self.spelling.clutter {
            x = self.node("Dropout", &[&x], |node| node);
        }
        x = self.head(&x);
        let softmax = Node::new("Softmax", [x.as_str()], ["scores"]).int("axis", 1);
        let classes: Vec<Dim> = vec!["N".into(), CLASSES.into()];
        self.with(|author| author.node(softmax).output("scores", DType::F32, classes));
    }

    fn layer(&mut self, x: &str, (inputs, outputs, stride, depthwise): (usize, usize, usize, bool)) -> String {
        let kernel = if depthwise || inputs == 3 { 3 } else { 1 };
        let (per_group, group) = if depthwise { (1, inputs) } else { (inputs, 1) };
        let taps = per_group * kernel * kernel;
        let w = self.random(outputs * taps, -0.5, 0.5);
        let scale = self.random(outputs, 0.5, 2.0);
        let shift = self.random(outputs, -0.5, 2.0);
        let bias = self.random(outputs, -0.2, 0.2);
        let throughout = self.spelling.layout == Layout::Throughout;
        let padded = i64::from(kernel == 3);
        let before = if stride == 1 { padded } else { 0 };
        self.size /= stride;

        let mut x = x.to_string();
        if self.spelling.same == Same::PadNode && kernel == 3 {
            x = self.pad(&x, before, padded);
        }
        if throughout {
            x = self.transpose(&x, [0, 3, 1, 2]);
        }
        let folded: Vec<f32> = w.iter().enumerate().map(|(i, w)| w * scale[i / taps]).collect();
        let (values, own_bias) = match self.spelling.norm {
            Norm::Folded => (&folded, Some(&shift)),
            Norm::BiasAndBatchNormalization => (&w, Some(&bias)),
            _ => (&w, None),
        };
        let weights = self.weights(&[outputs, per_group, kernel, kernel], values);
        let own_bias = own_bias.map(|bias| self.weights(&[outputs], bias));
        let same = self.spelling.same;
        let fused = self.fuses();
        let mut parameters = vec![x.as_str(), weights.as_str()];
        parameters.extend(own_bias.as_deref());
        let attributes = |node: Node| {
            let node = node.int("group", group as i64).ints("strides", [stride as i64; 2]);
            let node = if fused {
                let domain = node.domain("com.microsoft").string("activation", "Clip");
                domain.floats("activation_params", [0.0, 6.0])
            } else {
                node
            };
            match same {
                Same::Pads => node.ints("pads", [before, before, padded, padded]),
                Same::PadNode => node,
                Same::AutoPad => node.string("auto_pad", "SAME_UPPER"),
            }
        };
        x = self.node(if fused { "FusedConv" } else { "Conv" }, &parameters, attributes);
        let batch_norm = matches!(self.spelling.norm, Norm::BatchNormalization | Norm::BiasAndBatchNormalization);
        if batch_norm {
            let mean = if own_bias.is_some() { bias } else { vec![0.0; outputs] };
            x = self.batch_norm(&x, &scale, &shift, &mean);
        }
        if throughout {
            x = self.transpose(&x, [0, 2, 3, 1]);
        }
        if !batch_norm {
            x = self.affine(&x, &scale, &shift);
        }
        if fused { x } else { self.relu6(&x) }
    }

    /// Whether the convolution applies its own activation: nothing may stand between.
    fn fuses(&self) -> bool {
        self.spelling.relu6 == Relu6::Fused && self.spelling.norm == Norm::Folded
    }

    fn pad(&mut self, x: &str, before: i64, after: i64) -> String {
        let channels_last = self.spelling.layout == Layout::Throughout;
        let side = |n: i64| if channels_last { [0, n, n, 0] } else { [0, 0, n, n] };
        let amounts = [side(before), side(after)].concat();
        if self.spelling.opset < 11 {
            return self.node("Pad", &[x], |node| node.ints("pads", amounts));
        }
        let amounts = self.ints(&amounts);
        self.node("Pad", &[x, &amounts], |node| node.string("mode", "constant"))
    }

    fn batch_norm(&mut self, x: &str, scale: &[f32], shift: &[f32], mean: &[f32]) -> String {
        let n = [scale.len()];
        let (scale, shift) = (self.weights(&n, scale), self.weights(&n, shift));
        let (mean, var) = (self.weights(&n, mean), self.weights(&n, &vec![1.0 - 1e-3; n[0]]));
        self.node("BatchNormalization", &[x, &scale, &shift, &mean, &var], |node| node.float("epsilon", 1e-3))
    }

    fn affine(&mut self, x: &str, scale: &[f32], shift: &[f32]) -> String {
        let n = scale.len();
        let shape = match (self.spelling.layout, self.spelling.norm) {
            (Layout::Throughout, Norm::MulAddRank4) => vec![1, 1, 1, n],
            (Layout::Throughout, _) => vec![n],
            (_, Norm::MulAddRank4) => vec![1, n, 1, 1],
            _ => vec![n, 1, 1],
        };
        let negated: Vec<f32> = shift.iter().map(|s| -s).collect();
        let inverse: Vec<f32> = scale.iter().map(|s| 1.0 / s).collect();
        let (first, a, second, b) = match self.spelling.norm {
            Norm::MulAdd | Norm::MulAddRank4 => ("Mul", scale, "Add", shift),
            Norm::DivSub => ("Div", inverse.as_slice(), "Sub", negated.as_slice()),
            _ => return x.to_string(),
        };
        let (a, b) = (self.weights(&shape, a), self.weights(&shape, b));
        let x = self.node(first, &[x, &a], |node| node);
        self.node(second, &[&x, &b], |node| node)
    }

    fn relu6(&mut self, x: &str) -> String {
        match self.spelling.relu6 {
            Relu6::MinMax => {
                let (zero, six) = (self.scalar(0.0), self.scalar(6.0));
                let x = self.node("Max", &[x, &zero], |node| node);
                self.node("Min", &[&six, &x], |node| node)
            }
            Relu6::ReluMin => {
                let x = self.node("Relu", &[x], |node| node);
                let six = self.scalar(6.0);
                self.node("Min", &[&x, &six], |node| node)
            }
            Relu6::ReluClip => {
                let x = self.node("Relu", &[x], |node| node);
                self.clip(&x, -1.0)
            }
            _ => self.clip(x, 0.0),
        }
    }

    fn clip(&mut self, x: &str, lo: f32) -> String {
        if self.spelling.opset < 11 {
            return self.node("Clip", &[x], |node| node.float("min", lo).float("max", 6.0));
        }
        let bounds = [lo, 6.0].map(|bound| match self.spelling.relu6 {
            Relu6::ClipConstants => self.node("Constant", &[], |node| node.tensor("value", &Tensor::f32([], [bound]))),
            Relu6::ClipCastLike if self.spelling.opset >= 15 => {
                let double = Tensor::from_f64(&crate::graph::Type::new(DType::F64, []), vec![bound.into()]);
                let double = self.small(&double);
                self.node("CastLike", &[&double, x], |node| node)
            }
            _ => self.scalar(bound),
        });
        self.node("Clip", &[x, &bounds[0], &bounds[1]], |node| node)
    }

    /// Pools to `[1, C]`.
    fn mean(&mut self, x: &str) -> String {
        let mut x = x.to_string();
        let throughout = self.spelling.layout == Layout::Throughout;
        let reduces = !matches!(self.spelling.mean, Mean::GlobalAveragePool | Mean::AveragePool);
        if throughout && !reduces {
            x = self.transpose(&x, [0, 3, 1, 2]);
        }
        let axes = if throughout { [1, 2] } else { [2, 3] };
        x = match self.spelling.mean {
            Mean::GlobalAveragePool => self.node("GlobalAveragePool", &[&x], |node| node),
            Mean::AveragePool => {
                let size = self.size as i64;
                self.node("AveragePool", &[&x], |node| node.ints("kernel_shape", [size; 2]).ints("strides", [2, 2]))
            }
            Mean::Reduced => self.reduce(&x, &axes, 1),
            Mean::ReducedDropped => return self.reduce(&x, &axes, 0),
            Mean::ReducedNegative => self.reduce(&x, &axes.map(|axis| axis - 4), 1),
            Mean::ReducedTwice => {
                let x = self.reduce(&x, &axes[1..], 1);
                self.reduce(&x, &axes[..1], 1)
            }
        };
        let channels = LAYERS[LAYERS.len() - 1].1 as i64;
        let shape = self.ints(&[0, channels]);
        if self.spelling.clutter {
            return self.node("Reshape", &[&x, &shape], |node| node);
        }
        self.node("Flatten", &[&x], |node| node)
    }

    fn reduce(&mut self, x: &str, axes: &[i64], keep: i64) -> String {
        if self.spelling.opset < 18 {
            return self.node("ReduceMean", &[x], |node| node.ints("axes", axes).int("keepdims", keep));
        }
        let axes = self.ints(axes);
        self.node("ReduceMean", &[x, &axes], |node| node.int("keepdims", keep))
    }

    fn head(&mut self, x: &str) -> String {
        let (k, n) = (LAYERS[LAYERS.len() - 1].1, CLASSES);
        let w = self.random(n * k, -1.0, 1.0);
        let bias = self.random(n, -1.0, 1.0);
        let by_input: Vec<f32> = (0..k * n).map(|i| w[i % n * k + i / n]).collect();
        match self.spelling.head {
            Head::GemmTransB => {
                let (w, b) = (self.weights(&[n, k], &w), self.weights(&[n], &bias));
                self.node("Gemm", &[x, &w, &b], |node| node.int("transB", 1))
            }
            Head::Gemm => {
                let (w, b) = (self.weights(&[k, n], &by_input), self.weights(&[1, n], &bias));
                self.node("Gemm", &[x, &w, &b], |node| node)
            }
            Head::GemmScaled => {
                let doubled: Vec<f32> = w.iter().map(|w| w * 2.0).collect();
                let halved: Vec<f32> = bias.iter().map(|b| b * 0.5).collect();
                let (w, b) = (self.weights(&[n, k], &doubled), self.weights(&[n], &halved));
                self.node("Gemm", &[x, &w, &b], |node| node.int("transB", 1).float("alpha", 0.5).float("beta", 2.0))
            }
            Head::MatMulAdd => {
                let (w, b) = (self.weights(&[k, n], &by_input), self.weights(&[n], &bias));
                let x = self.node("MatMul", &[x, &w], |node| node);
                self.node("Add", &[&b, &x], |node| node)
            }
            Head::Conv => {
                let map = self.ints(&[1, k as i64, 1, 1]);
                let x = self.node("Reshape", &[x, &map], |node| node);
                let (w, b) = (self.weights(&[n, k, 1, 1], &w), self.weights(&[n], &bias));
                let x = self.node("Conv", &[&x, &w, &b], |node| node.ints("kernel_shape", [1, 1]));
                if self.spelling.opset < 13 {
                    return self.node("Squeeze", &[&x], |node| node.ints("axes", [2, 3]));
                }
                let axes = self.ints(&[-1, -2]);
                self.node("Squeeze", &[&x, &axes], |node| node)
            }
        }
    }
}
