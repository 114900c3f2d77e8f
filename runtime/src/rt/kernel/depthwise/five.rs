//! 5x5 windows of stride 1 or 2 with at most two border pixels: tiles of up to 8 pixels whose sums stay in registers, each
//! column loaded once per kernel row. Border columns are read from a line of zeros, border rows left out.

use super::{Job, ZEROS};
use crate::rt::isa::Simd;
use crate::rt::kernel::view::Rows;
use core::hint::select_unpredictable;
use core::ops::Range;

/// # Safety
/// As for [`super::rows`], of a window that fits.
#[inline(always)]
pub(super) unsafe fn rows<S: Simd, const ST: usize>(s: S, job: &Job) {
    let (wide, _) = job.input.blocks();
    let Range { start, end } = job.blocks;
    for y in 0..job.rows {
        let top = ((job.first + y) * ST) as isize - job.window.pad[0] as isize;
        let inputs = Rows::new(job.input, top, 5, 1);
        // SAFETY: the blocks exist.
        unsafe {
            choose::<S, 16, ST>(s, job, &inputs, y, start..end.min(wide));
            if end > wide {
                choose::<S::Narrow, 8, ST>(s.narrow(), job, &inputs, y, wide..end);
            }
        }
    }
}

/// Picks the width of tiles that spreads a row over as few as possible; narrow blocks have 4 pixels at most.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn choose<S: Simd, const BW: usize, const ST: usize>(
    s: S,
    job: &Job,
    inputs: &Rows,
    y: usize,
    blocks: Range<usize>,
) {
    let most = if BW == 8 { 4 } else { S::PIXELS };
    // SAFETY: as for `rows`; a row has two pixels at least.
    unsafe {
        match job.width.div_ceil(job.width.div_ceil(most)) {
            2 => row::<S, BW, 2, ST>(s, job, inputs, y, blocks),
            6 if most > 4 => row::<S, BW, 6, ST>(s, job, inputs, y, blocks),
            7 if most > 4 => row::<S, BW, 7, ST>(s, job, inputs, y, blocks),
            8 if most > 4 => row::<S, BW, 8, ST>(s, job, inputs, y, blocks),
            4 => row::<S, BW, 4, ST>(s, job, inputs, y, blocks),
            _ => row::<S, BW, 3, ST>(s, job, inputs, y, blocks),
        }
    }
}

/// One output row in tiles of `PX`; the last one moves left to end with it.
#[cfg_attr(not(any(unoptimised, target_arch = "wasm32")), inline(always))]
#[cfg_attr(any(unoptimised, target_arch = "wasm32"), inline(never))]
unsafe fn row<S: Simd, const BW: usize, const PX: usize, const ST: usize>(
    s: S,
    job: &Job,
    inputs: &Rows,
    y: usize,
    blocks: Range<usize>,
) {
    for block in blocks {
        let mut rows = [ZEROS.0.as_ptr(); 5];
        for k in inputs.first..inputs.end {
            // SAFETY: the block exists.
            rows[k] = unsafe { inputs.get(k).block(block, BW) };
        }
        let mut lane = 0;
        while lane < BW {
            let mut x = 0;
            while x < job.width {
                x = x.min(job.width - PX);
                // SAFETY: the tile's pixels lie in the row.
                unsafe {
                    let weights = job.weights.add(block * 16 * 26 + lane);
                    let out = job.out.add(block * 16 * job.rows * job.width + (y * job.width + x) * BW + lane);
                    tile::<S, BW, PX, ST>(s, job, (&rows, inputs.first..inputs.end), (x, lane), weights, out);
                }
                x += PX;
            }
            lane += S::LANES;
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn tile<S: Simd, const BW: usize, const PX: usize, const ST: usize>(
    s: S,
    job: &Job,
    (rows, taps): (&[*const f32; 5], Range<usize>),
    (x, lane): (usize, usize),
    weights: *const f32,
    out: *mut f32,
) {
    let columns = (PX - 1) * ST + 5;
    let zeros = ZEROS.0.as_ptr();
    let start = (x * ST) as isize - job.window.pad[1] as isize;
    let width = job.input.width as isize;
    // Which of the two first and the two last columns lie outside the map.
    let outside = [start < 0, start < -1, start + columns as isize > width + 1, start + columns as isize > width];
    // SAFETY: columns outside the map are read from `ZEROS`; the caller vouches for the rest.
    unsafe {
        let mut acc = [s.load(weights); PX];
        for k in taps {
            let p = rows[k].wrapping_offset(start * BW as isize).wrapping_add(lane);
            let w: [S::V; 5] = core::array::from_fn(|j| s.load(weights.add((1 + 5 * k + j) * BW)));
            // Spelled out: a loop this long would not be unrolled, and its sums not stay in registers.
            macro_rules! columns {
                ($($q:literal)*) => {$(
                    if $q < columns {
                        let at = p.wrapping_add($q * BW);
                        let at = match $q {
                            0 => select_unpredictable(outside[0], zeros, at),
                            1 => select_unpredictable(outside[1], zeros, at),
                            q if q == columns - 2 => select_unpredictable(outside[2], zeros, at),
                            q if q == columns - 1 => select_unpredictable(outside[3], zeros, at),
                            _ => at,
                        };
                        column::<S, PX, ST, $q>(s, &w, at, &mut acc);
                    }
                )*};
            }
            columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18);
        }
        let (lo, hi) = (s.splat(job.clamp.lo), s.splat(job.clamp.hi));
        for (i, x) in acc.iter().enumerate() {
            s.store(out.add(i * BW), s.clamp(*x, lo, hi));
        }
    }
}

/// Column `Q` of a tile, at `p`, in the sums of all pixels whose window holds it.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn column<S: Simd, const PX: usize, const ST: usize, const Q: usize>(
    s: S,
    w: &[S::V; 5],
    p: *const f32,
    acc: &mut [S::V; PX],
) {
    // SAFETY: the caller vouches for the column.
    let v = unsafe { s.load(p) };
    for j in 0..5 {
        let tap = usize::wrapping_sub(Q, j);
        if tap % ST == 0 && tap / ST < PX {
            acc[tap / ST] = s.mul_add(w[j], v, acc[tap / ST]);
        }
    }
}
