//! What in a network costs more than it need, or is likely not what was meant.

use super::Layer;
use crate::network::{Network, StageKind};
use crate::plan::padded_channels;

/// The kinds of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningKind {
    /// Floats between codes.
    FloatIsland,
    /// Channels that leave lanes idle.
    OddChannels,
    /// More border on one side than on the other.
    OddPadding,
}

impl WarningKind {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::FloatIsland => "float island",
            Self::OddChannels => "odd channels",
            Self::OddPadding => "odd padding",
        }
    }
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// The stages, indices in [`Network::stages`].
    pub stages: Vec<usize>,
    /// What is so.
    pub message: String,
    /// What it costs, and what would help.
    pub hint: String,
}

/// All warnings of a network, whose layers these are: one per float island, one for all layers of the other kinds.
pub fn warnings(network: &Network, layers: &[Layer]) -> Vec<Warning> {
    let mut warnings = float_islands(network);
    warnings.extend(odd_channels(layers));
    warnings.extend(odd_padding(layers));
    warnings
}

/// Stages on numbers that read codes and whose result becomes codes again.
fn float_islands(network: &Network) -> Vec<Warning> {
    let kind = |stage: usize| &network.stages[stage].kind;
    let converts = |stage: usize| matches!(kind(stage), StageKind::Quantise | StageKind::Dequantise);
    let on_codes = |stage: usize| matches!(kind(stage), StageKind::Integer(_));
    if !(0..network.stages.len()).any(on_codes) {
        return Vec::new();
    }
    let floats: Vec<usize> = (0..network.stages.len())
        .filter(|&stage| !converts(stage) && !on_codes(stage) && !matches!(kind(stage), StageKind::Import))
        .collect();
    let islands = floats.chunk_by(|&a, &b| (a + 1..b).all(|between| !on_codes(between) && !converts(between)));
    let warning = |island: &[usize]| {
        let names: Vec<&str> = island.iter().map(|&stage| kind(stage).profile().words).collect();
        let [first, last] = [island[0], island[island.len() - 1]];
        let (front, behind) = (first > 0 && converts(first - 1), last + 1 < network.stages.len() && converts(last + 1));
        let place = match (front, behind) {
            (true, true) => ", between codes",
            (true, false) => ", behind the codes",
            (false, true) => ", in front of the codes",
            (false, false) => "",
        };
        Warning {
            kind: WarningKind::FloatIsland,
            stages: island.to_vec(),
            message: format!("{} in floating point{place}", names.join(", ")),
            hint: "the maps take four bytes a value and are converted on the way; quantise these operators, too".into(),
        }
    };
    islands.map(warning).collect()
}

/// Maps of several pixels whose last block of 8 channels is not full: what is stored and computed beyond is never read.
fn odd_channels(layers: &[Layer]) -> Option<Warning> {
    let odd: Vec<&Layer> = layers
        .iter()
        .filter(|layer| !layer.output.channels.is_multiple_of(8) && layer.output.height * layer.output.width > 1)
        .collect();
    let worst = odd.iter().min_by(|a, b| fill(a).total_cmp(&fill(b)))?;
    let (channels, stored) = (worst.output.channels, padded_channels(worst.output.channels));
    Some(Warning {
        kind: WarningKind::OddChannels,
        stages: odd.iter().map(|layer| layer.stage).collect(),
        message: format!("{} whose channels are no multiple of 8", count(odd.len(), "map", "maps")),
        hint: format!(
            "channels are stored in blocks of 8: the worst has {channels} and takes the memory and time of {stored}"
        ),
    })
}

fn fill(layer: &Layer) -> f64 {
    layer.output.channels as f64 / padded_channels(layer.output.channels) as f64
}

/// Borders that differ between opposite sides.
fn odd_padding(layers: &[Layer]) -> Option<Warning> {
    let odd: Vec<&Layer> = layers
        .iter()
        .filter(|layer| {
            let [above, left, below, right] = layer.pads;
            above != below || left != right
        })
        .collect();
    let [above, left, below, right] = odd.first()?.pads;
    Some(Warning {
        kind: WarningKind::OddPadding,
        stages: odd.iter().map(|layer| layer.stage).collect(),
        message: format!("{} whose border is not the same on opposite sides", count(odd.len(), "layer", "layers")),
        hint: format!(
            "the first has {above} above and {below} below, {left} left and {right} right. TensorFlow pads so at an even \
             size and stride 2, PyTorch does not; it costs nothing here, but weights of one kind don't suit the other"
        ),
    })
}

fn count(n: usize, one: &str, several: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {several}") }
}
