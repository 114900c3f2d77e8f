//! What planning relies on: shapes that agree, weights of the right length, kernels that exist. Everything that does not
//! hold is reported at once.

use super::{Element, ImageSource, Target};
use crate::diagnostic::{Error, Problem};
use crate::graph::{Activation, DType, Window};
use crate::network::integer::{Integer, IntegerKind};
use crate::network::{
    Epilogue, FeatureMap, Filters, Finish, MapId, Network, Output, Over, Port, Shape, Stage, StageKind,
};

/// Facts about a network that has passed.
pub(super) struct Check {
    /// The model's input.
    pub source: ImageSource,
    at_output: Vec<Option<Target>>,
    is_output: Vec<bool>,
    summed: Vec<bool>,
    readers: Vec<Vec<usize>>,
    writers: Vec<Option<usize>>,
    names: Vec<(String, &'static str)>,
}

impl Check {
    pub(super) fn new(network: &Network) -> Result<Self, Error> {
        let names: Vec<_> = network.stages.iter().map(|s| (node_name(s), s.kind.name())).collect();
        let mut problems = Vec::new();
        let readers = readers(network);
        let mut writers = vec![None; network.maps.len()];
        for (index, (stage, (node, op))) in network.stages.iter().zip(&names).enumerate() {
            if let Err(problem) = check_stage(network, index, stage, &mut writers) {
                problems.push(problem.at(node, *op));
            }
        }
        let source = source(network);
        if let Err(problem) = &source {
            problems.push(problem.clone());
        }
        if network.outputs.is_empty() || network.stages.is_empty() {
            problems.push(Problem::new("no stage computes the model's output"));
        }
        for output in &network.outputs {
            problems.extend(check_output(network, output, &writers).err());
        }
        if !holds_batch(network, &network.input, &[network.input_map]) {
            problems.push(disagreeing(network, &network.input));
        }
        match source {
            Ok(source) if problems.is_empty() => {
                let mut is_output = vec![false; network.maps.len()];
                for piece in network.outputs.iter().flat_map(|output| &output.pieces) {
                    is_output[piece.map.0 as usize] = true;
                }
                let (at_output, summed) = (at_output(network, &readers, &writers), summed(network));
                Ok(Self { source, at_output, is_output, summed, readers, writers, names })
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

    /// Where in the caller's output the map is written straight to, if it is.
    pub(super) fn at_output(&self, map: MapId) -> Option<Target> {
        self.at_output[map.0 as usize]
    }

    /// Whether the map is one of the model's outputs, or part of one.
    pub(super) fn is_output(&self, map: MapId) -> bool {
        self.is_output[map.0 as usize]
    }

    /// Whether a mean or a dense layer sums over the map: its groups decide the order of that sum, which must not depend on
    /// memory, so that all plans of a model agree bit for bit.
    pub(super) fn summed(&self, map: MapId) -> bool {
        self.summed[map.0 as usize]
    }

    /// How often the map is read.
    pub(super) fn readers(&self, map: MapId) -> usize {
        self.readers[map.0 as usize].len()
    }

    /// The only stage that reads the map, once; no output has it.
    pub(super) fn only_reader(&self, map: MapId) -> Option<usize> {
        match self.readers[map.0 as usize][..] {
            [reader] if !self.is_output(map) => Some(reader),
            _ => None,
        }
    }

    /// The stage that writes the map.
    pub(super) fn writer(&self, map: MapId) -> Option<usize> {
        self.writers[map.0 as usize]
    }

    /// Whether the map has one pixel.
    pub(super) fn is_vector(&self, network: &Network, map: MapId) -> bool {
        let map = network.maps[map.0 as usize];
        (map.height, map.width) == (1, 1)
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

/// The activation, if the kernels know it.
pub(super) fn known(activation: Activation) -> Result<Activation, Problem> {
    Ok(activation)
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
    matches!(stage.kind, StageKind::Pointwise(_))
        && (input.height, input.width) == (1, 1)
        && stage.epilogue.add.is_none()
}

/// The stages that read each map, once for each time.
fn readers(network: &Network) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); network.maps.len()];
    for (index, stage) in network.stages.iter().enumerate() {
        for map in &stage.inputs {
            if let Some(readers) = readers.get_mut(map.0 as usize) {
                readers.push(index);
            }
        }
    }
    readers
}

/// Maps that are summed whole.
fn summed(network: &Network) -> Vec<bool> {
    let mut summed = vec![false; network.maps.len()];
    for stage in &network.stages {
        if matches!(stage.kind, StageKind::GlobalAveragePool | StageKind::Dense(_)) {
            summed[stage.inputs[0].0 as usize] = true;
        }
    }
    summed
}

/// Vectors that live in the caller's output: what an output ends in, and what a softmax there works on in place.
fn at_output(network: &Network, readers: &[Vec<usize>], writers: &[Option<usize>]) -> Vec<Option<Target>> {
    let mut at_output = vec![None; network.maps.len()];
    let pieces = || network.outputs.iter().flat_map(|output| &output.pieces);
    for (port, output) in network.outputs.iter().enumerate() {
        if output.finish.iter().any(Finish::converts) {
            continue;
        }
        for piece in &output.pieces {
            let (mut map, mut allowed_readers, mut chain) = (piece.map, 0, Vec::new());
            while let Some(stage) = writers[map.0 as usize].map(|writer| &network.stages[writer]) {
                let in_outputs = pieces().filter(|piece| piece.map == map).count();
                if readers[map.0 as usize].len() != allowed_readers || in_outputs != 1 - allowed_readers {
                    break;
                }
                chain.push(map);
                let plain = stage.epilogue == Epilogue::NONE;
                let direct = match stage.kind {
                    StageKind::Softmax { .. } | StageKind::LpNormalize { .. } => {
                        (map, allowed_readers) = (stage.inputs[0], 1);
                        continue;
                    }
                    StageKind::GlobalAveragePool => plain,
                    StageKind::Dense(_) => !dense_as_conv(network, stage) && stage.epilogue.add.is_none(),
                    StageKind::Pointwise(_) => pointwise_as_dense(network, stage),
                    _ => false,
                };
                if direct {
                    let target = Target::Output { port, offset: piece.offset };
                    chain.iter().for_each(|map| at_output[map.0 as usize] = Some(target));
                }
                break;
            }
        }
    }
    at_output
}

fn disagreeing(network: &Network, port: &Port) -> Problem {
    internal("the model's shapes don't agree with its maps")
        .expected(format!("{} images", network.batch), format!("{:?}", port.shape))
}

/// Whether the pieces lie side by side, are computed, and what is done to them fits.
fn check_output(network: &Network, output: &Output, writers: &[Option<usize>]) -> Result<(), Problem> {
    let mut end = 0;
    for piece in &output.pieces {
        let FeatureMap { height, width, channels, .. } = feature(network, piece.map)?;
        if writers.get(piece.map.0 as usize).copied().flatten().is_none() {
            return Err(Problem::new("no stage computes the model's output"));
        }
        if piece.offset != end {
            return Err(internal("an output's pieces don't lie side by side"));
        }
        end = product(&[height, width, channels]).and_then(|n| n.checked_add(end)).unwrap_or(usize::MAX);
    }
    let mut len = end;
    let mut dtype = DType::F32;
    if let ([piece], []) = (&output.pieces[..], &output.finish[..]) {
        dtype = feature(network, piece.map)?.element;
    }
    for finish in &output.finish {
        let extents = match *finish {
            Finish::Activate(_) => continue,
            Finish::Half => {
                dtype = DType::F16;
                continue;
            }
            Finish::Softmax { outer, n, inner, .. } | Finish::LpNormalize { outer, n, inner, .. } => [outer, n, inner],
            Finish::ArgMax { outer, n, inner, .. } => {
                (len, dtype) = (outer.saturating_mul(inner), DType::I64);
                [outer, n, inner]
            }
        };
        if product(&extents) != Some(end) {
            return Err(internal("what is done to an output doesn't fit its values"));
        }
    }
    if network.batch == 0 || product(&output.port.shape) != len.checked_mul(network.batch) || output.port.dtype != dtype
    {
        return Err(disagreeing(network, &output.port));
    }
    Ok(())
}

fn holds_batch(network: &Network, port: &Port, maps: &[MapId]) -> bool {
    let elements = |map: &MapId| {
        let FeatureMap { height, width, channels, .. } = feature(network, *map).ok()?;
        product(&[network.batch, height, width, channels])
    };
    let all = maps.iter().map(elements).try_fold(0_usize, |sum, n| sum.checked_add(n?));
    network.batch > 0 && all.is_none_or(|n| product(&port.shape) == Some(n))
}

fn source(network: &Network) -> Result<ImageSource, Problem> {
    let map = feature(network, network.input_map)?;
    let port = &network.input;
    let Some(element) = Element::of(port.dtype) else {
        return Err(Problem::new(format!("the input {:?} has a type that can't be compiled", port.name))
            .expected("float32, uint8 or int8", format!("{:?}", port.dtype)));
    };
    let FeatureMap { height, width, channels, .. } = map;
    Ok(ImageSource { height, width, channels, layout: port.layout, element })
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

fn holds(condition: bool) -> Result<(), Problem> {
    if condition { Ok(()) } else { Err(internal("the stage's shapes don't agree")) }
}

fn check_stage(network: &Network, index: usize, stage: &Stage, writers: &mut [Option<usize>]) -> Result<(), Problem> {
    let Some(&input_id) = stage.inputs.first() else { return Err(internal("a stage reads nothing")) };
    let mut inputs = Vec::with_capacity(stage.inputs.len());
    for &id in &stage.inputs {
        inputs.push(feature(network, id)?);
        if id != network.input_map && writers[id.0 as usize].is_none() {
            return Err(internal("a map is read before it is written"));
        }
    }
    let output = feature(network, stage.output)?;
    let from_model = input_id == network.input_map;
    let conv = matches!(&stage.kind, StageKind::Integer(Integer { kind: IntegerKind::Conv { groups: 1, .. }, .. }));
    if from_model != (matches!(stage.kind, StageKind::Stem(_) | StageKind::Import) || from_model && conv)
        || stage.inputs.iter().skip(1).any(|&id| id == network.input_map)
    {
        return Err(internal("the model's input is read by the wrong kind of stage"));
    }
    if stage.output == network.input_map || writers[stage.output.0 as usize].replace(index).is_some() {
        return Err(internal("a map is written twice"));
    }
    check_epilogue(network, stage, &output)?;
    check_kind(stage, &inputs, &output)
}

fn check_epilogue(network: &Network, stage: &Stage, output: &FeatureMap) -> Result<(), Problem> {
    let Epilogue { add, activation, slopes, affine } = &stage.epilogue;
    known(*activation)?;
    let vectors = affine.iter().flat_map(|affine| [&affine.scale, &affine.offset]).chain(slopes);
    holds(vectors.into_iter().all(|vector| vector.len() == output.channels))?;
    if let Some(add) = add {
        holds(feature(network, *add)? == *output && stage.inputs.last() == Some(add))?;
    }
    if !stage.kind.takes_epilogue() && stage.epilogue != Epilogue::NONE {
        return Err(internal("the stage has an epilogue that its kernel has not"));
    }
    Ok(())
}

fn check_kind(stage: &Stage, inputs: &[FeatureMap], output: &FeatureMap) -> Result<(), Problem> {
    let input = &inputs[0];
    let operands = inputs.len() - usize::from(stage.epilogue.add.is_some());
    let same_size = |map: &FeatureMap| (map.height, map.width) == (output.height, output.width);
    let vector = |map: &FeatureMap| (map.height, map.width) == (1, 1);
    let profile = stage.kind.profile();
    let window = profile.window.unwrap_or(Window::ONE);
    match &stage.kind {
        StageKind::Concat => {}
        StageKind::Integer(integer) => {
            let channels = inputs.get(1).is_none_or(|second| second.channels == output.channels);
            let fits = |second: &FeatureMap| vector(second) || same_size(second);
            holds(match integer.kind {
                IntegerKind::Concat => true,
                IntegerKind::Add => operands == 2 && channels && inputs.get(1).is_some_and(same_size),
                IntegerKind::Scale => operands == 2 && channels && inputs.get(1).is_some_and(fits),
                _ => operands == 1,
            })?;
            holds(inputs.iter().chain([output]).all(|map| map.quant.is_some()))?;
        }
        StageKind::Scale => holds(operands == 2 && vector(&inputs[1]) && inputs[1].channels == output.channels)?,
        _ => holds(operands == 1)?,
    }
    if let Some(Filters { values, over, .. }) = profile.filters {
        let divides = |groups| input.channels.is_multiple_of(groups) && output.channels.is_multiple_of(groups);
        holds(!matches!(over, Over::Group(groups) if groups == 0 || !divides(groups)))?;
        holds(over != Over::Channel || input.channels == output.channels)?;
        holds(lengths(
            values.lens(),
            over.taps(&window, [input.height, input.width, input.channels]),
            output.channels,
        ))?;
    }
    let kept = input.channels == output.channels;
    holds(match profile.shape {
        Shape::Filtered => windowed(&window, input, output, false),
        Shape::Pooled => kept && windowed(&window, input, output, true),
        Shape::Mixed => same_size(input),
        Shape::Same => same_size(input) && kept,
        Shape::Mean => vector(output) && kept,
        Shape::Vector => vector(output),
        Shape::SameVector => {
            if !vector(input) {
                return Err(Problem::new("the operator can be compiled over a vector or an output only")
                    .expected("one pixel", format!("{} x {}", input.height, input.width)));
            }
            input == output
        }
        Shape::Joined => {
            let channels = inputs.iter().try_fold(0_usize, |sum, map| sum.checked_add(map.channels));
            inputs.iter().all(same_size) && channels == Some(output.channels)
        }
    })?;
    let (StageKind::Stem(conv) | StageKind::Conv(conv)) = &stage.kind else { return Ok(()) };
    holds(conv.pad_values.is_empty() || conv.pad_values.len() == input.channels)?;
    let stem = matches!(stage.kind, StageKind::Stem(_));
    holds(!stem || conv.groups == 1)?;
    if !stem && conv.pad_values.iter().any(|&v| v != 0.0) {
        return Err(Problem::new("a border that is not zero can be compiled for the first convolution only"));
    }
    Ok(())
}

fn product(factors: &[usize]) -> Option<usize> {
    factors.iter().try_fold(1_usize, |all, &factor| all.checked_mul(factor))
}

fn lengths([weights, biases]: [usize; 2], taps: Option<usize>, columns: usize) -> bool {
    biases == columns && taps.and_then(|t| t.checked_mul(columns)) == Some(weights)
}

/// Whether the window takes the input's size to the output's. A pool's may hang over the far border, but each begins and ends
/// where there is something to look at.
fn windowed(window: &Window, input: &FeatureMap, output: &FeatureMap, pool: bool) -> bool {
    let axis = |axis: usize, size: usize, result: usize| {
        let [kernel, stride, dilation] = [window.kernel[axis], window.stride[axis], window.dilation[axis]];
        let before = usize::try_from(window.pads[axis]).ok()?;
        let after = usize::try_from(window.pads[axis + 2]).ok()?;
        let span = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
        if stride == 0 || dilation == 0 {
            return None;
        }
        let last = result.checked_sub(1)?.checked_mul(stride)?;
        if pool {
            return Some(before < span && last < size.checked_add(before)?);
        }
        let padded = size.checked_add(before)?.checked_add(after)?;
        Some(padded.checked_sub(span)? / stride + 1 == result)
    };
    axis(0, input.height, output.height) == Some(true) && axis(1, input.width, output.width) == Some(true)
}
