//! Any convolution over a blocked map.

use super::padded_channels;
use super::taps::{Run, bias, run, store};
use super::view::{RowView, Rows, View, inside, interior};
use crate::rt::{Clamp, Window, isa::Simd};
use core::ops::Range;

mod grouped;

/// One output row, in some panels.
pub(crate) struct Row {
    /// Output channels: whole panels.
    pub channels: Range<usize>,
    /// Groups of channels.
    pub groups: usize,
    pub input: View,
    pub window: Window,
    pub y: usize,
    pub panels: *const f32,
    /// Output channels.
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
    let Window { kernel, stride, dilation, pad } = row.window;
    let rows = Rows::new(row.input, (row.y * stride[0]) as isize - pad[0] as isize, kernel[0], dilation[0]);
    let Range { start: mut channel, end: padded } = row.channels;
    let wide = padded / 16 * 16;
    // SAFETY: channels and pixels stay inside the output row, which the caller vouches for.
    unsafe {
        if row.groups > 1 {
            return grouped::row(row, &rows);
        }
        while channel + COLUMNS <= wide {
            pixels::<S, WIDE, 16, PX>(s, row, &rows, channel);
            channel += COLUMNS;
        }
        if COLUMNS > 16 && channel < wide {
            pixels::<S, SINGLE, 16, PX>(s, row, &rows, channel);
            channel += 16;
        }
        if channel < padded {
            pixels::<S::Narrow, NARROW, 8, PX>(s.narrow(), row, &rows, channel);
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn pixels<S: Simd, const NV: usize, const PW: usize, const PX: usize>(
    s: S,
    row: &Row,
    rows: &Rows,
    channel: usize,
) {
    let Window { kernel, stride, dilation, pad } = row.window;
    let span = (kernel[1] - 1) * dilation[1] + 1;
    let (first, end) = interior(pad[1], stride[1], span, row.input.width, row.width);
    let mut x = 0;
    while x < row.width {
        // SAFETY: a tile of `PX` pixels lies between the borders, where every tap is inside the map.
        unsafe {
            if first <= x && x + PX <= end {
                tile::<S, PX, NV, PW>(s, row, rows, channel, x, (0, kernel[1]));
                x += PX;
            } else {
                let taps = inside((x * stride[1]) as isize - pad[1] as isize, kernel[1], dilation[1], row.input.width);
                tile::<S, 1, NV, PW>(s, row, rows, channel, x, taps);
                x += 1;
            }
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tile<S: Simd, const PX: usize, const NV: usize, const PW: usize>(
    s: S,
    row: &Row,
    rows: &Rows,
    channel: usize,
    x: usize,
    columns: (usize, usize),
) {
    let Window { kernel, stride, dilation, pad } = row.window;
    let k = row.input.channels;
    let panel_floats = 16 * (1 + kernel[0] * kernel[1] * k);
    // SAFETY: the caller vouches for the tile; `rows` and `columns` hold taps inside the map only.
    unsafe {
        let panel = row.panels.add(channel / 16 * panel_floats + channel % 16);
        let mut acc = bias::<S, PX, NV, PW>(s, panel, panel_floats);
        for ky in rows.first..rows.end {
            let input = rows.get(ky);
            for kx in columns.0..columns.1 {
                let column = x * stride[1] + kx * dilation[1] - pad[1];
                let mut w = panel.add((1 + (ky * kernel[1] + kx) * k) * PW);
                let mut c = 0;
                while c < k {
                    let width = if padded_channels(k) - c == 8 { 8 } else { 16 };
                    let a = input.block(c / 16, width).add(column * width);
                    let taps = width.min(k - c);
                    let pixel = stride[1] * width;
                    run::<S, PX, NV, PW>(s, &mut acc, Run { a, pixel, tap: 1, taps, w, panel: panel_floats });
                    w = w.wrapping_add(taps * PW);
                    c += 16;
                }
            }
        }
        let out = row.out.block(channel / 16, PW).add(x * PW + channel % 16);
        store::<S, PX, NV, PW>(s, &acc, out, row.out.block, (s.splat(row.clamp.lo), s.splat(row.clamp.hi)));
    }
}
