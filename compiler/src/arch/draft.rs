//! A network under construction, a layer at a time, with the names that PyTorch's exporter makes of module paths.

use super::Spec;
use super::noise::Noise;
use crate::graph::{DType, Tensor};
use crate::onnx::author::{Author, Dim, Node, Storage};

/// The exporter's usual operator set; the first with `HardSwish` is 14.
const OPSET: i64 = 17;
/// Folded weights have numbers of the traced graph; a convolution, its batch norm's fold, and the activation take three.
const FIRST_FOLDED: usize = 420;
const FOLDED_STEP: usize = 3;
/// Biases are small: what a batch norm that has not seen data folds to, and a little.
const BIAS: f32 = 0.05;

/// What is behind a convolution or a dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    None,
    Relu,
    Relu6,
    HardSwish,
}

impl Act {
    /// Variance of weights times their fan-in that keeps the size of maps from layer to layer (He, Zhang, Ren and Sun, arXiv
    /// 1502.01852). Hard-swish is ReLU to large numbers and halves small ones: more would let them grow without end.
    fn gain(self) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Relu | Self::Relu6 | Self::HardSwish => 2.0,
        }
    }
}

/// A convolution with as much padding as keeps the size at stride 1.
#[derive(Debug, Clone, Copy)]
pub struct Conv {
    channels: usize,
    kernel: usize,
    stride: usize,
    depthwise: bool,
    /// Variance of the weights times their fan-in.
    gain: f64,
    /// It had a batch norm, which the exporter has folded.
    folded: bool,
}

impl Conv {
    pub fn new(channels: usize, kernel: usize, stride: usize) -> Self {
        Self { channels, kernel, stride, depthwise: false, gain: Act::Relu.gain(), folded: true }
    }

    pub fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self { depthwise: true, ..Self::new(channels, kernel, stride) }
    }

    /// What follows it, where that is no ReLU.
    pub fn before(self, act: Act) -> Self {
        Self { gain: act.gain(), ..self }
    }

    pub fn plain(self) -> Self {
        Self { folded: false, ..self }
    }
}

/// A value: its name, channels, rows and columns (which are equal), and the scale of its codes.
#[derive(Debug, Clone)]
pub struct Place {
    value: String,
    channels: usize,
    size: usize,
    scale: f32,
}

impl Place {
    pub fn channels(&self) -> usize {
        self.channels
    }
}

/// What codes 0 to 255 stand for.
#[derive(Clone, Copy)]
struct Range {
    scale: f32,
    zero: i64,
}

/// The image.
const IMAGE: Range = Range { scale: 2.0 / 255.0, zero: 128 };
/// Behind ReLU6 exactly, behind other activations about.
const POSITIVE: Range = Range { scale: 6.0 / 255.0, zero: 0 };
/// Hard-swish goes down to -3/8.
const SWISHED: Range = Range { scale: 6.375 / 255.0, zero: 15 };
const SIGNED: Range = Range { scale: 12.0 / 255.0, zero: 128 };
const UNIT: Range = Range { scale: 1.0 / 255.0, zero: 0 };

/// A node whose output may still be renamed.
struct Line {
    op: &'static str,
    name: String,
    inputs: Vec<String>,
    output: String,
    attributes: Box<dyn FnOnce(Node) -> Node>,
}

/// The network so far and the value at its end.
pub struct Draft {
    lines: Vec<Line>,
    /// Parameters under their own names, and those of convolutions with their batch norms folded in, which the exporter puts last.
    initializers: [Vec<(String, Tensor)>; 2],
    noise: Noise,
    folded: usize,
    int8: bool,
    at: Place,
    input: [usize; 4],
    classes: usize,
}

impl Draft {
    pub fn new(spec: &Spec) -> Self {
        let at = Place { value: "image".into(), channels: spec.channels, size: spec.resolution, scale: IMAGE.scale };
        let mut draft = Self {
            lines: Vec::new(),
            initializers: [Vec::new(), Vec::new()],
            noise: Noise(spec.seed),
            folded: FIRST_FOLDED,
            int8: spec.int8,
            at,
            input: [1, spec.channels, spec.resolution, spec.resolution],
            classes: spec.classes,
        };
        draft.through_codes(IMAGE);
        draft
    }

    pub fn channels(&self) -> usize {
        self.at.channels
    }

    pub fn place(&self) -> Place {
        self.at.clone()
    }

    /// Goes on from another value, and returns the one at the end so far.
    pub fn go(&mut self, to: &Place) -> Place {
        std::mem::replace(&mut self.at, to.clone())
    }

    /// A convolution, and its place among the modules.
    pub fn conv(&mut self, path: &str, conv: Conv) {
        let per_group = if conv.depthwise { 1 } else { self.at.channels };
        let [weights, bias] = match conv.folded {
            true => [self.folded, self.folded + 1].map(|number| format!("onnx::Conv_{number}")),
            false => ["weight", "bias"].map(|part| format!("{path}.{part}")),
        };
        if conv.folded {
            self.folded += FOLDED_STEP;
        }
        let shape = [conv.channels, per_group, conv.kernel, conv.kernel];
        let size = (self.at.size + 2 * (conv.kernel / 2) - conv.kernel) / conv.stride + 1;
        let inside = taps_inside(conv, self.at.size, size);
        let fan_in = per_group as f64 * inside * inside;
        let inputs = self.parameters([weights, bias], &shape, fan_in, conv.gain, conv.folded);
        let groups = if conv.depthwise { conv.channels as i64 } else { 1 };
        let [kernel, stride, pad] = [conv.kernel, conv.stride, conv.kernel / 2].map(|n| n as i64);
        self.node(path, "Conv", inputs, move |node| {
            node.ints("dilations", [1, 1])
                .int("group", groups)
                .ints("kernel_shape", [kernel; 2])
                .ints("pads", [pad; 4])
                .ints("strides", [stride; 2])
        });
        (self.at.channels, self.at.size) = (conv.channels, size);
    }

    /// A dense layer over whatever the map holds. `act` is what will follow.
    pub fn dense(&mut self, path: &str, channels: usize, act: Act) {
        let taps = self.at.channels * self.at.size * self.at.size;
        let names = ["weight", "bias"].map(|part| format!("{path}.{part}"));
        let inputs = self.parameters(names, &[channels, taps], taps as f64, act.gain(), false);
        self.node(path, "Gemm", inputs, |node| node.float("alpha", 1.0).float("beta", 1.0).int("transB", 1));
        (self.at.channels, self.at.size) = (channels, 1);
        if act == Act::None {
            self.through_codes(SIGNED);
        }
    }

    /// Weights and biases, as codes in an 8-bit network: per output channel, biases with the scale of the sums.
    fn parameters(&mut self, names: [String; 2], shape: &[usize], fan_in: f64, gain: f64, folded: bool) -> Vec<String> {
        // A uniform distribution's variance is a third of its bound squared.
        let weights = self.noise.within((3.0 * gain / fan_in).sqrt() as f32, shape.iter().product());
        let bias = self.noise.within(BIAS, shape[0]);
        let list = usize::from(folded);
        let [weight_name, bias_name] = names;
        if !self.int8 {
            let parameters = [(weight_name, Tensor::f32(shape, weights)), (bias_name, Tensor::f32([shape[0]], bias))];
            let inputs = parameters.iter().map(|(name, _)| name.clone()).collect();
            self.initializers[list].extend(parameters);
            return inputs;
        }
        let scales: Vec<f32> = weights.chunks(weights.len() / shape[0]).map(|row| largest(row) / 127.0).collect();
        let codes = |values: &[f32], scales: &[f32]| -> Vec<i64> {
            let each = values.len() / scales.len();
            let code = |(at, value): (usize, &f32)| (value / scales[at / each]).round() as i64;
            values.iter().enumerate().map(code).collect()
        };
        let of_sums: Vec<f32> = scales.iter().map(|scale| scale * self.at.scale).collect();
        let weights = Tensor::int(DType::I8, shape, codes(&weights, &scales));
        let bias = Tensor::int(DType::I32, [shape[0]], codes(&bias, &of_sums));
        vec![self.dequantized(weight_name, weights, scales), self.dequantized(bias_name, bias, of_sums)]
    }

    /// Constant codes behind their `DequantizeLinear`.
    fn dequantized(&mut self, name: String, codes: Tensor, scales: Vec<f32>) -> String {
        let zeros = Tensor::int(codes.dtype, [scales.len()], vec![0; scales.len()]);
        let scales = Tensor::f32([scales.len()], scales);
        let parts = [("quantized", codes), ("scale", scales), ("zero_point", zeros)];
        let inputs = parts.map(|(part, tensor)| self.constant(format!("{name}_{part}"), tensor)).to_vec();
        let output = format!("{name}_DequantizeLinear_Output");
        self.lines.push(Line {
            op: "DequantizeLinear",
            name: format!("{name}_DequantizeLinear"),
            inputs,
            output: output.clone(),
            attributes: Box::new(|node| node.int("axis", 0)),
        });
        output
    }

    fn constant(&mut self, name: String, tensor: Tensor) -> String {
        self.initializers[0].push((name.clone(), tensor));
        name
    }

    /// An activation. Bounds that codes have anyway are not spelled in an 8-bit network.
    pub fn act(&mut self, path: &str, act: Act) {
        match act {
            Act::None => return self.through_codes(SIGNED),
            Act::Relu if !self.int8 => self.node(path, "Relu", vec![], |node| node),
            Act::Relu6 if !self.int8 => {
                let bounds = ["Constant", "Constant_1"].map(|name| format!("{}/{name}", scope(path)));
                for (name, value) in bounds.iter().zip([0.0, 6.0]) {
                    self.lines.push(Line {
                        op: "Constant",
                        name: name.clone(),
                        inputs: vec![],
                        output: format!("{name}_output_0"),
                        attributes: Box::new(move |node| node.tensor("value", &Tensor::f32([], vec![value]))),
                    });
                }
                self.node(path, "Clip", bounds.map(|name| format!("{name}_output_0")).to_vec(), |node| node);
            }
            Act::Relu | Act::Relu6 => {}
            Act::HardSwish => {
                self.through_codes(SIGNED);
                self.node(path, "HardSwish", vec![], |node| node);
                return self.through_codes(SWISHED);
            }
        }
        self.through_codes(POSITIVE);
    }

    /// Squeeze and excitation.
    pub fn gate(&mut self, path: &str, squeezed: usize) {
        let map = self.place();
        self.pool(&format!("{path}.avgpool"));
        self.conv(&format!("{path}.fc1"), Conv::new(squeezed, 1, 1).plain());
        self.act(&format!("{path}.activation"), Act::Relu);
        self.conv(&format!("{path}.fc2"), Conv::new(map.channels, 1, 1).plain().before(Act::None));
        self.through_codes(SIGNED);
        self.node(&format!("{path}.scale_activation"), "HardSigmoid", vec![], |node| node.float("alpha", 1.0 / 6.0));
        self.through_codes(UNIT);
        let map_value = map.value.clone();
        self.node(path, "Mul", vec![map_value], |node| node);
        self.at.size = map.size;
        self.through_codes(SWISHED);
    }

    /// The sum with an earlier value.
    pub fn add(&mut self, path: &str, earlier: &Place) {
        let sum = self.go(earlier);
        self.node(path, "Add", vec![sum.value], |node| node);
        self.through_codes(SIGNED);
    }

    /// The channels of several values one after another.
    pub fn concat(&mut self, path: &str, places: &[Place]) {
        let Some((first, rest)) = places.split_first() else { return };
        self.go(first);
        self.node(path, "Concat", rest.iter().map(|place| place.value.clone()).collect(), |node| node.int("axis", 1));
        self.at.channels = places.iter().map(Place::channels).sum();
    }

    /// The largest of each window, without padding at stride 2; where `up`, windows that begin inside count, too.
    pub fn max_pool(&mut self, path: &str, kernel: usize, stride: usize, up: bool) {
        let pad = if stride == 1 { kernel / 2 } else { 0 };
        let [k, s, p] = [kernel, stride, pad].map(|n| n as i64);
        self.node(path, "MaxPool", vec![], move |node| {
            node.int("ceil_mode", up.into())
                .ints("dilations", [1, 1])
                .ints("kernel_shape", [k; 2])
                .ints("pads", [p; 4])
                .ints("strides", [s; 2])
        });
        let over = self.at.size + 2 * pad - kernel;
        self.at.size = if up { over.div_ceil(stride) } else { over / stride } + 1;
    }

    /// Local response normalisation with the constants of section 3.3 of Krizhevsky, Sutskever and Hinton (2012), as Caffe's
    /// GoogLeNet has it.
    pub fn response_norm(&mut self, path: &str) {
        self.node(path, "LRN", vec![], |node| {
            node.float("alpha", 1e-4).float("beta", 0.75).float("bias", 1.0).int("size", 5)
        });
    }

    /// The mean of each channel.
    pub fn pool(&mut self, path: &str) {
        self.node(path, "GlobalAveragePool", vec![], |node| node);
        self.at.size = 1;
        self.through_codes(SWISHED);
    }

    pub fn flatten(&mut self) {
        self.node("", "Flatten", vec![], |node| node.int("axis", 1));
        // The same codes in another shape.
        self.through_codes(SWISHED);
    }

    /// Adds a node whose first input is the value at the end.
    fn node(
        &mut self,
        path: &str,
        op: &'static str,
        others: Vec<String>,
        attributes: impl FnOnce(Node) -> Node + 'static,
    ) {
        let name = format!("{}/{op}", scope(path));
        let mut inputs = others;
        inputs.insert(0, self.at.value.clone());
        let output = format!("{name}_output_0");
        self.at.value = output.clone();
        self.lines.push(Line { op, name, inputs, output, attributes: Box::new(attributes) });
    }

    /// Puts the value at the end through codes, in an 8-bit network.
    fn through_codes(&mut self, Range { scale, zero }: Range) {
        if !self.int8 {
            return;
        }
        let name = self.at.value.clone();
        let of = [("scale", Tensor::f32([], vec![scale])), ("zero_point", Tensor::int(DType::U8, [], vec![zero]))];
        let [scale_name, zero_name] = of.map(|(part, tensor)| self.constant(format!("{name}_{part}"), tensor));
        for op in ["QuantizeLinear", "DequantizeLinear"] {
            let output = format!("{name}_{op}_Output");
            let inputs = vec![self.at.value.clone(), scale_name.clone(), zero_name.clone()];
            self.at.value = output.clone();
            self.lines.push(Line {
                op,
                name: format!("{name}_{op}"),
                inputs,
                output,
                attributes: Box::new(|node| node),
            });
        }
        self.at.scale = scale;
    }

    /// The model. What is at the end is its output.
    pub fn finish(mut self) -> Author {
        if let Some(last) = self.lines.last_mut() {
            last.output = "logits".into();
        }
        let mut author = Author::new("main_graph", OPSET);
        author.message().producer_version = env!("CARGO_PKG_VERSION").into();
        author = author.input("image", DType::F32, self.input.map(Dim::from));
        for (name, tensor) in self.initializers.iter().flatten() {
            author = author.initializer(name, tensor, Storage::Raw);
        }
        for Line { op, name, inputs, output, attributes } in self.lines {
            let node = Node::new(op, inputs.iter().map(String::as_str), [output.as_str()]).name(name);
            author = author.node(attributes(node));
        }
        author.output("logits", DType::F32, [1, self.classes].map(Dim::from))
    }
}

/// How many rows of a window lie in the map rather than on padding, on average: what is multiplied by zeros adds nothing.
fn taps_inside(conv: Conv, size: usize, output: usize) -> f64 {
    let inside = |at: usize| {
        let taps = at * conv.stride..at * conv.stride + conv.kernel;
        taps.filter(|tap| (conv.kernel / 2..size + conv.kernel / 2).contains(tap)).count()
    };
    (0..output).map(inside).sum::<usize>() as f64 / output as f64
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(1e-6, |most: f32, value| most.max(value.abs()))
}

/// The scope of a module: `features.0.2` is `/features/features.0/features.0.2`, an index being part of its parent's name.
fn scope(path: &str) -> String {
    let (mut scope, mut last) = (String::new(), String::new());
    for part in path.split('.').filter(|part| !part.is_empty()) {
        last = if part.bytes().all(|byte| byte.is_ascii_digit()) { format!("{last}.{part}") } else { part.to_string() };
        scope = format!("{scope}/{last}");
    }
    scope
}
