//! Whether a link or a step is what its stage says.

use super::Fault;
use super::memory::lanes;
use crate::graph::Window;
use crate::network::{self, FeatureMap, Network, Stage, StageKind};
use crate::plan::{Epilogue, ImageSource, Link, LinkOp, Source, UNIT};

/// Expected offsets of sections: one behind the other, in order of use, each aligned.
pub(super) struct Sections {
    pub next: usize,
}

impl Sections {
    /// The next section, of `rows` rows over so many columns.
    pub fn expect(&mut self, offset: usize, columns: usize, rows: usize) -> Result<(), Fault> {
        if offset != self.next {
            return Err(Fault::new(
                "weights that are not where they were packed",
                format!("{offset}, not {}", self.next),
            ));
        }
        let bytes = lanes(columns).checked_mul(rows).and_then(|n| n.checked_mul(size_of::<f32>()));
        let end = bytes.and_then(|bytes| bytes.checked_add(offset)).and_then(|end| end.checked_next_multiple_of(64));
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
pub(super) fn epilogue(of: &Epilogue, stage: &network::Epilogue, gate: bool) -> Result<(), Fault> {
    let same = of.activation == stage.activation
        && of.add.is_some() == stage.add.is_some()
        && of.slopes.is_some() == stage.slopes.is_some()
        && of.affine.is_some() == stage.affine.is_some()
        && of.gate.is_some() == gate;
    agree(same, "an epilogue that is not the stage's")
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
pub(super) fn link(link: &Link, network: &Network, stage: &Stage, sections: &mut Sections) -> Result<(), Fault> {
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
        StageKind::Dense(_) => Window { kernel: [input.height, input.width], ..UNIT },
        _ => profile.window.unwrap_or(UNIT),
    };
    agree(link.window == window, "a window that is not the stage's")?;
    if let LinkOp::Stem { source: from, scratch_bytes, .. } = &link.op {
        source(from, network)?;
        let bytes = staging(&window, input.channels, output.width);
        agree(bytes == Some(*scratch_bytes), "staging rows of the wrong size")?;
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

/// Bytes of the staging rows of a stem: as many as a window spans, each of all columns that the output's row looks at.
fn staging(window: &Window, channels: usize, columns: usize) -> Option<usize> {
    let reach = |axis: usize, steps: usize| {
        let far = (window.kernel[axis] - 1).checked_mul(window.dilation[axis])?;
        steps.checked_mul(window.stride[axis])?.checked_add(far)?.checked_add(1)
    };
    let row = reach(1, columns - 1)?.checked_mul(channels)?.checked_mul(size_of::<f32>())?;
    row.div_ceil(64).checked_mul(64)?.checked_mul(reach(0, 0)?)
}
