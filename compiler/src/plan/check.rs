//! What planning relies on: shapes that agree, weights of the right length, kernels that exist. Everything that does not
//! hold is reported at once.

use super::{Clamp, Source};
use crate::diagnostic::{Error, Problem};
use crate::graph::{Activation, DType, Window};
use crate::network::{Epilogue, FeatureMap, MapId, Network, Output, Port, Stage, StageKind};

/// Facts about a network that has passed.
pub(super) struct Check {
    /// The model's input.
    pub source: Source,
    at_output: Vec<bool>,
    summed: Vec<bool>,
    readers: Vec<u32>,
    names: Vec<(String, &'static str)>,
}

impl Check {
    pub(super) fn new(network: &Network) -> Result<Self, Error> {
        let names: Vec<_> = network.stages.iter().map(|s| (node_name(s), s.kind.name())).collect();
        let mut problems = Vec::new();
        let readers = readers(network);
        let mut written = vec![false; network.maps.len()];
        if let Some(input) = written.get_mut(network.input_map.0 as usize) {
            *input = true;
        }
        for (stage, (node, op)) in network.stages.iter().zip(&names) {
            if let Err(problem) = check_stage(network, stage, &readers, &mut written) {
                problems.push(problem.at(node, *op));
            }
        }
        let (output, output_map) = output(network)?;
        let source = source(network);
        if let Err(problem) = &source {
            problems.push(problem.clone());
        }
        if network.stages.is_empty() || written.get(output_map.0 as usize) != Some(&true) {
            problems.push(Problem::new("no stage computes the model's output"));
        }
        for (port, map) in [(&network.input, network.input_map), (output, output_map)] {
            if !holds_batch(network, port, map) {
                let problem = internal("the model's shapes don't agree with its maps");
                problems.push(problem.expected(format!("{} images", network.batch), format!("{:?}", port.shape)));
            }
        }
        match source {
            Ok(source) if problems.is_empty() => {
                let (at_output, summed) = (at_output(network, output_map, &readers), summed(network));
                Ok(Self { source, at_output, summed, readers, names })
            }
            _ => Err(Error { problems }),
        }
    }

    pub(super) fn node(&self, stage: usize) -> &str {
        &self.names[stage].0
    }

    pub(super) fn op(&self, stage: usize) -> &'static str {
        self.names[stage].1
    }

    /// Whether the map is written straight to the caller's output.
    pub(super) fn at_output(&self, map: MapId) -> bool {
        self.at_output[map.0 as usize]
    }

    /// Whether a mean or a dense layer sums over the map: its groups decide the order of that sum, which must not depend on
    /// memory, so that all plans of a model agree bit for bit.
    pub(super) fn summed(&self, map: MapId) -> bool {
        self.summed[map.0 as usize]
    }

    /// How often the map is read.
    pub(super) fn readers(&self, map: MapId) -> u32 {
        self.readers[map.0 as usize]
    }

    /// A dense layer over a map whose channels leave padding lanes between pixels.
    pub(super) fn dense_as_conv(&self, network: &Network, stage: &Stage) -> bool {
        dense_as_conv(network, stage)
    }

    /// A pointwise convolution of a single pixel.
    pub(super) fn pointwise_as_dense(&self, network: &Network, stage: &Stage) -> bool {
        pointwise_as_dense(network, stage)
    }
}

/// The only output that kernels write: one map, nothing done to it.
fn output(network: &Network) -> Result<(&Port, MapId), Error> {
    match &network.outputs[..] {
        [Output { port, pieces, finish }] if pieces.len() == 1 && finish.is_empty() => Ok((port, pieces[0].map)),
        outputs => {
            let names: Vec<&str> = outputs.iter().map(|output| output.port.name.as_str()).collect();
            Err(Problem::new("several outputs, or outputs of several parts, can't be compiled yet")
                .expected("one map or vector", format!("{names:?}"))
                .into())
        }
    }
}

/// The bounds of an activation that the kernels know.
pub(super) fn clamp(activation: Activation) -> Result<Clamp, Problem> {
    match activation {
        Activation::Clamp { lo, hi } => Ok(Clamp { lo, hi }),
        other => Err(Problem::new(format!("{} can't be compiled yet", other.words()))
            .expected("no activation, Relu or Clip", other.to_string())),
    }
}

fn node_name(stage: &Stage) -> String {
    stage.origin.first().cloned().unwrap_or_default()
}

fn dense_as_conv(network: &Network, stage: &Stage) -> bool {
    let input = network.maps[stage.inputs[0].0 as usize];
    matches!(stage.kind, StageKind::Dense(_))
        && (input.height, input.width) != (1, 1)
        && !input.channels.is_multiple_of(8)
}

fn pointwise_as_dense(network: &Network, stage: &Stage) -> bool {
    let input = network.maps[stage.inputs[0].0 as usize];
    matches!(stage.kind, StageKind::Pointwise(_)) && (input.height, input.width) == (1, 1)
}

/// Reads of each map.
fn readers(network: &Network) -> Vec<u32> {
    let mut readers = vec![0_u32; network.maps.len()];
    for map in network.stages.iter().flat_map(|s| &s.inputs) {
        if let Some(count) = readers.get_mut(map.0 as usize) {
            *count += 1;
        }
    }
    readers
}

/// Maps that are summed whole, themselves or by way of pointwise stages, which keep the groups of their input.
fn summed(network: &Network) -> Vec<bool> {
    let mut summed = vec![false; network.maps.len()];
    for stage in network.stages.iter().rev() {
        let grouped_alike = match stage.kind {
            StageKind::GlobalAveragePool | StageKind::Dense(_) => true,
            StageKind::Pointwise(_) => summed[stage.output.0 as usize],
            _ => false,
        };
        if grouped_alike {
            stage.inputs.iter().for_each(|map| summed[map.0 as usize] = true);
        }
    }
    summed
}

/// Maps that live in the caller's output: the last one, and what a softmax there works on in place.
fn at_output(network: &Network, output: MapId, readers: &[u32]) -> Vec<bool> {
    let mut at_output = vec![false; network.maps.len()];
    let mut chain = Vec::new();
    let (mut map, mut allowed_readers) = (output, 0);
    while let Some(stage) = network.stages.iter().rfind(|s| s.output == map) {
        if readers[map.0 as usize] != allowed_readers {
            return at_output;
        }
        chain.push(map);
        let direct = match stage.kind {
            StageKind::Softmax { .. } => {
                (map, allowed_readers) = (stage.inputs[0], 1);
                continue;
            }
            StageKind::GlobalAveragePool => true,
            StageKind::Dense(_) => !dense_as_conv(network, stage),
            StageKind::Pointwise(_) => pointwise_as_dense(network, stage),
            _ => false,
        };
        if direct {
            chain.iter().for_each(|m| at_output[m.0 as usize] = true);
        }
        return at_output;
    }
    at_output
}

fn holds_batch(network: &Network, port: &Port, map: MapId) -> bool {
    let Ok(FeatureMap { height, width, channels, .. }) = feature(network, map) else { return true };
    network.batch > 0
        && product(&port.shape).is_some_and(|n| product(&[network.batch, height, width, channels]) == Some(n))
}

fn source(network: &Network) -> Result<Source, Problem> {
    let map = feature(network, network.input_map)?;
    let port = &network.input;
    if !matches!(port.dtype, DType::F32 | DType::U8 | DType::I8) {
        return Err(Problem::new(format!("the input {:?} has a type that can't be compiled", port.name))
            .expected("float32, uint8 or int8", format!("{:?}", port.dtype)));
    }
    let FeatureMap { height, width, channels, .. } = map;
    Ok(Source { height, width, channels, layout: port.layout, element: port.dtype })
}

fn feature(network: &Network, id: MapId) -> Result<FeatureMap, Problem> {
    let map = network.maps.get(id.0 as usize).copied().ok_or_else(|| internal("a map is missing"))?;
    if map.height == 0 || map.width == 0 || map.channels == 0 {
        return Err(Problem::new("a map has no elements").found_shape(&map));
    }
    Ok(map)
}

fn internal(message: &str) -> Problem {
    Problem::new(message).hint("this is a defect of the compiler; please report it with the model")
}

impl Problem {
    fn found_shape(self, map: &FeatureMap) -> Self {
        let found = format!("{} x {} x {}", map.height, map.width, map.channels);
        self.expected("at least one row, column and channel", found)
    }
}

fn check_stage(network: &Network, stage: &Stage, readers: &[u32], written: &mut [bool]) -> Result<(), Problem> {
    let &[input_id] = &stage.inputs[..] else {
        return Err(Problem::new("stages with several inputs can't be compiled yet"));
    };
    let (input, output) = (feature(network, input_id)?, feature(network, stage.output)?);
    let from_model = input_id == network.input_map;
    if from_model != matches!(stage.kind, StageKind::Stem(_) | StageKind::Import) {
        return Err(internal("the model's input is read by the wrong kind of stage"));
    }
    if !written[input_id.0 as usize] {
        return Err(internal("a map is read before it is written"));
    }
    if std::mem::replace(&mut written[stage.output.0 as usize], true) {
        return Err(internal("a map is written twice"));
    }
    let same_size = (input.height, input.width) == (output.height, output.width);
    let holds = |condition: bool| if condition { Ok(()) } else { Err(internal("the stage's shapes don't agree")) };
    clamp(stage.epilogue.activation)?;
    use StageKind::{Conv, Dense, Depthwise, Pointwise, Separable, Stem};
    let activates =
        matches!(&stage.kind, Stem(_) | Conv(_) | Depthwise(_) | Pointwise(_) | Dense(_) | Separable { .. });
    let activation = if activates { stage.epilogue.activation } else { Activation::NONE };
    if stage.epilogue != Epilogue::from(activation) {
        return Err(Problem::new("an epilogue of more than an activation can't be compiled yet"));
    }
    match &stage.kind {
        StageKind::Stem(conv) | StageKind::Conv(conv) => {
            if conv.groups != 1 {
                return Err(Problem::new("grouped convolutions can't be compiled yet"));
            }
            let taps = product(&[input.channels, conv.window.kernel[0], conv.window.kernel[1]]);
            holds(windowed(&conv.window, &input, &output))?;
            holds(lengths(&conv.weights, &conv.bias, taps, output.channels))?;
            holds(conv.pad_values.is_empty() || conv.pad_values.len() == input.channels)?;
            if matches!(stage.kind, StageKind::Conv(_)) && conv.pad_values.iter().any(|&v| v != 0.0) {
                return Err(Problem::new("a border that is not zero can be compiled for the first convolution only"));
            }
            Ok(())
        }
        StageKind::Separable { depthwise, activation, pointwise } => {
            clamp(*activation)?;
            let taps = product(&depthwise.window.kernel);
            holds(windowed(&depthwise.window, &input, &output))?;
            holds(lengths(&depthwise.weights, &depthwise.bias, taps, input.channels))?;
            holds(lengths(&pointwise.weights, &pointwise.bias, Some(input.channels), output.channels))
        }
        StageKind::Depthwise(depthwise) => {
            let taps = product(&depthwise.window.kernel);
            holds(input.channels == output.channels && windowed(&depthwise.window, &input, &output))?;
            holds(lengths(&depthwise.weights, &depthwise.bias, taps, input.channels))
        }
        StageKind::Pointwise(pointwise) => {
            holds(same_size && lengths(&pointwise.weights, &pointwise.bias, Some(input.channels), output.channels))
        }
        StageKind::GlobalAveragePool => {
            holds(input.channels == output.channels && (output.height, output.width) == (1, 1))
        }
        StageKind::Dense(dense) => {
            let taps = product(&[input.height, input.width, input.channels]);
            holds((output.height, output.width) == (1, 1))?;
            holds(lengths(&dense.weights, &dense.bias, taps, output.channels))
        }
        StageKind::Softmax { .. } => {
            holds(same_size && input.channels == output.channels && (input.height, input.width) == (1, 1))?;
            if readers[input_id.0 as usize] > 1 {
                Err(Problem::new("the softmax's input is used elsewhere too"))
            } else {
                Ok(())
            }
        }
        StageKind::Import => holds(same_size && input.channels == output.channels),
        kind => Err(Problem::new(format!("{} stages can't be compiled yet", kind.name()))),
    }
}

fn product(factors: &[usize]) -> Option<usize> {
    factors.iter().try_fold(1_usize, |all, &factor| all.checked_mul(factor))
}

fn lengths(weights: &[f32], bias: &[f32], taps: Option<usize>, columns: usize) -> bool {
    bias.len() == columns && taps.and_then(|t| t.checked_mul(columns)) == Some(weights.len())
}

/// Whether the window takes the input's size to the output's.
fn windowed(window: &Window, input: &FeatureMap, output: &FeatureMap) -> bool {
    let axis = |axis: usize, size: usize, result: usize| {
        let [kernel, stride, dilation] = [window.kernel[axis], window.stride[axis], window.dilation[axis]];
        let before = usize::try_from(window.pads[axis]).ok()?;
        let after = usize::try_from(window.pads[axis + 2]).ok()?;
        let span = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
        let padded = size.checked_add(before)?.checked_add(after)?;
        Some(stride > 0 && dilation > 0 && padded.checked_sub(span)? / stride + 1 == result)
    };
    axis(0, input.height, output.height) == Some(true) && axis(1, input.width, output.width) == Some(true)
}
