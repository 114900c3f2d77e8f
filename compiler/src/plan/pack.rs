//! Weights into panels; the layouts are documented in the [module above](super). Plain loops over chunks, one pass over the
//! data: macros run this unoptimised on millions of elements.

use super::{Element, Map, padded_channels};
use crate::network::{Filters, Layout, Over, Values};
use std::rc::Rc;

/// Alignment of a section, and bytes of one full panel row.
const ROW: usize = 64;

/// Weights of one kernel, not yet packed.
pub(super) enum Section<'a> {
    /// `[N][K]` and `[N]`: pointwise, depthwise (channels as N, taps as K), dense over a vector.
    Matrix { weights: &'a [f32], bias: &'a [f32], taps: usize },
    /// `[N][C][kh][kw]` and `[N]`, of a convolution over an input in this axis order.
    Conv { weights: &'a [f32], bias: &'a [f32], kernel: [usize; 2], channels: usize, layout: Layout },
    /// `[N][H][W][C]` and `[N]` over a map, put in the order of its memory. C is a multiple of 8: no lane is padding.
    Dense { weights: &'a [f32], bias: &'a [f32], input: Map },
    /// Vectors of one length behind each other, each with padding lanes: what an epilogue reads.
    Vectors(Vec<&'a [f32]>),
    /// As it is: layers on codes and tables.
    Packed(Rc<[u8]>),
}

impl<'a> Section<'a> {
    /// Filters of so many taps each, of a kernel in so many channels where these are the product of both.
    /// Nothing of codes, which are packed before any plan is drawn.
    pub fn filters(filters: &Filters<'a>, kernel: [usize; 2], taps: usize, layout: Layout) -> Option<Self> {
        let Values::Floats { weights, bias } = filters.values else { return None };
        Some(match (filters.over, kernel[0] * kernel[1]) {
            (Over::Group(_), area) if area > 1 => Self::Conv { weights, bias, kernel, channels: taps / area, layout },
            _ => Self::Matrix { weights, bias, taps },
        })
    }
}

impl Section<'_> {
    fn columns(&self) -> usize {
        match self {
            Self::Matrix { bias, .. } | Self::Dense { bias, .. } | Self::Conv { bias, .. } => bias.len(),
            Self::Vectors(vectors) => vectors.first().map_or(0, |vector| vector.len()),
            Self::Packed(_) => 0,
        }
    }

    fn taps(&self) -> usize {
        match self {
            Self::Matrix { taps, .. } => *taps,
            Self::Conv { kernel: [kh, kw], channels, .. } => channels * kh * kw,
            Self::Dense { input, .. } => input.height * input.width * input.channels,
            Self::Vectors(_) | Self::Packed(_) => 0,
        }
    }

    /// Rows of a panel: the bias and the taps.
    fn rows(&self) -> Option<usize> {
        match self {
            Self::Vectors(vectors) => Some(vectors.len()),
            _ => self.taps().checked_add(1),
        }
    }

    fn bytes(&self) -> Option<usize> {
        if let Self::Packed(bytes) = self {
            return Some(bytes.len());
        }
        padded_channels(self.columns()).checked_mul(Element::F32.bytes())?.checked_mul(self.rows()?)
    }

    fn fill(&self, section: &mut [u8]) {
        let taps = self.taps();
        match self {
            Self::Matrix { weights, bias, .. } => {
                panels(section, bias, taps, |n, row, lane, panel| {
                    for (tap, weight) in panel.chunks_exact_mut(row).zip(&weights[n * taps..(n + 1) * taps]) {
                        tap[lane..lane + 4].copy_from_slice(&weight.to_le_bytes());
                    }
                });
            }
            Self::Conv { weights, bias, kernel, channels, layout } => {
                scatter(section, bias, weights, &conv_order(*kernel, *channels, *layout));
            }
            Self::Packed(bytes) => section.copy_from_slice(bytes),
            Self::Vectors(vectors) => {
                let padded = section.len() / vectors.len().max(1);
                for (part, vector) in section.chunks_mut(padded.max(1)).zip(vectors) {
                    for (at, value) in part.chunks_exact_mut(4).zip(*vector) {
                        at.copy_from_slice(&value.to_le_bytes());
                    }
                }
            }
            Self::Dense { weights, bias, input } => scatter(section, bias, weights, &memory_order(input)),
        }
    }
}

/// Packs the sections one behind the other. Offsets per section and the blob, or nothing where the size overflows.
pub(super) fn pack(sections: &[Section]) -> Option<(Vec<usize>, Vec<u8>)> {
    let mut offsets = Vec::with_capacity(sections.len());
    let mut total = 0_usize;
    for section in sections {
        offsets.push(total);
        total = total.checked_add(section.bytes()?)?.checked_next_multiple_of(ROW)?;
    }
    if total > isize::MAX as usize {
        return None;
    }
    let mut blob = vec![0; total];
    for (section, &offset) in sections.iter().zip(&offsets) {
        section.fill(&mut blob[offset..offset + section.bytes()?]);
    }
    Some((offsets, blob))
}

/// Writes the bias row of each panel and hands `column(n, row_bytes, lane_byte, tap_rows)` each of its columns.
fn panels(section: &mut [u8], bias: &[f32], taps: usize, column: impl Fn(usize, usize, usize, &mut [u8])) {
    for (panel, biases) in section.chunks_mut(ROW * (1 + taps)).zip(bias.chunks(16).enumerate()) {
        let (p, biases) = biases;
        let row = panel.len() / (1 + taps);
        for (i, value) in biases.iter().enumerate() {
            let lane = i * 4;
            panel[lane..lane + 4].copy_from_slice(&value.to_le_bytes());
            column(p * 16 + i, row, lane, &mut panel[row..]);
        }
    }
}

/// Panels whose tap `order[i]` is element `i` of a column's weights.
fn scatter(section: &mut [u8], bias: &[f32], weights: &[f32], order: &[usize]) {
    let taps = order.len();
    panels(section, bias, taps, |n, row, lane, panel| {
        for (&tap, weight) in order.iter().zip(&weights[n * taps..(n + 1) * taps]) {
            let at = tap * row + lane;
            panel[at..at + 4].copy_from_slice(&weight.to_le_bytes());
        }
    });
}

/// Tap of each element of a `[C][kh][kw]` kernel: `kh, c, kw` for an input of planes, `kh, kw, c` otherwise.
fn conv_order([kh, kw]: [usize; 2], channels: usize, layout: Layout) -> Vec<usize> {
    let mut order = Vec::with_capacity(channels * kh * kw);
    for c in 0..channels {
        for y in 0..kh {
            order.extend((0..kw).map(|x| match layout {
                Layout::Nchw => (y * channels + c) * kw + x,
                Layout::Nhwc => (y * kw + x) * channels + c,
            }));
        }
    }
    order
}

/// Position in the map of each element of `[H][W][C]`.
fn memory_order(map: &Map) -> Vec<usize> {
    let mut order = Vec::with_capacity(map.height * map.width * map.channels);
    for y in 0..map.height {
        let first = y / map.group * map.group;
        let pixels = map.group.min(map.height - first) * map.width;
        for x in 0..map.width {
            let pixel = (y - first) * map.width + x;
            for c in 0..map.channels {
                let block = c / 16 * 16;
                let wide = (map.channels - block).min(16);
                order.push(first * map.width * map.channels + block * pixels + pixel * wide + c % 16);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::Random;

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| i as f32 + 1.0).collect()
    }

    /// Bias (tap `None`) or weight of a column, found as the module's documentation says.
    fn at(section: &[u8], columns: usize, taps: usize, column: usize, tap: Option<usize>) -> f32 {
        let panel = column / 16;
        let wide = if columns - panel * 16 <= 8 { 8 } else { 16 };
        let word = panel * 16 * (1 + taps) + tap.map_or(0, |t| 1 + t) * wide + column % 16;
        f32::from_le_bytes(section[word * 4..word * 4 + 4].try_into().unwrap())
    }

    #[test]
    fn matrices_come_back() {
        let mut random = Random(1);
        for _ in 0..50 {
            let (n, k) = (random.within(1, 50), random.within(1, 40));
            let (weights, bias) = (numbers(n * k), numbers(n));
            let sections = [
                Section::Matrix { weights: &weights, bias: &bias, taps: k },
                Section::Matrix { weights: &weights[..n], bias: &bias, taps: 1 },
            ];
            let (offsets, blob) = pack(&sections).unwrap();
            assert!(offsets[1].is_multiple_of(64) && offsets[1] >= padded_channels(n) * (k + 1) * 4);
            for column in 0..n {
                assert_eq!(at(&blob, n, k, column, None), bias[column]);
                for tap in 0..k {
                    assert_eq!(at(&blob, n, k, column, Some(tap)), weights[column * k + tap]);
                }
            }
            let real: f32 = weights.iter().chain(&bias).sum();
            let words = blob[..offsets[1]].chunks_exact(4).map(|w| f32::from_le_bytes(w.try_into().unwrap()));
            assert_eq!(words.sum::<f32>(), real, "lanes beyond the last column are zero");
        }
    }

    #[test]
    fn convolutions_follow_the_axis_order() {
        let ([kh, kw], n, c) = ([3, 2], 19, 3);
        let (weights, bias) = (numbers(n * c * kh * kw), numbers(n));
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let (weights, bias, kernel) = (&weights, &bias, [kh, kw]);
            let (_, blob) = pack(&[Section::Conv { weights, bias, kernel, channels: c, layout }]).unwrap();
            for (m, ch, y, x) in
                (0..n * c * kh * kw).map(|i| (i / (c * kh * kw), i / (kh * kw) % c, i / kw % kh, i % kw))
            {
                let tap = match layout {
                    Layout::Nchw => (y * c + ch) * kw + x,
                    Layout::Nhwc => (y * kw + x) * c + ch,
                };
                let weight = weights[((m * c + ch) * kh + y) * kw + x];
                assert_eq!(at(&blob, n, c * kh * kw, m, Some(tap)), weight);
            }
        }
    }

    #[test]
    fn dense_weights_follow_the_map() {
        for (channels, group) in [(24, 2), (16, 3), (40, 1), (8, 5)] {
            let map = Map {
                offset: 0,
                height: 5,
                width: 3,
                channels,
                group,
                ring: 5_usize.div_ceil(group),
                element: Element::F32,
            };
            let mut order = memory_order(&map);
            // Element [y][x][c] of the map, found as the module's documentation says.
            let (y, x, c) = (4, 1, channels - 1);
            let first = y / group * group;
            let rows = group.min(5 - first);
            let wide = if channels - c / 16 * 16 <= 8 { 8 } else { 16 };
            let word = first * 3 * channels + c / 16 * 16 * rows * 3 + ((y - first) * 3 + x) * wide + c % 16;
            assert_eq!(order[(y * 3 + x) * channels + c], word);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..15 * channels), "each place once");
        }
    }

    #[test]
    fn sizes_that_overflow_are_noticed() {
        let (weights, bias, channels) = (&[1.0], &[1.0], usize::MAX - 1);
        let section = Section::Conv { weights, bias, kernel: [1, 1], channels, layout: Layout::Nhwc };
        assert!(pack(&[section]).is_none());
    }
}
