//! What networks on codes need beyond others: who reads the model's input, in which order operands of sums are, packed layers,
//! and what links are told.

use super::codes::{self, Layer, Taps};
use super::lower::Lowering;
use super::pack::Section;
use super::{Codes, Element, Packing, Quant};
use crate::diagnostic::Problem;
use crate::graph::{self, DType};
use crate::network::integer::{Integer, IntegerKind};
use crate::network::{FeatureMap, MapId, Network, Over, Shape, Stage, StageKind, Values};
use std::rc::Rc;

/// Lets the first convolution read the model's input itself where it can; all else reads a map that the input is stored in.
/// Of two maps that are added, the first is the one written last; a layer over one pixel is a pointwise one.
pub(super) fn prepare(mut network: Network) -> Network {
    if network.maps.iter().any(|map| map.quant.is_some()) {
        let port = network.input_map;
        let quantised: Vec<usize> = (0..network.stages.len()).filter(|&i| quantises_input(&network, i)).collect();
        for stage in quantised.into_iter().rev() {
            quantise_in_reader(&mut network, stage);
        }
        if network.maps[port.0 as usize].quant.is_some() && !read_by_convolution(&network, port) {
            store_input(&mut network);
        }
        order_operands(&mut network);
        for index in 0..network.stages.len() {
            let stage = &mut network.stages[index];
            let FeatureMap { height, width, .. } = network.maps[stage.inputs[0].0 as usize];
            if let StageKind::Integer(Integer { kind, .. }) = &mut stage.kind
                && let (IntegerKind::Dense(weights), (1, 1)) = (&kind, (height, width))
            {
                *kind = IntegerKind::Pointwise(weights.clone());
            }
        }
    }
    network
}

fn quantises_input(network: &Network, stage: usize) -> bool {
    let stage = &network.stages[stage];
    matches!(stage.kind, StageKind::Quantise) && stage.inputs.first() == Some(&network.input_map)
}

/// Removes a stage that only quantises the model's input, where a convolution can do that as it reads; else it stores what it
/// reads.
fn quantise_in_reader(network: &mut Network, index: usize) {
    let (codes, port) = (network.stages[index].output, network.input_map);
    let alone = network.stages.iter().filter(|stage| stage.inputs.contains(&port)).count() == 1;
    if !alone || !read_by_convolution(network, codes) {
        network.stages[index].kind = StageKind::Import;
        return;
    }
    let quantise = network.stages.remove(index);
    network.maps[port.0 as usize].quant = network.maps[codes.0 as usize].quant;
    for stage in network.stages.iter_mut().filter(|stage| stage.inputs.contains(&codes)) {
        stage.inputs = vec![port];
        stage.origin.splice(0..0, quantise.origin.iter().cloned());
    }
}

/// Whether one convolution in one group reads a map, and nothing else does.
fn read_by_convolution(network: &Network, map: MapId) -> bool {
    let mut readers = network.stages.iter().filter(|stage| stage.inputs.contains(&map));
    let output = network.outputs.iter().flat_map(|output| &output.pieces).any(|piece| piece.map == map);
    let conv = |stage: &Stage| {
        matches!(&stage.kind, StageKind::Integer(Integer { kind: IntegerKind::Conv { groups: 1, .. }, .. }))
    };
    !output && readers.next().is_some_and(conv) && readers.next().is_none()
}

/// Puts a stage in front that stores the model's input in a map.
fn store_input(network: &mut Network) {
    let port = network.input_map;
    let stored = MapId(network.maps.len() as u32);
    network.maps.push(network.maps[port.0 as usize]);
    for input in network.stages.iter_mut().flat_map(|stage| &mut stage.inputs).filter(|input| **input == port) {
        *input = stored;
    }
    for piece in network.outputs.iter_mut().flat_map(|output| &mut output.pieces).filter(|piece| piece.map == port) {
        piece.map = stored;
    }
    let note = "the model's input is stored: what reads it is no convolution, or not alone".into();
    let (kind, epilogue) = (StageKind::Import, crate::network::Epilogue::NONE);
    let import = Stage { kind, inputs: vec![port], output: stored, epilogue, origin: Vec::new(), note };
    network.stages.insert(0, import);
}

/// A sum runs with what writes its first operand; so that is the later of the two.
fn order_operands(network: &mut Network) {
    let mut written = vec![0; network.maps.len()];
    for (index, stage) in network.stages.iter().enumerate() {
        written[stage.output.0 as usize] = index + 1;
    }
    for stage in &mut network.stages {
        if let (StageKind::Integer(Integer { kind: IntegerKind::Add, .. }), [a, b]) =
            (&stage.kind, &mut stage.inputs[..])
            && written[a.0 as usize] < written[b.0 as usize]
        {
            std::mem::swap(a, b);
        }
    }
}

/// Whether a stage is a convolution that reads the model's input itself.
pub(super) fn is_stem(network: &Network, stage: &Stage) -> bool {
    stage.inputs.first() == Some(&network.input_map) && !matches!(stage.kind, StageKind::Import)
}

/// The map that is added to what a stage computes, or on codes multiplied with it.
pub(super) fn added(network: &Network, stage: &Stage) -> Option<MapId> {
    match stage.kind {
        StageKind::Integer(Integer { kind: IntegerKind::Add, .. }) => stage.inputs.get(1).copied(),
        StageKind::Integer(Integer { kind: IntegerKind::Scale, .. }) if gate(network, stage).is_none() => {
            stage.inputs.get(1).copied()
        }
        _ => stage.epilogue.add,
    }
}

/// The vector that channels are multiplied with.
pub(super) fn gate(network: &Network, stage: &Stage) -> Option<MapId> {
    let scales = matches!(&stage.kind, StageKind::Scale | StageKind::Integer(Integer { kind: IntegerKind::Scale, .. }));
    let gate = stage.inputs.get(1).copied().filter(|_| scales)?;
    let FeatureMap { height, width, .. } = network.maps[gate.0 as usize];
    ((height, width) == (1, 1)).then_some(gate)
}

/// Type of a map's elements in the arena.
pub(super) fn element(map: &FeatureMap) -> Element {
    if map.quant.is_some() { Element::U8 } else { Element::F32 }
}

/// A number's codes as they lie in memory: unsigned, those of signed types with 128 added.
pub(super) fn stored(quant: graph::Quant) -> Quant {
    Quant { scale: quant.scale, zero: quant.zero + lift(quant) }
}

/// What is added to a code in memory.
pub(super) fn lift(quant: graph::Quant) -> i32 {
    if quant.dtype == DType::I8 { 128 } else { 0 }
}

/// How the codes of a map lie in memory, if it is one of codes.
pub(super) fn stored_in(map: &FeatureMap) -> Option<Quant> {
    map.quant.map(stored)
}

/// A layer on codes, packed.
#[derive(Clone)]
pub(super) struct Packed {
    pub bytes: Rc<[u8]>,
    /// As [`Codes::extras`].
    pub extras: usize,
}

/// Packs the layers on codes of a network: nothing for any other stage.
pub(super) fn pack(network: &Network, packing: Packing) -> Result<Vec<Option<Packed>>, Problem> {
    network.stages.iter().map(|stage| pack_stage(network, stage, packing)).collect()
}

fn pack_stage(network: &Network, stage: &Stage, packing: Packing) -> Result<Option<Packed>, Problem> {
    let profile = stage.kind.profile();
    let (Some(filters), StageKind::Integer(Integer { clamp, .. })) = (profile.filters, &stage.kind) else {
        return Ok(None);
    };
    let (from, to) = (network.maps[stage.inputs[0].0 as usize], network.maps[stage.output.0 as usize]);
    let (Values::Codes(weights), Some(input), Some(output)) = (filters.values, stored_in(&from), to.quant) else {
        return Ok(None);
    };
    let window = profile.window.unwrap_or(graph::Window::ONE);
    let [kh, kw] = if profile.shape == Shape::Vector { [from.height, from.width] } else { window.kernel };
    let positions = kh * kw;
    let (groups, strides) = match filters.over {
        Over::Channel => ([1, 1], [positions, 1]),
        Over::Group(groups) => ([from.channels / groups, to.channels / groups], [positions, 1]),
        Over::Map => ([from.channels, to.channels], [1, from.channels]),
    };
    let clamp = clamp.map(|code| code + lift(output));
    let layer = Layer { weights, groups, strides, input, output: stored(output), clamp };
    let node = stage.origin.first().map_or("", String::as_str);
    let at = |problem: Problem| problem.at(node, stage.kind.name());
    let sums = match (filters.over, is_stem(network, stage)) {
        (Over::Channel, _) => codes::pairs(&layer, positions),
        (_, true) => codes::sums(&layer, &Taps::of_rows([kh, kw], from.channels, window.dilation[1] != 1), packing),
        (_, false) => codes::sums(&layer, &Taps::of_map(positions, from.channels), packing),
    };
    let sums = sums.map_err(at)?;
    Ok(Some(Packed { extras: sums.extras, bytes: sums.into_bytes().into() }))
}

impl Lowering<'_, '_> {
    /// What a link on codes is told.
    pub fn codes(&mut self, stage: &Stage, extras: usize) -> Result<Option<Codes>, Problem> {
        let StageKind::Integer(Integer { kind, clamp }) = &stage.kind else { return Ok(None) };
        let network = self.shared.network;
        let map = |id: MapId| network.maps[id.0 as usize];
        let (from, to) = (map(stage.inputs[0]), map(stage.output));
        let (Some(input), Some(output)) = (stored_in(&from), to.quant) else {
            return Err(Problem::new("a stage on codes without a scale"));
        };
        let table = match kind {
            IntegerKind::Table(codes) => {
                let bytes = codes.iter().map(|&code| (i32::from(code) + lift(output)) as u8).collect();
                Some(self.section(Section::Packed(bytes)))
            }
            _ => None,
        };
        let second = added(network, stage).or(gate(network, stage)).and_then(|id| stored_in(&map(id)));
        let product = matches!(kind, IntegerKind::Scale);
        let clamp = clamp.map(|code| code + lift(output));
        Ok(Some(Codes { input, second, output: stored(output), clamp, product, table, extras }))
    }
}
