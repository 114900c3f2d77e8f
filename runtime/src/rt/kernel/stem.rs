//! The first convolution over staged input rows: padded, f32, in the caller's own axis order.

use super::taps::{Run, bias, run, store};
use super::{padded_channels, view::RowView};
use crate::rt::{Clamp, isa::Simd};

/// One output row.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// The staged rows, a ring.
    pub scratch: *const f32,
    /// Floats per staged row.
    pub row: usize,
    /// Staged rows.
    pub span: usize,
    /// Ring slot under the first kernel row.
    pub slot: usize,
    /// Kernel rows and the staged rows from one to the next.
    pub kernel: usize,
    pub dilation: usize,
    /// Runs of taps in a kernel row and floats from one to the next.
    pub runs: usize,
    pub run: usize,
    /// Taps in a run and floats from one to the next.
    pub taps: usize,
    pub tap: usize,
    /// Floats between the windows of neighbouring output pixels.
    pub pixel: usize,
    pub panels: *const f32,
    pub n: usize,
    pub clamp: Clamp,
    pub out: RowView,
    /// Output pixels.
    pub pixels: usize,
}

/// `WIDE`, `SINGLE` and `NARROW` are the vectors per pixel of a tile of `COLUMNS`, 16 and 8 channels; `PW`, `PS` and `PN`
/// its pixels.
///
/// # Safety
/// The pointers of `row` must be valid for the extents that its numbers describe.
#[inline(always)]
pub(crate) unsafe fn row<
    S: Simd,
    const COLUMNS: usize,
    const WIDE: usize,
    const PW: usize,
    const SINGLE: usize,
    const PS: usize,
    const NARROW: usize,
    const PN: usize,
>(
    s: S,
    row: &Row,
) {
    let padded = padded_channels(row.n);
    let wide = padded / 16 * 16;
    let mut channel = 0;
    // SAFETY: channels and pixels stay inside the output row, which the caller vouches for.
    unsafe {
        while channel + COLUMNS <= wide {
            pixels::<S, WIDE, 16, PW>(s, row, channel);
            channel += COLUMNS;
        }
        if COLUMNS > 16 && channel < wide {
            pixels::<S, SINGLE, 16, PS>(s, row, channel);
            channel += 16;
        }
        if channel < padded {
            pixels::<S::Narrow, NARROW, 8, PN>(s.narrow(), row, channel);
        }
    }
}

/// Picks the tiles: those for 3 taps in a run and windows 2 or 6 floats apart, as 3x3 kernels of stride 2 over three
/// planes or three interleaved channels have, or those for anything.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn pixels<S: Simd, const NV: usize, const BW: usize, const PX: usize>(s: S, row: &Row, channel: usize) {
    // SAFETY: as for `row`.
    unsafe {
        match (row.taps, row.pixel) {
            (3, 2) => tiles::<S, NV, BW, PX, 3, 2>(s, row, channel),
            (3, 6) => tiles::<S, NV, BW, PX, 3, 6>(s, row, channel),
            _ => tiles::<S, NV, BW, 4, 0, 0>(s, row, channel),
        }
    }
}

/// The row's pixels in tiles of `PX`; the last one moves left to end with the row and computes some pixels twice.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tiles<S: Simd, const NV: usize, const BW: usize, const PX: usize, const TAPS: usize, const STEP: usize>(
    s: S,
    row: &Row,
    channel: usize,
) {
    // SAFETY: `x + PX <= end`, or one pixel at a time.
    unsafe {
        let (mut x, end) = (0, row.pixels);
        if end < PX {
            while x < end {
                tile::<S, 1, NV, BW, 0, 0>(s, row, channel, x);
                x += 1;
            }
            return;
        }
        while x < end {
            x = x.min(end - PX);
            tile::<S, PX, NV, BW, TAPS, STEP>(s, row, channel, x);
            x += PX;
        }
    }
}

/// `TAPS` and `STEP` are `taps` and `pixel` of the row where known, 0 where not.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tile<S: Simd, const PX: usize, const NV: usize, const BW: usize, const TAPS: usize, const STEP: usize>(
    s: S,
    row: &Row,
    channel: usize,
    x: usize,
) {
    let taps = if TAPS > 0 && !S::SHORT_ROUNDS { TAPS } else { row.taps };
    let pixel = if STEP > 0 { STEP } else { row.pixel };
    let panel_floats = 16 * (1 + row.kernel * row.runs * row.taps);
    // SAFETY: the caller vouches for the tile; ring slots stay below `span`.
    unsafe {
        let panel = row.panels.add(channel / 16 * panel_floats + channel % 16);
        let mut acc = bias::<S, PX, NV, BW>(s, panel, panel_floats);
        let mut w = panel.add(BW);
        let mut slot = row.slot;
        for _ in 0..row.kernel {
            let mut a = row.scratch.add(slot * row.row + x * pixel);
            for _ in 0..row.runs {
                run::<S, PX, NV, BW>(s, &mut acc, Run { a, pixel, tap: row.tap, taps, w, panel: panel_floats });
                a = a.wrapping_add(row.run);
                w = w.wrapping_add(taps * BW);
            }
            slot += row.dilation;
            if slot >= row.span {
                slot -= row.span;
            }
        }
        let out = row.out.block(channel / 16, BW).add(x * BW + channel % 16);
        store::<S, PX, NV, BW>(s, &acc, out, row.out.block, (s.splat(row.clamp.lo), s.splat(row.clamp.hi)));
    }
}
