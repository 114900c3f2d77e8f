//! Weights of layers on codes, packed; the layouts are documented in the [module above](super).

use super::{Quant, padded_channels};
use crate::diagnostic::Problem;
use crate::network::integer::IntegerWeights;

/// Bytes of a row of 16 words.
const ROW: usize = 64;

/// Which biases panels of sums have in front of their multipliers: each instruction set has its own way to multiply bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// All three, in the order of those below: whoever runs it chooses.
    #[default]
    Any,
    /// For unsigned codes times signed weights.
    Unsigned,
    /// For codes less 128.
    Signed,
    /// For magnitudes of weights times codes turned by their signs.
    Xor,
}

impl Packing {
    /// Rows in front of a panel's quads, the multipliers included.
    pub fn head(self) -> usize {
        if self == Self::Any { 4 } else { 2 }
    }
}

/// Where a filter's taps lie: of each byte of a panel's column, the channel and the position in the window, if there are any.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taps {
    /// In quads.
    at: Vec<Option<(usize, usize)>>,
}

impl Taps {
    /// Position by position, of channels in the order of a map's memory.
    pub fn of_map(positions: usize, channels: usize) -> Self {
        let lanes = padded_channels(channels);
        let at = (0..positions).flat_map(|tap| (0..lanes).map(move |c| (c < channels).then_some((c, tap))));
        Self { at: at.collect() }
    }

    /// Row by row of staged pixels; the columns of a row lie side by side where nothing is between them.
    pub fn of_rows([rows, columns]: [usize; 2], channels: usize, apart: bool) -> Self {
        let (runs, pixels) = if apart { (columns, 1) } else { (1, columns) };
        let length = pixels * channels;
        let run = move |first: usize| {
            (0..length.next_multiple_of(4)).map(move |i| (i < length).then(|| (i % channels, first + i / channels)))
        };
        Self { at: (0..rows * runs).flat_map(|r| run(r * pixels)).collect() }
    }

    /// Groups of four bytes.
    pub fn quads(&self) -> usize {
        self.at.len() / 4
    }
}

/// A layer's numbers before they are packed.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub weights: &'a IntegerWeights,
    /// Channels under a filter, and filters that go over the same ones.
    pub groups: [usize; 2],
    /// Elements of a column's weights from one channel to the next, and from one position to the next.
    pub strides: [usize; 2],
    /// How the input's codes in memory stand for numbers, and the output's.
    pub input: Quant,
    pub output: Quant,
    /// Bounds of the output's codes in memory.
    pub clamp: [i32; 2],
}

impl Layer<'_> {
    fn columns(&self) -> usize {
        self.weights.bias.len()
    }

    /// What is left of the zero point of a weight.
    fn weight(&self, column: usize, (channel, tap): (usize, usize)) -> i32 {
        let [read, written] = self.groups;
        let Some(channel) = channel.checked_sub(column / written * read).filter(|&c| c < read) else { return 0 };
        let taps = self.weights.codes.len() / self.columns();
        let at = column * taps + channel * self.strides[0] + tap * self.strides[1];
        i32::from(self.weights.codes[at]) - self.weights.zeros[column]
    }

    /// A filter's weights.
    fn filter(&self, column: usize) -> impl Iterator<Item = i64> {
        let taps = self.weights.codes.len() / self.columns();
        let codes = &self.weights.codes[column * taps..(column + 1) * taps];
        let zero = i64::from(self.weights.zeros[column]);
        codes.iter().map(move |&code| i64::from(code) - zero)
    }

    /// The bias that goes with codes as they are in memory, so that no sum leaves 32 bits: where the model's own might, one with
    /// which all sums that there can be become the same code.
    fn bias(&self, column: usize) -> Result<i32, Problem> {
        let (mut all, mut least, mut most) = (0, 0, 0);
        for weight in self.filter(column) {
            all += weight;
            least += weight.min(0) * 255;
            most += weight.max(0) * 255;
        }
        let bias = i64::from(self.weights.bias[column]) - i64::from(self.input.zero) * all;
        let (lowest, highest) = (i64::from(i32::MIN) - least, i64::from(i32::MAX) - most);
        let within = bias.clamp(lowest, highest.max(lowest));
        let [lo, hi] = self.clamp.map(|bound| (bound - self.output.zero) as f32);
        let code = |sum: i64| (sum as f32 * self.weights.multipliers[column]).max(lo).min(hi);
        let ends = [bias + least, bias + most, within + least, within + most].map(code);
        match within == bias || ends.iter().all(|&end| end == ends[0]) {
            true => i32::try_from(within).map_err(|_| self.overflow(column)),
            false => Err(self.overflow(column)),
        }
    }

    fn overflow(&self, column: usize) -> Problem {
        Problem::new(format!("sums of output channel {column} don't fit 32 bits"))
            .expected("a bias and weights whose sum stays inside", format!("a bias of {}", self.weights.bias[column]))
            .hint("quantise the layer again; a bias this large belongs to a channel whose weights are all but zero")
    }
}

/// Panels of 16 columns.
pub(super) struct Sums {
    bytes: Vec<u8>,
    /// As [`Codes::extras`](super::Codes::extras).
    pub extras: usize,
}

/// Packs a layer whose filters go over channels.
pub(super) fn sums(layer: &Layer, taps: &Taps, packing: Packing) -> Result<Sums, Problem> {
    let panels = layer.columns().div_ceil(16);
    let mut parts = Vec::with_capacity(panels);
    for panel in 0..panels {
        parts.push(Panel::new(layer, taps, panel * 16, packing)?);
    }
    let extras = parts.iter().map(|panel| panel.extras.len()).max().unwrap_or(0);
    let mut bytes = Vec::new();
    for panel in &parts {
        panel.write(&mut bytes, extras);
    }
    Ok(Sums { bytes, extras })
}

impl Sums {
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Sixteen columns of four taps.
type Quad = [i8; ROW];

struct Panel {
    head: Vec<[u8; ROW]>,
    quads: Vec<Quad>,
    /// With the number of the quad that each adds to.
    extras: Vec<(u16, Quad)>,
}

impl Panel {
    fn new(layer: &Layer, taps: &Taps, first: usize, packing: Packing) -> Result<Self, Problem> {
        let columns = first..(first + 16).min(layer.columns());
        let mut panel =
            Self { head: vec![[0; ROW]; packing.head()], quads: Vec::with_capacity(taps.quads()), extras: Vec::new() };
        for (number, at) in taps.at.chunks(4).enumerate() {
            let mut rest = [0_i32; ROW];
            for (lane, column) in columns.clone().enumerate() {
                for (rest, &tap) in rest[lane * 4..].iter_mut().zip(at) {
                    *rest = tap.map_or(0, |tap| layer.weight(column, tap));
                }
            }
            panel.quads.push(split(&mut rest));
            while rest.iter().any(|&part| part != 0) {
                let number = u16::try_from(number).map_err(|_| {
                    Problem::new("a layer with weights of 9 bits and too many taps")
                        .expected("at most 262,144 taps of a filter", format!("{}", taps.at.len()))
                })?;
                panel.extras.push((number, split(&mut rest)));
            }
        }
        for (lane, column) in columns.enumerate() {
            let bias = layer.bias(column)?;
            let stored = || panel.quads.iter().chain(panel.extras.iter().map(|(_, quad)| quad));
            let weights = || stored().flat_map(|quad| &quad[lane * 4..lane * 4 + 4]).map(|&w| i32::from(w));
            let signed = bias.wrapping_add(weights().sum::<i32>().wrapping_mul(128));
            let xor = signed.wrapping_sub(weights().map(|w| w.min(0)).sum());
            let multiplier = layer.weights.multipliers[column];
            let biases = match packing {
                Packing::Any => vec![bias, signed, xor],
                Packing::Unsigned => vec![bias],
                Packing::Signed => vec![signed],
                Packing::Xor => vec![xor],
            };
            let words = biases.into_iter().map(i32::to_le_bytes).chain([multiplier.to_le_bytes()]);
            for (row, word) in panel.head.iter_mut().zip(words) {
                row[lane * 4..lane * 4 + 4].copy_from_slice(&word);
            }
        }
        Ok(panel)
    }

    fn write(&self, bytes: &mut Vec<u8>, extras: usize) {
        bytes.extend(self.head.as_flattened());
        let none = (0, [0; ROW]);
        let extra = || self.extras.iter().chain(std::iter::repeat(&none)).take(extras);
        for quad in self.quads.iter().chain(extra().map(|(_, quad)| quad)) {
            bytes.extend(quad.iter().map(|&w| w.cast_unsigned()));
        }
        bytes.extend(extra().flat_map(|(number, _)| number.to_le_bytes()));
        bytes.resize(bytes.len().next_multiple_of(ROW), 0);
    }
}

/// What fits 8 bits of each, taken off.
fn split(rest: &mut [i32; ROW]) -> Quad {
    let mut quad = [0; ROW];
    for (part, rest) in quad.iter_mut().zip(rest) {
        let fits = (*rest).clamp(i8::MIN.into(), i8::MAX.into());
        *part = fits as i8;
        *rest -= fits;
    }
    quad
}

/// Panels of 16 channels of a depthwise convolution: biases, multipliers, then taps in pairs of bytes; all taps once more for
/// each further part of weights that need more than 8 bits.
pub(super) fn pairs(layer: &Layer, taps: usize) -> Result<Sums, Problem> {
    let mut rounds = Vec::new();
    let mut rest: Vec<i32> =
        (0..layer.columns() * taps).map(|i| layer.weight(i / taps, (i / taps, i % taps))).collect();
    while rounds.is_empty() || rest.iter().any(|&part| part != 0) {
        rounds.push(rest.iter().map(|part| part.clamp(&-128, &127)).copied().collect::<Vec<i32>>());
        rest.iter_mut().zip(rounds.last().into_iter().flatten()).for_each(|(rest, part)| *rest -= part);
    }
    let mut bytes = Vec::new();
    for first in (0..layer.columns()).step_by(16) {
        let columns = first..(first + 16).min(layer.columns());
        let mut head = [[0; ROW]; 2];
        for (lane, column) in columns.clone().enumerate() {
            let words = [layer.bias(column)?.to_le_bytes(), layer.weights.multipliers[column].to_le_bytes()];
            for (row, word) in head.iter_mut().zip(words) {
                row[lane * 4..lane * 4 + 4].copy_from_slice(&word);
            }
        }
        bytes.extend(head.as_flattened());
        for round in &rounds {
            for pair in 0..taps.div_ceil(2) {
                for column in first..first + 16 {
                    let part = |tap: usize| {
                        if column < columns.end && tap < taps { round[column * taps + tap] as u8 } else { 0 }
                    };
                    bytes.extend([part(2 * pair), part(2 * pair + 1)]);
                }
            }
        }
    }
    Ok(Sums { bytes, extras: rounds.len() - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::DType;

    const INPUT: Quant = Quant { scale: 0.5, zero: 3 };

    fn weights(columns: usize, codes: Vec<i16>, zero: i32, bias: i32) -> IntegerWeights {
        IntegerWeights {
            element: DType::U8,
            codes: codes.into(),
            zeros: vec![zero; columns].into(),
            scales: vec![1.0; columns].into(),
            bias: vec![bias; columns].into(),
            multipliers: vec![0.25; columns].into(),
        }
    }

    fn layer(weights: &IntegerWeights, groups: [usize; 2], strides: [usize; 2]) -> Layer<'_> {
        Layer { weights, groups, strides, input: INPUT, output: INPUT, clamp: [0, 255] }
    }

    fn panel_bytes(quads: usize, extras: usize) -> usize {
        (4 + quads + extras) * ROW + (extras * 2).next_multiple_of(ROW)
    }

    fn word(bytes: &[u8], at: usize) -> i32 {
        i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    /// The sum of a column over codes by position, from what is packed, in all three forms.
    fn forms(packed: &[u8], quads: usize, extras: usize, column: usize, codes: &[u8]) -> [i32; 3] {
        const HEAD: usize = 4;
        let panel = panel_bytes(quads, extras);
        let (panel, lane) = (&packed[column / 16 * panel..][..panel], column % 16);
        let mut sums = [0, ROW, 2 * ROW].map(|row| word(panel, row + lane * 4));
        for i in 0..quads + extras {
            let number = match i.checked_sub(quads) {
                None => i,
                Some(extra) => {
                    let at = (HEAD + quads + extras) * ROW + extra * 2;
                    u16::from_le_bytes(panel[at..at + 2].try_into().unwrap()).into()
                }
            };
            for j in 0..4 {
                let w = panel[(HEAD + i) * ROW + lane * 4 + j].cast_signed();
                let x = codes[number * 4 + j];
                let turned = (x ^ if w < 0 { 0x7f } else { 0x80 }).cast_signed();
                let factors =
                    [(x.into(), w.into()), (i32::from(x) - 128, w.into()), (turned.into(), i32::from(w).abs())];
                for (sum, (x, w)) in sums.iter_mut().zip(factors) {
                    *sum = sum.wrapping_add(x * w);
                }
            }
        }
        sums
    }

    #[test]
    fn every_form_gives_the_sum_of_products() {
        let (columns, channels, taps) = (19, 6, 2);
        let codes = |i: usize| ((i * 89 + 7) % 256) as i16;
        for zero in [128, 0, 255, 20] {
            let weights = weights(columns, (0..columns * channels * taps).map(codes).collect(), zero, 1000);
            let layer = layer(&weights, [channels, columns], [taps, 1]);
            let order = Taps::of_map(taps, channels);
            let packed = sums(&layer, &order, Packing::Any).unwrap();
            assert_eq!(packed.extras > 0, zero != 128);
            let extras = packed.extras;
            let bytes = packed.into_bytes();
            for (row, packing) in [Packing::Unsigned, Packing::Signed, Packing::Xor].into_iter().enumerate() {
                let alone = sums(&layer, &order, packing).unwrap().into_bytes();
                assert_eq!(
                    [&alone[..ROW], &alone[ROW..3 * ROW]],
                    [&bytes[row * ROW..(row + 1) * ROW], &bytes[3 * ROW..5 * ROW]]
                );
            }
            assert_eq!(bytes.len(), 2 * panel_bytes(order.quads(), extras));
            // Lanes beyond the channels hold anything.
            let x: Vec<u8> = (0..taps * 8).map(|i| (i * 101 + 255) as u8).collect();
            for column in 0..columns {
                let products = (0..channels * taps).map(|i| {
                    let (c, tap) = (i / taps, i % taps);
                    let w = i32::from(codes(column * channels * taps + i)) - zero;
                    (i32::from(x[tap * 8 + c]) - INPUT.zero) * w
                });
                let sum = 1000 + products.sum::<i32>();
                assert_eq!(forms(&bytes, order.quads(), extras, column, &x), [sum; 3], "zero {zero}, column {column}");
            }
        }
    }

    #[test]
    fn rows_lie_side_by_side_or_apart() {
        // 3 columns of 3 channels: 9 bytes, 3 quads; apart: 3 bytes each, a quad each.
        let close = Taps::of_rows([2, 3], 3, false);
        assert_eq!((close.quads(), close.at[8], close.at[9]), (6, Some((2, 2)), None));
        assert_eq!(close.at[12], Some((0, 3)));
        let apart = Taps::of_rows([2, 3], 3, true);
        assert_eq!((apart.quads(), apart.at[3], apart.at[4]), (6, None, Some((0, 1))));
    }

    #[test]
    fn groups_are_zero_outside_their_own() {
        // 4 filters in 2 groups over 4 channels, 1 tap.
        let weights = weights(4, (1..=8).collect(), 0, 0);
        let layer = layer(&weights, [2, 2], [1, 1]);
        let row = |column| (0..4).map(|c| layer.weight(column, (c, 0))).collect::<Vec<_>>();
        assert_eq!([row(0), row(1), row(2), row(3)], [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]]);
    }

    #[test]
    fn depthwise_taps_come_in_pairs() {
        let weights = weights(17, (0..17 * 9).collect(), 5, 70);
        let layer = layer(&weights, [1, 1], [9, 1]);
        let packed = pairs(&layer, 9).unwrap();
        assert_eq!(packed.extras, 1);
        let bytes = packed.into_bytes();
        let panel = 2 * ROW + 2 * 5 * 32;
        assert_eq!(bytes.len(), 2 * panel);
        let part = |round: usize, column: usize, tap: usize| {
            let at = column / 16 * panel + 2 * ROW + (round * 5 + tap / 2) * 32 + column % 16 * 2 + tap % 2;
            i32::from(bytes[at].cast_signed())
        };
        for (column, tap) in (0..17 * 9).map(|i| (i / 9, i % 9)) {
            assert_eq!(part(0, column, tap) + part(1, column, tap), (column * 9 + tap) as i32 - 5);
        }
        assert_eq!((part(0, 2, 9), part(1, 16, 9), part(0, 17, 0)), (0, 0, 0));
        let sum: i32 = (0..9).map(|tap| 9 + tap - 5).sum();
        assert_eq!(word(&bytes, 4), 70 - 3 * sum);
    }

    #[test]
    fn a_bias_that_saturates_is_moved_inside() {
        // A dead channel: no sum comes back from the upper bound.
        let mut dead = weights(1, vec![129, 127], 128, i32::MAX - 100);
        let packed = sums(&layer(&dead, [2, 1], [1, 1]), &Taps::of_map(1, 2), Packing::Any).unwrap().into_bytes();
        assert_eq!(word(&packed, 0), i32::MAX - 255);
        // One whose code still depends on its sum.
        dead.multipliers = vec![1e-9].into();
        dead.codes = vec![255; 70_000].into();
        dead.zeros = vec![0].into();
        let problem =
            sums(&layer(&dead, [70_000, 1], [1, 1]), &Taps::of_map(1, 70_000), Packing::Any).map(|_| ()).unwrap_err();
        assert!(problem.to_string().contains("32 bits"), "{problem}");
    }
}
