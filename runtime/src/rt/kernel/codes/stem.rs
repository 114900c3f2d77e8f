//! The first convolution over staged input rows: codes, pixel by pixel, the border's among them.

use super::sums::{Run, Tile};
use super::{Bounds, Panels};
use crate::rt::isa::Dot;
use crate::rt::kernel::padded_channels;
use crate::rt::kernel::view::RowView;

/// One output row.
#[derive(Clone, Copy)]
pub(crate) struct StemRow {
    /// The staged rows, a ring.
    pub scratch: *const u8,
    /// Bytes per staged row.
    pub row: usize,
    /// Staged rows.
    pub span: usize,
    /// Ring slot under the first kernel row.
    pub slot: usize,
    /// Kernel rows and the staged rows from one to the next.
    pub kernel: usize,
    pub dilation: usize,
    /// Runs of codes in a kernel row, bytes from one to the next, and quads in each.
    pub runs: usize,
    pub run: usize,
    pub quads: usize,
    /// Bytes between the windows of neighbouring output pixels.
    pub pixel: usize,
    pub panels: Panels,
    pub n: usize,
    pub bounds: Bounds,
    pub out: RowView<u8>,
    /// Output pixels.
    pub pixels: usize,
}

/// # Safety
/// The pointers of `row` must be valid for the extents that its numbers describe.
#[inline(always)]
pub(crate) unsafe fn stem_row<D: Dot, const N: usize, const P: usize>(d: D, row: &StemRow) {
    let panels = row.n.div_ceil(16);
    let mut index = 0;
    while index < panels {
        let wide = N > 1 && padded_channels(row.n) >= (index + N) * 16;
        for part in 0..D::PARTS {
            // SAFETY: as for this function.
            unsafe {
                if wide {
                    strip::<D, N, P>(d, row, index, part);
                } else {
                    strip::<D, 1, P>(d, row, index, part);
                }
            }
        }
        index += if wide { N } else { 1 };
    }
}

/// Picks the tiles: those for windows of three rows with three quads 6 bytes apart or one quad 2 bytes apart, as 3x3 kernels of stride
/// 2 over three channels or one have, or those for anything.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn strip<D: Dot, const N: usize, const P: usize>(d: D, row: &StemRow, index: usize, part: usize) {
    if part > 0 && padded_channels(row.n) - index * 16 == 8 {
        return;
    }
    // SAFETY: as for `stem_row`.
    unsafe {
        match (row.runs, row.quads, row.pixel) {
            (1, 3, 6) if D::UNROLLED => tiles::<D, N, P, 3, 6>(d, row, index, part),
            (1, 1, 2) if D::UNROLLED => tiles::<D, N, P, 1, 2>(d, row, index, part),
            _ => tiles::<D, N, 4, 0, 0>(d, row, index, part),
        }
    }
}

/// The row's pixels in tiles of `P`; the last one moves left to end with the row and computes some pixels twice.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tiles<D: Dot, const N: usize, const P: usize, const QUADS: usize, const STEP: usize>(
    d: D,
    row: &StemRow,
    index: usize,
    part: usize,
) {
    let (mut x, end) = (0, row.pixels);
    // SAFETY: `x + P <= end`, or one pixel at a time.
    unsafe {
        if end < P {
            while x < end {
                tile::<D, 1, N, 0, 0>(d, row, index, part, x);
                x += 1;
            }
            return;
        }
        while x < end {
            x = x.min(end - P);
            tile::<D, P, N, QUADS, STEP>(d, row, index, part, x);
            x += P;
        }
    }
}

/// `QUADS` and `STEP` are `quads` and `pixel` of the row where known, 0 where not.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tile<D: Dot, const P: usize, const N: usize, const QUADS: usize, const STEP: usize>(
    d: D,
    row: &StemRow,
    index: usize,
    part: usize,
    x: usize,
) {
    let (quads, runs) = if QUADS > 0 { (QUADS, 1) } else { (row.quads, row.runs) };
    let pixel = if STEP > 0 { STEP } else { row.pixel };
    let staged = |ky: usize| {
        let slot = row.slot + ky * row.dilation;
        row.scratch.wrapping_add((if slot >= row.span { slot - row.span } else { slot }) * row.row + x * pixel)
    };
    // SAFETY: the caller vouches for the tile; ring slots stay below `span`, behind a row's last pixel there are 4 bytes more.
    unsafe {
        let mut tile = Tile::<D, P, N>::new(d, row.panels, index, part);
        for ky in 0..row.kernel {
            let mut a = staged(ky);
            for _ in 0..runs {
                tile.run(Run { a, pixel, quads });
                a = a.wrapping_add(row.run);
            }
        }
        if row.panels.extras > 0 {
            tile.extras(|quad| {
                let (run, quad) = (quad / quads, quad % quads);
                let a = staged(run / runs).wrapping_add(run % runs * row.run + quad * 4);
                Run { a, pixel, quads: 1 }
            });
        }
        let width = (padded_channels(row.n) - index * 16).min(16);
        tile.store(row.bounds, row.out.block(index, width).add(x * width), row.out.block, width);
    }
}
