//! Whether a link or a step is what its stage says.

use super::Fault;
use super::memory::lanes;
use crate::graph::DType;
use crate::graph::Window;
use crate::network::integer::{Integer, IntegerKind, IntegerWeights};
use crate::network::{self, FeatureMap, MapId, Network, Over, Stage, StageKind, Values};
use crate::plan::{Codes, Element, Epilogue, ImageSource, Link, LinkOp, Packing, Plan, Quant, Source, UNIT};

/// Expected offsets of sections: one behind the other, in order of use, each aligned.
pub(super) struct Sections {
    pub next: usize,
}

impl Sections {
    /// The next section, of `rows` rows over so many columns.
    pub fn expect(&mut self, offset: usize, columns: usize, rows: usize) -> Result<(), Fault> {
        let bytes = lanes(columns).checked_mul(rows).and_then(|n| n.checked_mul(size_of::<f32>()));
        self.bytes(offset, bytes.unwrap_or(usize::MAX))
    }

    /// The next section, of so many bytes.
    pub fn bytes(&mut self, offset: usize, bytes: usize) -> Result<(), Fault> {
        if offset != self.next {
            return Err(Fault::new(
                "weights that are not where they were packed",
                format!("{offset}, not {}", self.next),
            ));
        }
        let end = bytes.checked_add(offset).and_then(|end| end.checked_next_multiple_of(64));
        self.next = end.ok_or_else(|| Fault::new("weights larger than an address space", format!("{offset}")))?;
        Ok(())
    }

    /// Slopes and affine vectors.
    pub fn epilogue(&mut self, epilogue: &Epilogue, channels: usize) -> Result<(), Fault> {
        epilogue.slopes.map_or(Ok(()), |offset| self.expect(offset, channels, 1))?;
        epilogue.affine.map_or(Ok(()), |offset| self.expect(offset, channels, 2))
    }
}

fn agree(condition: bool, what: &'static str) -> Result<(), Fault> {
    if condition { Ok(()) } else { Err(Fault::new(what, String::new())) }
}

/// The map of a network in the numbers of a plan.
pub(super) fn shape(map: FeatureMap) -> [usize; 3] {
    [map.height, map.width, map.channels]
}

/// Whether what is done to each value is what the stage says; nothing at all where the rest follows in another step.
pub(super) fn epilogue(of: &Epilogue, stage: &network::Epilogue, [add, gate]: [bool; 2]) -> Result<(), Fault> {
    let same = of.activation == stage.activation
        && of.add.is_some() == add
        && of.slopes.is_some() == stage.slopes.is_some()
        && of.affine.is_some() == stage.affine.is_some()
        && of.gate.is_some() == gate;
    agree(same, "an epilogue that is not the stage's")
}

/// How the codes of a map lie in memory: unsigned, whatever their type.
pub(super) fn quant(network: &Network, id: MapId) -> Option<Quant> {
    let of = network.maps[id.0 as usize].quant?;
    let zero = if of.dtype == DType::I8 { of.zero + 128 } else { of.zero };
    Some(Quant { scale: of.scale, zero })
}

/// The type of a map's elements in memory.
pub(super) fn element(network: &Network, id: MapId) -> Element {
    quant(network, id).map_or(Element::F32, |_| Element::U8)
}

/// Whether codes become numbers, or numbers codes, as the stage says.
pub(super) fn converted(network: &Network, stage: &Stage, codes: Quant) -> Result<(), Fault> {
    let ends = (quant(network, stage.inputs[0]), quant(network, stage.output));
    let wanted = match stage.kind {
        StageKind::Quantise => (None, Some(codes)),
        _ => (Some(codes), None),
    };
    agree(ends == wanted, "codes that stand for other numbers")
}

/// The map that a stage's link adds or multiplies with, and whether it has a gate.
pub(super) fn operands(network: &Network, stage: &Stage) -> (Option<MapId>, bool) {
    let vector = |id: MapId| shape(network.maps[id.0 as usize])[..2] == [1, 1];
    match (&stage.kind, &stage.inputs[..]) {
        (StageKind::Scale, _) => (stage.epilogue.add, true),
        (StageKind::Integer(Integer { kind: IntegerKind::Add, .. }), &[_, second]) => (Some(second), false),
        (StageKind::Integer(Integer { kind: IntegerKind::Scale, .. }), &[_, second]) => match vector(second) {
            true => (None, true),
            false => (Some(second), false),
        },
        _ => (stage.epilogue.add, false),
    }
}

/// Whether a link's codes are its stage's.
fn codes(of: &Codes, network: &Network, stage: &Stage, integer: &Integer) -> Result<(), Fault> {
    let lift = if network.maps[stage.output.0 as usize].element == DType::I8 { 128 } else { 0 };
    let second = stage.inputs.get(1).and_then(|&id| quant(network, id));
    let same = Some(of.input) == quant(network, stage.inputs[0])
        && Some(of.output) == quant(network, stage.output)
        && of.second == second
        && of.clamp == integer.clamp.map(|code| code + lift)
        && of.clamp.iter().all(|code| (0..256).contains(code))
        && of.product == matches!(integer.kind, IntegerKind::Scale)
        && of.table.is_some() == matches!(integer.kind, IntegerKind::Table(_));
    agree(same, "codes that stand for other numbers")
}

/// Whether a source is the model's input.
pub(super) fn source(of: &Source, network: &Network) -> Result<(), Fault> {
    let Source::Image(ImageSource { height, width, channels, layout, element }) = *of;
    let map = network.maps[network.input_map.0 as usize];
    let port = &network.input;
    let same = [height, width, channels] == shape(map) && layout == port.layout && element.name() == port.dtype.name();
    agree(same, "a source that is not the model's input")
}

/// Whether a link computes its stage (all but the epilogue), and where its weights are.
pub(super) fn link(link: &Link, plan: &Plan, stage: &Stage, sections: &mut Sections) -> Result<(), Fault> {
    let Plan { network, packing, .. } = plan;
    let (input, output) = (network.maps[stage.inputs[0].0 as usize], network.maps[stage.output.0 as usize]);
    agree(link.output.shape() == shape(output), "a result of another shape than the stage's")?;
    match (&link.op, &link.input) {
        (LinkOp::Stem { .. }, None) => {}
        (LinkOp::Stem { .. }, Some(_)) | (_, None) => agree(false, "a link that reads the wrong thing")?,
        (_, Some(map)) => agree(map.shape() == shape(input), "an input of another shape than the stage's")?,
    }
    if let Some(what) = link.op.differs(&stage.kind) {
        agree(false, what)?;
    }
    let profile = stage.kind.profile();
    let window = match stage.kind {
        StageKind::Dense(_) | StageKind::Integer(Integer { kind: IntegerKind::Dense(_), .. }) => {
            Window { kernel: [input.height, input.width], ..UNIT }
        }
        _ => profile.window.unwrap_or(UNIT),
    };
    agree(link.window == window, "a window that is not the stage's")?;
    if let LinkOp::Stem { source: from, scratch_bytes, .. } = &link.op {
        source(from, network)?;
        let bytes = staging(&window, input.channels, output.width, link.codes.is_some());
        let row = if network.batch > 1 || !read_once(network) { 0 } else { row(from) };
        agree(
            bytes.and_then(|bytes| bytes.checked_add(row)) == Some(*scratch_bytes),
            "staging rows of the wrong size",
        )?;
    }
    agree(link.codes.is_some() == matches!(stage.kind, StageKind::Integer(_)), "codes where the stage has numbers")?;
    let stem = matches!(link.op, LinkOp::Stem { .. });
    if let (Some(of), StageKind::Integer(integer)) = (&link.codes, &stage.kind) {
        codes(of, network, stage, integer)?;
        if let (Some(filters), Some(offset)) = (&profile.filters, link.weights) {
            let [kh, kw] = window.kernel;
            let quads = match stem {
                false => lanes(input.channels) / 4 * kh * kw,
                true if window.dilation[1] == 1 => kh * (kw * input.channels).div_ceil(4),
                true => kh * kw * input.channels.div_ceil(4),
            };
            let whole = filters.over != Over::Channel || of.extras.checked_add(1) == Some(parts(filters.values));
            agree(whole, "other parts of weights than there are")?;
            let head = if *packing == Packing::Any { 4 } else { 2 };
            let panel = match filters.over {
                Over::Channel => (kh * kw)
                    .div_ceil(2)
                    .saturating_mul(of.extras.saturating_add(1))
                    .saturating_mul(32)
                    .saturating_add(128),
                _ => [quads, of.extras, of.extras.div_ceil(32)]
                    .into_iter()
                    .fold(head, usize::saturating_add)
                    .saturating_mul(64),
            };
            sections.bytes(offset, output.channels.div_ceil(16).saturating_mul(panel))?;
        }
        agree(profile.filters.is_some() == link.weights.is_some(), "weights of what has none, or none")?;
        agree(profile.filters.is_some() || of.extras == 0, "second parts of weights that are whole")?;
        return of.table.map_or(Ok(()), |table| sections.bytes(table, 256));
    }
    match (profile.filters, link.weights) {
        (Some(filters), Some(offset)) => {
            let rows = filters.over.taps(&window, shape(input)).and_then(|taps| taps.checked_add(1));
            sections.expect(offset, output.channels, rows.unwrap_or(usize::MAX))
        }
        (None, None) => Ok(()),
        (Some(_), None) => agree(false, "no weights"),
        (None, Some(_)) => agree(false, "weights of what has none"),
    }
}

/// Bytes that the widest weight is the sum of.
fn parts(values: Values) -> usize {
    let Values::Codes(IntegerWeights { codes, zeros, .. }) = values else { return 0 };
    let taps = codes.len() / zeros.len().max(1);
    let weights = codes.iter().enumerate().map(|(at, &code)| i32::from(code) - zeros[at / taps]);
    let of = |weight: i32| if weight < 0 { (weight + 1) / -128 } else { (weight - 1) / 127 } + 1;
    weights.map(|weight| of(weight) as usize).max().unwrap_or(1)
}

/// Bytes of a row of the model's input.
fn row(source: &Source) -> usize {
    let ImageSource { width, channels, element, .. } = *source.image();
    [channels, element.bytes()].into_iter().fold(width, usize::saturating_mul)
}

/// Whether the model's input is read by one stage and nothing else.
fn read_once(network: &Network) -> bool {
    let reads = network.stages.iter().flat_map(|stage| &stage.inputs);
    let puts = network.outputs.iter().flat_map(|output| output.pieces.iter().map(|piece| &piece.map));
    reads.chain(puts).filter(|&&map| map == network.input_map).count() == 1
}

/// Bytes of the staging rows of a stem: as many as a window spans, each of all columns that the output's row looks at.
fn staging(window: &Window, channels: usize, columns: usize, codes: bool) -> Option<usize> {
    let reach = |axis: usize, steps: usize| {
        let far = (window.kernel[axis] - 1).checked_mul(window.dilation[axis])?;
        steps.checked_mul(window.stride[axis])?.checked_add(far)?.checked_add(1)
    };
    let row = reach(1, columns - 1)?.checked_mul(channels)?;
    let row = if codes { row.checked_add(4)? } else { row.checked_mul(size_of::<f32>())? };
    row.div_ceil(64).checked_mul(64)?.checked_mul(reach(0, 0)?)
}
