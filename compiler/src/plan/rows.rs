//! Rows in: the model's input read a row at a time as the first link needs it, never whole in memory.
//!
//! The row that the caller fills lies behind the staging rows of the first link, in the same buffer.

use super::{ImageSource, LinkOp, Op, Plan, stem_scratch_bytes};
use crate::network::{MapId, Network};

/// How an inference by rows reads the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsIn {
    /// The input, of which one row is in memory.
    pub image: ImageSource,
    /// Arena offset of the row that the caller fills, a multiple of 64.
    pub offset: usize,
}

impl RowsIn {
    /// Elements of a row, all channels.
    pub fn len(&self) -> usize {
        self.image.width * self.image.channels
    }

    /// Whether a row has no elements, which none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Plan {
    /// How an inference by rows reads the input.
    ///
    /// # Errors
    ///
    /// Why there is no such inference of this model.
    pub fn rows_in(&self) -> Result<RowsIn, String> {
        if let Some(why) = why_not(&self.network) {
            return Err(why);
        }
        if let Some(step) = self.steps.iter().find(|step| matches!(step.op, Op::Import { .. })) {
            return Err(format!("the input is stored as a whole map, {}", step.reason));
        }
        let link = self.links().find(|link| link.source().is_some()).ok_or("no convolution reads the input")?;
        let LinkOp::Stem { source, scratch, .. } = &link.op else {
            return Err("no convolution reads the input".into());
        };
        let image = *source.image();
        let staged = stem_scratch_bytes(image.channels, &link.window, link.output.width, link.codes.is_some());
        let offset = staged.and_then(|staged| scratch.checked_add(staged)).ok_or("its rows are too long")?;
        Ok(RowsIn { image, offset })
    }
}

/// What keeps any plan of a network from reading its input by rows.
pub(super) fn why_not(network: &Network) -> Option<String> {
    if network.batch > 1 {
        return Some(format!("{} images are computed at a time", network.batch));
    }
    let of_output = network.outputs.iter().flat_map(|output| &output.pieces).any(|piece| is_input(network, piece.map));
    let readers = network.stages.iter().flat_map(|stage| &stage.inputs).filter(|map| is_input(network, **map));
    match readers.count() {
        _ if of_output => Some("the input is an output, too".into()),
        1 => None,
        0 => Some("nothing reads the input".into()),
        count => Some(format!("{count} operands are the input, each of which would need its rows again")),
    }
}

fn is_input(network: &Network, map: MapId) -> bool {
    map == network.input_map
}

/// Bytes of the row that a caller fills, where the network can be read by rows.
pub(super) fn row_bytes(network: &Network, image: &ImageSource) -> usize {
    match why_not(network) {
        None => image.width.saturating_mul(image.channels).saturating_mul(image.element.bytes()),
        Some(_) => 0,
    }
}
