//! Any convolution over a map of codes, its groups of channels packed as one.

use super::sums::{Run, Tile};
use super::{Bounds, Panels};
use crate::rt::Window;
use crate::rt::isa::Dot;
use crate::rt::kernel::padded_channels;
use crate::rt::kernel::view::{RowView, Rows, View, inside, interior};
use core::ops::Range;

/// One output row, in some panels.
pub(crate) struct Row {
    /// Which panels.
    pub range: Range<usize>,
    pub input: View<u8>,
    /// The code of 0 of the input: what the border holds.
    pub border: u8,
    pub window: Window,
    pub y: usize,
    pub panels: Panels,
    /// Output channels.
    pub n: usize,
    pub bounds: Bounds,
    pub out: RowView<u8>,
    pub width: usize,
}

/// Pixels of a tile.
const PIXELS: usize = 4;

/// # Safety
/// The pointers of `row` must be valid for the extents that its numbers describe.
#[inline(always)]
pub(crate) unsafe fn row<D: Dot, const N: usize>(d: D, row: &Row) {
    let Window { kernel, stride, dilation, pad } = row.window;
    let rows = Rows::new(row.input, (row.y * stride[0]) as isize - pad[0] as isize, kernel[0], dilation[0]);
    let span = (kernel[1] - 1) * dilation[1] + 1;
    let (first, end) = interior(pad[1], stride[1], span, row.input.width, row.width);
    let mut index = row.range.start;
    while index < row.range.end {
        let wide = index + N <= row.range.end && padded_channels(row.n) >= (index + N) * 16;
        let mut x = 0;
        while x < row.width {
            let many = first <= x && x + PIXELS <= end;
            for part in 0..D::PARTS {
                // SAFETY: a tile of several pixels lies between the borders, where every column is inside the map.
                unsafe {
                    match (wide && N > 1, many) {
                        (true, true) => tile::<D, PIXELS, N>(d, row, &rows, index, part, x),
                        (true, false) => tile::<D, 1, N>(d, row, &rows, index, part, x),
                        (false, true) => tile::<D, PIXELS, 1>(d, row, &rows, index, part, x),
                        (false, false) => tile::<D, 1, 1>(d, row, &rows, index, part, x),
                    }
                }
            }
            x += if many { PIXELS } else { 1 };
        }
        index += if wide { N } else { 1 };
    }
}

// One copy of each for all that call it.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tile<D: Dot, const P: usize, const N: usize>(
    d: D,
    row: &Row,
    rows: &Rows<u8>,
    index: usize,
    part: usize,
    x: usize,
) {
    let Window { kernel, stride, dilation, pad } = row.window;
    let padded = padded_channels(row.input.channels);
    let border = [row.border; 16];
    let left = (x * stride[1]) as isize - pad[1] as isize;
    let (begin, end) = inside(left, kernel[1], dilation[1], row.input.width);
    // A block of channels of a tap.
    let at = |ky: usize, kx: usize, c: usize| {
        let width = (padded - c).min(16);
        let quads = width / 4;
        if (rows.first..rows.end).contains(&ky) && (begin..end).contains(&kx) {
            let column = (left + (kx * dilation[1]) as isize) as usize;
            // SAFETY: the row and the column lie in the map, and the block exists.
            let a = unsafe { rows.get(ky).block(c / 16, width).add(column * width) };
            Run { a, pixel: stride[1] * width, quads }
        } else {
            Run { a: border.as_ptr(), pixel: 0, quads }
        }
    };
    let width = (padded_channels(row.n) - index * 16).min(16);
    if part > 0 && width == 8 {
        return;
    }
    // SAFETY: the caller vouches for the tile; the panels have a quad for each of every tap.
    unsafe {
        let mut tile = Tile::<D, P, N>::new(d, row.panels, index, part);
        for ky in 0..kernel[0] {
            for kx in 0..kernel[1] {
                for c in (0..padded).step_by(16) {
                    tile.run(at(ky, kx, c));
                }
            }
        }
        if row.panels.extras > 0 {
            tile.extras(|quad| {
                let (tap, c) = (quad / (padded / 4), quad % (padded / 4) * 4);
                let run = at(tap / kernel[1], tap % kernel[1], c / 16 * 16);
                Run { a: run.a.wrapping_add(c % 16), ..run }
            });
        }
        tile.store(row.bounds, row.out.block(index, width).add(x * width), row.out.block, width);
    }
}
