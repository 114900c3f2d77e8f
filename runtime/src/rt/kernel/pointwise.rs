//! 1x1 convolution over a block of pixels: `out[N/16][pixels][16] = a[K/16][pixels][16] * panels[N/16][1 + K][16]`.
//!
//! A tile is up to 6 pixels x 16 channels (AVX2), 14 x 32 (AVX-512), 8 x 8 (NEON) or 2 x 16 (WebAssembly). The pixels of
//! the block are spread evenly over the tiles, and while the tiles of one panel run they prefetch the next.

use super::padded_channels;
use crate::rt::{Clamp, isa::Simd};
use core::ops::Range;

/// A block of pixels through all panels or some of them.
pub(crate) struct Block {
    /// Output channels: whole panels.
    pub channels: Range<usize>,
    pub a: *const f32,
    pub k: usize,
    pub panels: *const f32,
    pub n: usize,
    pub out: *mut f32,
    /// What is added to the sums before they are bounded, laid out as the output, or null.
    pub add: *const f32,
    pub pixels: usize,
    pub clamp: Clamp,
    /// The output channel whose panel is read after these.
    pub next: usize,
    /// Bytes from the first panel to the end of all weights.
    pub behind: usize,
}

/// One run of output channels of a block.
pub(crate) struct Strip {
    a: *const f32,
    blocks: usize,
    block: usize,
    /// Taps in a whole block: 16, but a loop that knows is unrolled, and [`Simd::SHORT_ROUNDS`] no longer short.
    taps: usize,
    /// Taps in the last, partial block and whether that is 8 wide.
    rest: usize,
    narrow: bool,
    panel: *const f32,
    panel_floats: usize,
    out: *mut f32,
    out_block: usize,
    /// What is added, or null.
    add: *const f32,
    clamp: Clamp,
    /// Bytes from one prefetch to the next.
    step: usize,
    /// Bytes from there to what the second-level cache prefetches.
    far: usize,
}

/// Computes `count` tiles from pixel `first` on; `ahead` is the first address to prefetch.
pub(crate) type TilesFn = unsafe fn(strip: &Strip, first: usize, count: usize, ahead: *const u8);

/// The tiles of one instruction set, by height.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    pub columns: usize,
    pub prefetches: usize,
    pub wide: &'static [TilesFn],
    pub single: &'static [TilesFn],
    pub narrow: &'static [TilesFn],
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe, and the output must not overlap what
/// later panels read.
pub(crate) unsafe fn block(job: &Block, tiles: &Tiles) {
    let panel_taps = 1 + job.k;
    let padded = padded_channels(job.n);
    let Range { start: mut channel, end } = job.channels;
    // The last large stage fetches what follows it, the classifier, which has little to compute while it waits.
    let size = padded * panel_taps * 4;
    let rest = job.behind.saturating_sub(size);
    let far = if rest <= 2 * size { rest.min(size) } else { 0 };
    while channel < end {
        let (columns, width, list) = if padded - channel == 8 && channel % 16 == 0 {
            (8, 8, tiles.narrow)
        } else if (padded / 16 * 16).min(end) - channel >= tiles.columns {
            (tiles.columns, 16, tiles.wide)
        } else {
            (16, 16, tiles.single)
        };
        let count = job.pixels.div_ceil(list.len());
        let (base, more) = (job.pixels / count, job.pixels % count);
        let next = channel + columns;
        // With half panels the two halves prefetch one half of the next panel each.
        let ahead = if next >= end { job.next } else { channel + columns.max(width) };
        let ahead = job.panels.wrapping_add(ahead * panel_taps).cast::<u8>();
        let share = (columns * panel_taps * 4).div_ceil(count);
        let step = share.checked_div(job.k.div_ceil(4) * tiles.prefetches).unwrap_or(0) + 1;
        // SAFETY: the offsets stay inside the extents that the caller vouches for.
        unsafe {
            let strip = Strip {
                a: job.a,
                blocks: job.k / 16,
                block: job.pixels * 16,
                taps: 16,
                rest: job.k % 16,
                narrow: padded_channels(job.k) % 16 == 8,
                panel: job.panels.add(channel / 16 * 16 * panel_taps + channel % 16),
                panel_floats: 16 * panel_taps,
                out: job.out.add(channel / 16 * 16 * job.pixels + channel % 16),
                out_block: job.pixels * 16,
                add: if job.add.is_null() {
                    job.add
                } else {
                    job.add.add(channel / 16 * 16 * job.pixels + channel % 16)
                },
                clamp: job.clamp,
                step,
                far,
            };
            if more > 0 {
                list[base](&strip, 0, more, ahead);
            }
            list[base - 1](&strip, more * (base + 1), count - more, ahead.wrapping_add(more * share));
        }
        channel = next;
    }
}

/// `count` tiles of `MR` pixels x `NV` vectors in panels `PW` wide.
///
/// # Safety
/// As for [`block`].
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
pub(crate) unsafe fn tiles<S: Simd, const MR: usize, const NV: usize, const PW: usize>(
    s: S,
    strip: &Strip,
    first: usize,
    count: usize,
    ahead: *const u8,
) {
    let (lo, hi) = (s.splat(strip.clamp.lo), s.splat(strip.clamp.hi));
    let mut ahead = ahead;
    // SAFETY: the caller vouches for the extents; `blocks * 16 + rest` taps follow the bias row.
    unsafe {
        // Of these two one may not be read, and runs out of the map: `start` where the only block is 8 wide, `rest` where no block is
        // partial.
        let mut start = strip.a.wrapping_add(first * 16);
        let mut rest = strip.a.wrapping_add(strip.blocks * strip.block + first * if strip.narrow { 8 } else { 16 });
        let mut out = strip.out.add(first * PW);
        let mut add = strip.add.wrapping_add(first * PW);
        for _ in 0..count {
            let mut b = strip.panel;
            let mut acc = [[s.splat(0.0); NV]; MR];
            for v in 0..NV {
                let bias = s.load(b.add(at::<S, PW>(v, strip.panel_floats)));
                for row in &mut acc {
                    row[v] = bias;
                }
            }
            b = b.wrapping_add(PW);
            let mut a = start;
            for _ in 0..strip.blocks {
                if S::SHORT_ROUNDS {
                    each::<S, MR, NV, PW, 16>(s, &mut acc, a, b, strip.panel_floats, strip.taps);
                    b = b.wrapping_add(16 * PW);
                } else {
                    for h in 0..4 {
                        four::<S, MR, NV, PW, 16>(
                            s,
                            &mut acc,
                            a.add(4 * h),
                            b,
                            strip.panel_floats,
                            &mut ahead,
                            (strip.step, strip.far),
                        );
                        // Half panels end in the middle of the next row, which may be the last.
                        b = b.wrapping_add(4 * PW);
                    }
                }
                a = a.wrapping_add(strip.block);
            }
            if strip.rest > 0 {
                if strip.narrow {
                    partial::<S, MR, NV, PW, 8>(s, &mut acc, rest, b, strip, &mut ahead);
                    rest = rest.add(MR * 8);
                } else {
                    partial::<S, MR, NV, PW, 16>(s, &mut acc, rest, b, strip, &mut ahead);
                    rest = rest.add(MR * 16);
                }
            }
            if !strip.add.is_null() {
                for (i, row) in acc.iter_mut().enumerate() {
                    for (v, x) in row.iter_mut().enumerate() {
                        *x = s.add(*x, s.load(add.add(i * PW + at::<S, PW>(v, strip.out_block))));
                    }
                }
                add = add.wrapping_add(MR * PW);
            }
            for (i, row) in acc.iter().enumerate() {
                for (v, &x) in row.iter().enumerate() {
                    s.store(out.add(i * PW + at::<S, PW>(v, strip.out_block)), s.clamp(x, lo, hi));
                }
            }
            start = start.wrapping_add(MR * 16);
            out = out.wrapping_add(MR * PW);
        }
    }
}

/// Offset of vector `v` of a row: panels `PW` wide, `panel` apart.
#[inline(always)]
pub(super) fn at<S: Simd, const PW: usize>(v: usize, panel: usize) -> usize {
    v * S::LANES / PW * panel + v * S::LANES % PW
}

/// The `rest` taps of a partial block whose pixels are `RS` apart.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn partial<S: Simd, const MR: usize, const NV: usize, const PW: usize, const RS: usize>(
    s: S,
    acc: &mut [[S::V; NV]; MR],
    a: *const f32,
    b: *const f32,
    strip: &Strip,
    ahead: &mut *const u8,
) {
    // SAFETY: `rest` taps remain, as the caller promises.
    unsafe {
        let mut done = 0;
        while !S::SHORT_ROUNDS && done + 4 <= strip.rest {
            four::<S, MR, NV, PW, RS>(
                s,
                acc,
                a.add(done),
                b.add(done * PW),
                strip.panel_floats,
                ahead,
                (strip.step, strip.far),
            );
            done += 4;
        }
        each::<S, MR, NV, PW, RS>(s, acc, a.add(done), b.add(done * PW), strip.panel_floats, strip.rest - done);
    }
}

/// `taps` taps, one after the other, of pixels that are `RS` apart.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn each<S: Simd, const MR: usize, const NV: usize, const PW: usize, const RS: usize>(
    s: S,
    acc: &mut [[S::V; NV]; MR],
    a: *const f32,
    b: *const f32,
    panel: usize,
    taps: usize,
) {
    // SAFETY: `taps` taps remain, as the caller promises.
    unsafe {
        for k in 0..taps {
            let w: [S::V; NV] = core::array::from_fn(|v| s.load(b.add(k * PW + at::<S, PW>(v, panel))));
            for (i, row) in acc.iter_mut().enumerate() {
                let x = s.broadcast(a.add(k + i * RS));
                for v in 0..NV {
                    row[v] = s.mul_add(x, w[v], row[v]);
                }
            }
        }
    }
}

/// Four taps of pixels that are `RS` apart.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn four<S: Simd, const MR: usize, const NV: usize, const PW: usize, const RS: usize>(
    s: S,
    acc: &mut [[S::V; NV]; MR],
    a: *const f32,
    b: *const f32,
    panel: usize,
    ahead: &mut *const u8,
    (step, far): (usize, usize),
) {
    // SAFETY: four taps remain, as the caller promises.
    unsafe {
        let mut quads = [s.quad(a); MR];
        for (i, quad) in quads.iter_mut().enumerate() {
            *quad = s.quad(a.add(i * RS));
        }
        macro_rules! tap {
            ($lane:literal) => {
                if $lane * S::PREFETCHES % 4 == 0 && S::PREFETCHES > 0 {
                    s.prefetch(*ahead);
                    s.prefetch_far(ahead.wrapping_add(far));
                    *ahead = ahead.wrapping_add(step);
                }
                let mut w = [s.splat(0.0); NV];
                for v in 0..NV {
                    w[v] = s.load(b.add($lane * PW + at::<S, PW>(v, panel)));
                }
                for i in 0..MR {
                    let x = s.lane::<$lane>(quads[i]);
                    for v in 0..NV {
                        acc[i][v] = s.mul_add(x, w[v], acc[i][v]);
                    }
                }
            };
        }
        tap!(0);
        tap!(1);
        tap!(2);
        tap!(3);
    }
}
