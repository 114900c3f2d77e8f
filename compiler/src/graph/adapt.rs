//! What the options ask of a model's ports, as nodes: in front of the input, and behind the output.
//!
//! The reference runs them as they are; the passes fold those of the input into the first convolution.

use super::import::spatial_axes;
use super::{Binary, Conv, DType, Graph, Node, Op, Tensor, Type, ValueId, Window};
use crate::diagnostic::{Error, Problem};
use crate::graph::Activation;
use crate::network::Layout;
use crate::options::{InputType, Options};

const TO_NCHW: [usize; 4] = [0, 3, 1, 2];
const TO_NHWC: [usize; 4] = [0, 2, 3, 1];

/// Puts the nodes in.
///
/// # Errors
/// All options that the model has no use for, or that don't fit it.
pub(super) fn adapt(mut graph: Graph, options: &Options) -> Result<Graph, Error> {
    let image = Image::of(&graph);
    let mut problems = input_problems(&graph, image, options);
    if problems.is_empty() {
        prepend(&mut graph, image, options);
    }
    if options.softmax {
        problems.extend(append_softmax(&mut graph));
    }
    if options.ports.is_some() {
        problems.extend(append_halves(&mut graph));
    }
    if problems.is_empty() { Ok(graph) } else { Err(Error { problems }) }
}

/// The input's axes as images have them.
#[derive(Clone, Copy)]
struct Image {
    layout: Layout,
    batch: usize,
    channels: usize,
    height: usize,
    width: usize,
}

impl Image {
    fn of(graph: &Graph) -> Option<Self> {
        let layout = match spatial_axes(graph)? {
            [2, 3] => Layout::Nchw,
            [1, 2] => Layout::Nhwc,
            _ => return None,
        };
        let [batch, a, b, c] = graph.ty(graph.input).shape.as_slice().try_into().ok()?;
        let (channels, height, width) = if layout == Layout::Nchw { (a, b, c) } else { (c, a, b) };
        Some(Self { layout, batch, channels, height, width })
    }

    fn shape(self) -> [usize; 4] {
        let Self { batch, channels, height, width, .. } = self;
        match self.layout {
            Layout::Nchw => [batch, channels, height, width],
            Layout::Nhwc => [batch, height, width, channels],
        }
    }
}

fn input_problems(graph: &Graph, image: Option<Image>, options: &Options) -> Vec<Problem> {
    let own = graph.ty(graph.input);
    let name = &graph[graph.input].name;
    let mut problems = Vec::new();
    let of_floats = [("input", options.input.is_some()), ("normalise", options.normalise.is_some())];
    for (option, _) in of_floats.iter().filter(|(_, given)| *given && own.dtype != DType::F32) {
        let message = format!("the option {option} does not fit the model's input {name:?}");
        let problem = Problem::new(message).of_option(option).expected("a model that takes f32", own.to_string());
        problems.push(match own.dtype.is_float() {
            true => problem,
            false => problem.hint("leave it out: the model takes integers, and scales them itself"),
        });
    }
    let of_images = [
        ("normalise", options.normalise.is_some()),
        ("input_layout", options.input_layout.is_some()),
        ("channel_order", options.channel_order.is_some()),
        ("grey", options.grey),
    ];
    match image {
        None => problems.extend(of_images.iter().filter(|(_, given)| *given).map(|(option, _)| {
            Problem::new(format!("the option {option} does not fit the model's input {name:?}"))
                .of_option(option)
                .expected("images that a convolution reads", own.to_string())
        })),
        Some(image) => {
            problems.extend(options.normalise.iter().flat_map(|normalise| normalise.problems(image.channels)));
            if options.channel_order.is_some() && (image.channels != 3 || options.grey) {
                let message = format!("the option channel_order does not fit the model's input {name:?}");
                let found = if options.grey { "grey".into() } else { image.channels.to_string() };
                problems
                    .push(Problem::new(message).of_option("channel_order").expected("three channels of colour", found));
            }
            if options.grey && image.channels == 1 {
                let message = format!("the option grey does not fit the model's input {name:?}");
                let problem = Problem::new(message).of_option("grey").expected("several channels", own.to_string());
                problems.push(problem.hint("leave it out: the model takes one channel already"));
            }
        }
    }
    problems
}

/// From the caller's input to the model's: cast, grey to all channels, axes to the model's order, normalisation.
fn prepend(graph: &mut Graph, image: Option<Image>, options: &Options) {
    let Options { input, normalise, input_layout, channel_order, grey, .. } = options;
    let none = input.is_none() && normalise.is_none() && input_layout.is_none() && channel_order.is_none();
    let old = graph.input;
    let own = graph.ty(old).clone();
    let halves = options.ports.is_some() && input.is_none() && own.dtype == DType::F32;
    if none && !grey && !halves {
        return;
    }
    let mut ty = own.clone();
    let mut order = image.map(|image| image.layout);
    if let Some(image) = image {
        let layout = input_layout.unwrap_or(image.layout);
        let channels = if *grey { 1 } else { image.channels };
        ty.shape = Image { layout, channels, ..image }.shape().to_vec();
        order = Some(layout);
    }
    if let Some(InputType::U8) = input {
        ty.dtype = DType::U8;
    }
    if halves {
        ty.dtype = DType::F16;
    }
    let mut front = Front::new(graph, ty);
    if input.is_some() || halves {
        front.push(if halves { "ports" } else { "input" }, Op::Cast, None, own.dtype, front.shape());
    }
    if let Some(image) = image {
        if channel_order.is_some() {
            front.reverse(order);
        }
        if *grey {
            front.spread(image, &mut order);
        }
        front.arrange(image.layout, &mut order);
        if let Some(normalise) = normalise {
            if input.is_some() {
                front.scale(Binary::Div, image, &[255.0]);
            }
            front.scale(Binary::Sub, image, &normalise.mean);
            front.scale(Binary::Div, image, &normalise.std);
        }
    }
    front.finish(old);
}

/// Nodes in front of a graph, under construction.
struct Front<'g> {
    graph: &'g mut Graph,
    nodes: Vec<Node>,
    input: ValueId,
    last: ValueId,
}

impl<'g> Front<'g> {
    fn new(graph: &'g mut Graph, ty: Type) -> Self {
        let name = graph[graph.input].name.clone();
        let input = graph.add_value(name, ty);
        Self { graph, nodes: Vec::new(), input, last: input }
    }

    fn shape(&self) -> Vec<usize> {
        self.graph.ty(self.last).shape.clone()
    }

    fn push(&mut self, option: &str, op: Op, operand: Option<Tensor>, dtype: DType, shape: impl Into<Vec<usize>>) {
        let operand = operand.map(|tensor| self.graph.add_constant(option, tensor));
        let output = self.graph.add_value(option, Type::new(dtype, shape));
        let inputs = std::iter::once(self.last).chain(operand).map(Some).collect();
        self.nodes.push(Node { op, inputs, output, origin: vec![format!("option {option}")] });
        self.last = output;
    }

    /// The channels the other way round.
    fn reverse(&mut self, order: Option<Layout>) {
        let axis = if order == Some(Layout::Nhwc) { 3 } else { 1 };
        let ty = self.graph.ty(self.last).clone();
        self.push("channel_order", Op::Gather { axis }, Some(Tensor::ints([2, 1, 0])), ty.dtype, ty.shape);
    }

    /// Grey to every channel: a 1x1 convolution by ones, which reads and writes `[N, C, H, W]`.
    fn spread(&mut self, image: Image, order: &mut Option<Layout>) {
        self.arrange(Layout::Nchw, order);
        let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };
        let conv = Conv { window, group: 1, activation: Activation::NONE, pad_values: vec![] };
        let ones = Tensor::f32([image.channels, 1, 1, 1], vec![1.0; image.channels]);
        let dtype = self.graph.ty(self.last).dtype;
        self.push("grey", Op::Conv(conv), Some(ones), dtype, Image { layout: Layout::Nchw, ..image }.shape());
    }

    fn arrange(&mut self, layout: Layout, order: &mut Option<Layout>) {
        if *order == Some(layout) {
            return;
        }
        let perm = if layout == Layout::Nchw { TO_NCHW } else { TO_NHWC };
        let shape = perm.map(|axis| self.shape().get(axis).copied().unwrap_or(1));
        let dtype = self.graph.ty(self.last).dtype;
        self.push("input_layout", Op::Transpose { perm: perm.to_vec() }, None, dtype, shape);
        *order = Some(layout);
    }

    /// A binary operator with one value, or one per channel.
    fn scale(&mut self, op: Binary, image: Image, values: &[f32]) {
        let shape = match (values.len(), image.layout) {
            (1, _) => vec![],
            (channels, Layout::Nchw) => vec![channels, 1, 1],
            (channels, Layout::Nhwc) => vec![channels],
        };
        let ty = self.graph.ty(self.last).clone();
        self.push("normalise", Op::Binary(op), Some(Tensor::f32(shape, values)), ty.dtype, ty.shape);
    }

    /// Lets the model read the last value, and the caller's input take the name of the model's.
    fn finish(self, old: ValueId) {
        let Self { graph, nodes, input, last } = self;
        if last == input {
            return;
        }
        graph.replace_uses(old, last);
        graph.nodes.splice(0..0, nodes);
        graph.input = input;
        swap_names(graph, old, input);
    }
}

/// Softmax over the classes of each image, unless the model ends in one.
fn append_softmax(graph: &mut Graph) -> Option<Problem> {
    let &mut [old] = &mut graph.outputs[..] else {
        let names: Vec<&str> = graph.outputs.iter().map(|&id| graph[id].name.as_str()).collect();
        let problem = Problem::new("the option softmax does not fit a model of several outputs").of_option("softmax");
        return Some(problem.expected("one output, a vector of scores per image", format!("{names:?}")));
    };
    if ends_in_softmax(graph, old) {
        return None;
    }
    let ty = graph.ty(old).clone();
    let batch_axes = usize::from(ty.shape.len() > 1);
    let mut axes = (batch_axes..ty.shape.len()).filter(|&axis| ty.shape[axis] != 1);
    let axis = match (axes.next(), axes.next()) {
        (Some(axis), None) => axis,
        (None, _) if ty.shape.len() > 1 => 1,
        _ => {
            let message = format!("the option softmax does not fit the model's output {:?}", graph[old].name);
            return Some(
                Problem::new(message).of_option("softmax").expected("a vector of scores per image", ty.to_string()),
            );
        }
    };
    let output = graph.add_value("softmax", ty);
    let op = Op::Softmax { axis, flat: false, log: false };
    graph.nodes.push(Node { op, inputs: vec![Some(old)], output, origin: vec!["option softmax".into()] });
    graph.outputs = vec![output];
    swap_names(graph, old, output);
    None
}

/// Outputs of floats as float16.
fn append_halves(graph: &mut Graph) -> Option<Problem> {
    let floats: Vec<usize> =
        (0..graph.outputs.len()).filter(|&at| graph.ty(graph.outputs[at]).dtype == DType::F32).collect();
    if floats.is_empty() && graph.ty(graph.input).dtype != DType::F16 {
        let found = format!("{} to {}", graph.ty(graph.input), graph.ty(*graph.outputs.first()?));
        return Some(
            Problem::new("the option ports does not fit the model")
                .of_option("ports")
                .expected("ports of floats", found),
        );
    }
    for at in floats {
        let old = graph.outputs[at];
        let output = graph.add_value("ports", Type::new(DType::F16, graph.ty(old).shape.clone()));
        let origin = vec!["option ports".into()];
        graph.nodes.push(Node { op: Op::Cast, inputs: vec![Some(old)], output, origin });
        graph.outputs[at] = output;
        swap_names(graph, old, output);
    }
    None
}

fn ends_in_softmax(graph: &Graph, mut id: ValueId) -> bool {
    let producers = graph.producers();
    while let Some(node) = producers[id.0 as usize].and_then(|at| graph.nodes.get(at)) {
        match (&node.op, node.inputs.first()) {
            (Op::Softmax { log, .. }, _) => return !log,
            (Op::Reshape | Op::Identity | Op::Transpose { .. }, Some(Some(x))) => id = *x,
            _ => return false,
        }
    }
    false
}

fn swap_names(graph: &mut Graph, a: ValueId, b: ValueId) {
    let (a, b) = (a.0 as usize, b.0 as usize);
    let name = std::mem::take(&mut graph.values[a].name);
    graph.values[a].name = std::mem::replace(&mut graph.values[b].name, name);
}

#[cfg(test)]
mod tests;
