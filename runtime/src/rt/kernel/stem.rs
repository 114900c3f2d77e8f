//! The first convolution over staged input rows: padded, f32, in the caller's own axis order.

use super::taps::{Run, bias, run, store};
use super::{padded_channels, view::RowView};
use crate::rt::{Clamp, isa::Simd};

/// One output row.
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
    pub width: usize,
}

/// # Safety
/// The pointers of `row` must be valid for the extents that its numbers describe.
#[inline(always)]
pub(crate) unsafe fn row<
    S: Simd,
    const COLUMNS: usize,
    const WIDE: usize,
    const SINGLE: usize,
    const NARROW: usize,
    const PX: usize,
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
            pixels::<S, WIDE, 16, PX>(s, row, channel);
            channel += COLUMNS;
        }
        if COLUMNS > 16 && channel < wide {
            pixels::<S, SINGLE, 16, PX>(s, row, channel);
            channel += 16;
        }
        if channel < padded {
            pixels::<S::Narrow, NARROW, 8, PX>(s.narrow(), row, channel);
        }
    }
}

/// The whole row, in tiles of `PX`; the last one moves left to end with the row and computes some pixels twice.
#[inline(always)]
unsafe fn pixels<S: Simd, const NV: usize, const PW: usize, const PX: usize>(s: S, row: &Row, channel: usize) {
    // SAFETY: `x + PX <= width`, or one pixel at a time.
    unsafe {
        let mut x = 0;
        if row.width < PX {
            while x < row.width {
                tile::<S, 1, NV, PW>(s, row, channel, x);
                x += 1;
            }
            return;
        }
        while x < row.width {
            x = x.min(row.width - PX);
            tile::<S, PX, NV, PW>(s, row, channel, x);
            x += PX;
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const PX: usize, const NV: usize, const PW: usize>(s: S, row: &Row, channel: usize, x: usize) {
    let panel_floats = 16 * (1 + row.kernel * row.runs * row.taps);
    // SAFETY: the caller vouches for the tile; ring slots stay below `span`.
    unsafe {
        let panel = row.panels.add(channel / 16 * panel_floats + channel % 16);
        let mut acc = bias::<S, PX, NV, PW>(s, panel, panel_floats);
        let mut w = panel.add(PW);
        let mut slot = row.slot;
        for _ in 0..row.kernel {
            let mut a = row.scratch.add(slot * row.row + x * row.pixel);
            for _ in 0..row.runs {
                let taps = Run { a, pixel: row.pixel, tap: row.tap, taps: row.taps, w, panel: panel_floats };
                run::<S, PX, NV, PW>(s, &mut acc, taps);
                a = a.wrapping_add(row.run);
                w = w.wrapping_add(row.taps * PW);
            }
            slot += row.dilation;
            if slot >= row.span {
                slot -= row.span;
            }
        }
        let out = row.out.block(channel / 16, PW).add(x * PW + channel % 16);
        store::<S, PX, NV, PW>(s, &acc, out, row.out.block, (s.splat(row.clamp.lo), s.splat(row.clamp.hi)));
    }
}
