//! Plans written by hand, a few links each, with what they must give in f64.

use mobilenet_compiler::emit::c::SelfTest;
use mobilenet_compiler::graph::{Activation, DType, Window};
use mobilenet_compiler::network::{FeatureMap, Layout, MapId, Network, Output, Piece, Port};
use mobilenet_compiler::plan::{
    Blocks, Chain, Choice, Classes, Decisions, Element, Epilogue, ImageSource, Link, LinkOp, Map, Op, Packing, Plan,
    Source, Step, Target, padded_channels,
};
use mobilenet_tests::weights::Noise;

/// A 1x1 window.
pub const POINT: Window = Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] };

/// A map's values, `[H][W][C]`.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub shape: [usize; 3],
    pub values: Vec<f64>,
}

impl Tensor {
    pub fn new(shape: [usize; 3], value: impl Fn(usize, usize, usize) -> f64) -> Self {
        let [h, w, c] = shape;
        let at = |i: usize| value(i / (w * c), i / c % w, i % c);
        Self { shape, values: (0..h * w * c).map(at).collect() }
    }

    pub fn at(&self, y: usize, x: usize, c: usize) -> f64 {
        self.values[(y * self.shape[1] + x) * self.shape[2] + c]
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape, values: self.values.iter().map(|&x| f(x)).collect() }
    }
}

/// What an activation is by its definition.
pub fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Clamp { lo, hi } => x.max(lo.into()).min(hi.into()),
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Swish => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::LeakyRelu { alpha } => {
            if x < 0.0 {
                f64::from(alpha) * x
            } else {
                x
            }
        }
    }
}

/// What is to happen to a link's values, with the operands' values.
pub struct After<'a> {
    pub gate: Option<(usize, &'a [f64])>,
    pub add: Option<(Map, &'a Tensor)>,
    pub activation: Activation,
    pub slopes: bool,
    pub affine: bool,
}

pub const NOTHING: After<'static> =
    After { gate: None, add: None, activation: Activation::NONE, slopes: false, affine: false };

/// A plan in the making.
#[derive(Debug, Clone)]
pub struct Bench {
    noise: Noise,
    arena: usize,
    blob: Vec<f32>,
    steps: Vec<Step>,
    outputs: Vec<(Port, Vec<f64>)>,
    input: ([usize; 3], Vec<f32>),
}

impl Bench {
    /// Begins with the input in a map.
    pub fn new(seed: u64, shape: [usize; 3], group: usize) -> (Self, Map, Tensor) {
        let mut noise = Noise::new(seed);
        let values = noise.vector(shape.iter().product(), -2.0, 2.0);
        let input = (shape, values.clone());
        let mut bench = Self { noise, arena: 0, blob: Vec::new(), steps: Vec::new(), outputs: Vec::new(), input };
        let map = bench.map(shape, group);
        bench.step(Op::Import { source: Source::Image(image(shape)), output: map, codes: None });
        let values = values.into_iter().map(f64::from).collect();
        (bench, map, Tensor { shape, values })
    }

    pub fn step(&mut self, op: Op) {
        self.steps.push(Step { op, stage: 0, reason: String::new() });
    }

    pub fn take(&mut self, floats: usize) -> usize {
        let offset = self.arena;
        self.arena = (offset + floats * 4).next_multiple_of(64);
        offset
    }

    /// A whole map in groups of so many rows.
    pub fn map(&mut self, shape: [usize; 3], group: usize) -> Map {
        self.ring(shape, group, shape[0].div_ceil(group))
    }

    pub fn ring(&mut self, [height, width, channels]: [usize; 3], group: usize, ring: usize) -> Map {
        let offset = self.take(group * ring * width * padded_channels(channels));
        Map { offset, height, width, channels, group, ring, element: Element::F32 }
    }

    /// Values in the blob; their byte offset.
    fn section(&mut self, values: &[f32]) -> usize {
        let offset = self.blob.len() * 4;
        self.blob.extend(values);
        self.blob.resize(self.blob.len().next_multiple_of(16), 0.0);
        offset
    }

    /// `[n][taps]` and `[n]` in panels, as the plan documents them.
    fn panels(&mut self, n: usize, weights: &[f32], bias: &[f32]) -> usize {
        let taps = weights.len() / n;
        let mut packed = Vec::new();
        for first in (0..n).step_by(16) {
            let width = if n - first > 8 { 16 } else { 8 };
            let row = |value: &dyn Fn(usize) -> f32| {
                (first..first + width).map(|i| if i < n { value(i) } else { 0.0 }).collect::<Vec<_>>()
            };
            packed.extend(row(&|i| bias[i]));
            (0..taps).for_each(|tap| packed.extend(row(&|i| weights[i * taps + tap])));
        }
        self.section(&packed)
    }

    fn after(&mut self, after: &After, x: &Tensor) -> (Epilogue, Tensor) {
        let channels = x.shape[2];
        let mut vector = |there: bool| there.then(|| self.noise.vector(padded_channels(channels), -1.5, 1.5));
        let (slopes, scale, offset) = (vector(after.slopes), vector(after.affine), vector(after.affine));
        let out = Tensor::new(x.shape, |y, column, c| {
            let mut value = x.at(y, column, c);
            value *= after.gate.map_or(1.0, |(_, by)| by[c]);
            value += after.add.map_or(0.0, |(_, add)| add.at(y, column, c));
            value = activated(after.activation, value);
            value *= slopes.as_ref().filter(|_| value < 0.0).map_or(1.0, |slopes| slopes[c].into());
            let affine = scale.as_ref().zip(offset.as_ref());
            affine.map_or(value, |(scale, offset)| value * f64::from(scale[c]) + f64::from(offset[c]))
        });
        let epilogue = Epilogue {
            gate: after.gate.map(|(offset, _)| offset),
            add: after.add.map(|(map, _)| map),
            activation: after.activation,
            slopes: slopes.map(|slopes| self.section(&slopes)),
            affine: scale.zip(offset).map(|(scale, offset)| self.section(&[scale, offset].concat())),
        };
        (epilogue, out)
    }

    /// A link with weights, into `output`, of which its values are returned.
    pub fn convolution(
        &mut self,
        op: LinkOp,
        window: Window,
        (input, x): (Map, &Tensor),
        output: Map,
        after: &After,
    ) -> (Link, Tensor) {
        let groups = match op {
            LinkOp::Depthwise => input.channels,
            LinkOp::Conv { groups } => groups,
            _ => 1,
        };
        let (n, each) = (output.channels, input.channels / groups);
        let taps = window.kernel[0] * window.kernel[1] * each;
        let (weights, bias) = (self.noise.weights(n * taps, taps), self.noise.vector(n, -0.5, 0.5));
        let sum = Tensor::new([output.height, output.width, n], |y, column, c| {
            let inside = |i, j| under(&window, x, y, column, i, j);
            let places = (0..taps).filter_map(|tap| {
                let (place, k) = (tap / each, tap % each);
                let (row, across) = inside(place / window.kernel[1], place % window.kernel[1])?;
                Some(f64::from(weights[c * taps + tap]) * x.at(row, across, c / (n / groups) * each + k))
            });
            f64::from(bias[c]) + places.sum::<f64>()
        });
        let panels = self.panels(n, &weights, &bias);
        let (epilogue, values) = self.after(after, &sum);
        (link(op, window, input, Some(panels), epilogue, output), values)
    }

    /// A link without weights.
    pub fn plain(
        &mut self,
        op: LinkOp,
        window: Window,
        (input, x): (Map, &Tensor),
        output: Map,
        after: &After,
    ) -> (Link, Tensor) {
        let values = Tensor::new([output.height, output.width, output.channels], |y, column, c| {
            let taps = (0..window.kernel[0]).flat_map(|i| (0..window.kernel[1]).map(move |j| (i, j)));
            let inside: Vec<f64> = taps
                .filter_map(|(i, j)| under(&window, x, y, column, i, j))
                .map(|(row, across)| x.at(row, across, c))
                .collect();
            let count = match op {
                LinkOp::AveragePool { count_include_pad: true } => window.kernel[0] * window.kernel[1],
                _ => inside.len(),
            };
            match op {
                LinkOp::MaxPool => inside.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                _ => inside.iter().sum::<f64>() / count as f64,
            }
        });
        let (epilogue, values) = self.after(after, &values);
        (link(op, window, input, None, epilogue, output), values)
    }

    /// The mean over a map, to a vector.
    pub fn mean(&mut self, (input, x): (Map, &Tensor), to: Target, after: &After) -> (Link, Tensor) {
        let [h, w, c] = x.shape;
        let sum = |c| x.values.iter().skip(c).step_by(x.shape[2]).sum::<f64>();
        let means = Tensor::new([1, 1, c], |_, _, c| sum(c) / (h * w) as f64);
        let (epilogue, values) = self.after(after, &means);
        let offset = if let Target::Arena(offset) = to { offset } else { 0 };
        let output = Map { offset, height: 1, width: 1, channels: c, group: 1, ring: 1, element: Element::F32 };
        (link(LinkOp::Mean { to }, POINT, input, None, epilogue, output), values)
    }

    /// A dense layer over a vector.
    pub fn dense(&mut self, (input, x): (usize, &[f64]), n: usize, output: Target, after: &After) -> Tensor {
        let k = x.len();
        let (weights, bias) = (self.noise.weights(n * k, k), self.noise.vector(n, -0.5, 0.5));
        let dot = |c: usize| weights[c * k..(c + 1) * k].iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
        let sums = Tensor::new([1, 1, n], |_, _, c| f64::from(bias[c]) + dot(c));
        let weights = self.panels(n, &weights, &bias);
        let (epilogue, values) = self.after(after, &sums);
        self.step(Op::Dense { input, k, n, weights, epilogue, output });
        values
    }

    pub fn chain(&mut self, links: Vec<Link>) {
        self.step(Op::Chain(Chain { links }));
    }

    /// A port; its number.
    pub fn port(&mut self, name: &str, shape: &[usize], dtype: DType, values: &[f64]) -> usize {
        let name = name.to_string();
        self.outputs.push((Port { name, shape: shape.to_vec(), dtype, layout: Layout::Nhwc }, values.to_vec()));
        self.outputs.len() - 1
    }

    /// What a port must hold.
    pub fn expect(&mut self, port: usize, values: &[f64]) {
        self.outputs[port].1 = values.to_vec();
    }

    /// A map as an output.
    pub fn export(&mut self, name: &str, map: Map, values: &Tensor) {
        let [h, w, c] = values.shape;
        let port = self.port(name, &[1, h, w, c], DType::F32, &values.values);
        self.step(Op::Export { input: map, layout: Layout::Nhwc, output: Target::Output { port, offset: 0 } });
    }

    /// The output that holds an element, counted over all of them.
    pub fn port_of(&self, mut element: usize) -> String {
        for (port, values) in &self.outputs {
            if element < values.len() {
                return format!("{}[{element}]", port.name);
            }
            element -= values.len();
        }
        "none".into()
    }

    /// The plan, and what it must give.
    pub fn finish(self) -> (Plan, SelfTest) {
        let (shape, values) = self.input;
        let expected = self.outputs.iter().flat_map(|(_, values)| values.iter().map(|&x| x as f32)).collect();
        let test = SelfTest { input: values.iter().flat_map(|x| x.to_le_bytes()).collect(), expected };
        let [height, width, channels] = shape;
        let whole = |port| Output {
            port,
            pieces: vec![Piece { map: MapId(0), layout: Layout::Nhwc, offset: 0 }],
            finish: Vec::new(),
        };
        let network = Network {
            name: "bench".into(),
            input: Port {
                name: "input".into(),
                shape: vec![1, height, width, channels],
                dtype: DType::F32,
                layout: Layout::Nhwc,
            },
            outputs: self.outputs.into_iter().map(|(port, _)| whole(port)).collect(),
            batch: 1,
            maps: vec![FeatureMap { height, width, channels, element: DType::F32, quant: None }],
            input_map: MapId(0),
            stages: Vec::new(),
        };
        let plan = Plan {
            network,
            steps: self.steps,
            weights: self.blob.iter().flat_map(|x| x.to_le_bytes()).collect(),
            packing: Packing::Any,
            arena_bytes: self.arena,
            lower_bound: 0,
            decisions: Decisions { runs: Vec::new(), slack: 0.0, blocks: Blocks::default(), separable: Choice::Auto },
            cycles: 0.0,
            classes: Classes::default(),
        };
        (plan, test)
    }
}

/// The input's row and column under a tap, if that lies inside.
fn under(w: &Window, x: &Tensor, y: usize, column: usize, i: usize, j: usize) -> Option<(usize, usize)> {
    let place = |axis: usize, out: usize, tap: usize| {
        let at = (out * w.stride[axis] + tap * w.dilation[axis]).checked_sub(usize::try_from(w.pads[axis]).ok()?)?;
        (at < x.shape[axis]).then_some(at)
    };
    Some((place(0, y, i)?, place(1, column, j)?))
}

fn image([height, width, channels]: [usize; 3]) -> ImageSource {
    ImageSource { height, width, channels, layout: Layout::Nhwc, element: Element::F32 }
}

fn link(op: LinkOp, window: Window, input: Map, weights: Option<usize>, epilogue: Epilogue, output: Map) -> Link {
    Link { op, input: Some(input), window, weights, epilogue, codes: None, output, stage: 0, reason: String::new() }
}
