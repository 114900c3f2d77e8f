//! 1x1 convolution over a block of pixels: `out[N/16][pixels][16] = a[K/16][pixels][16] * panels`.
//!
//! A tile is up to 5 pixels x 16 channels (AVX2), 6 x 16 (AVX-VNNI) or 14 x 32 (AVX-512 VNNI). The pixels of the block are spread
//! evenly over the tiles, and while the tiles of one panel run they prefetch the next. A single pixel, as of a dense layer, is
//! summed in four parts, so that several additions are under way at any time.

use super::sums::{Run, Tile};
use super::{Bounds, Panels};
use crate::rt::isa::Dot;
use crate::rt::kernel::padded_channels;
use core::ops::Range;

/// A block of pixels through all panels or some of them.
pub(crate) struct Block {
    /// Which panels.
    pub range: Range<usize>,
    pub a: *const u8,
    /// Input channels.
    pub k: usize,
    pub panels: Panels,
    /// Output channels.
    pub n: usize,
    pub out: *mut u8,
    pub pixels: usize,
    pub bounds: Bounds,
    /// The panel that is read after these.
    pub next: usize,
}

/// One run of output channels of a block.
pub(crate) struct Strip {
    a: *const u8,
    /// Whole blocks of 16 input channels and bytes from one to the next.
    blocks: usize,
    block: usize,
    /// Whether a block of 8 follows.
    narrow: bool,
    panels: Panels,
    index: usize,
    out: *mut u8,
    /// Bytes of an output pixel.
    width: usize,
    bounds: Bounds,
    /// Bytes from one prefetch to the next.
    step: usize,
}

/// Computes `count` tiles from pixel `first` on; `ahead` is the first address to prefetch.
pub(crate) type TilesFn = unsafe fn(strip: &Strip, first: usize, count: usize, ahead: *const u8);

/// The tiles of one instruction set, by height.
pub(crate) struct Tiles {
    pub panels: usize,
    pub prefetches: usize,
    pub wide: &'static [TilesFn],
    /// Of one panel, where the wide ones have two.
    pub single: &'static [TilesFn],
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe, and the output must not overlap what
/// later panels read.
pub(crate) unsafe fn block(job: &Block, tiles: &Tiles) {
    let padded = padded_channels(job.n);
    let size = job.panels.size();
    let Range { start: mut index, end } = job.range;
    while index < end {
        let width = (padded - index * 16).min(16);
        let wide = tiles.panels > 1 && index + 2 <= end && padded >= index * 16 + 32;
        let (columns, list) =
            if wide || tiles.single.is_empty() { (tiles.panels, tiles.wide) } else { (1, tiles.single) };
        let count = job.pixels.div_ceil(list.len());
        let (base, more) = (job.pixels / count, job.pixels % count);
        let next = index + columns;
        let ahead = job.panels.panel(if next >= end { job.next } else { next });
        let share = (columns * size).div_ceil(count);
        let step = share.checked_div(job.k.div_ceil(16) * tiles.prefetches).unwrap_or(0) + 1;
        // SAFETY: the offsets stay inside the extents that the caller vouches for.
        unsafe {
            let strip = Strip {
                a: job.a,
                blocks: padded_channels(job.k) / 16,
                block: job.pixels * 16,
                narrow: padded_channels(job.k) % 16 == 8,
                panels: job.panels,
                index,
                out: job.out.add(index * 16 * job.pixels),
                width,
                bounds: job.bounds,
                step,
            };
            if more > 0 {
                list[base](&strip, 0, more, ahead);
            }
            list[base - 1](&strip, more * (base + 1), count - more, ahead.wrapping_add(more * share));
        }
        index = next;
    }
}

/// `count` tiles of `P` pixels x `N` panels.
///
/// # Safety
/// As for [`block`].
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
pub(crate) unsafe fn tiles<D: Dot, const P: usize, const N: usize>(
    d: D,
    strip: &Strip,
    first: usize,
    count: usize,
    ahead: *const u8,
) {
    for part in 0..D::PARTS {
        let mut ahead = ahead;
        if part > 0 && strip.width == 8 {
            break;
        }
        for tile in 0..count {
            // SAFETY: as for this function.
            unsafe { one::<D, P, N>(d, strip, first + tile * P, part, &mut ahead) };
        }
    }
}

/// The tile whose first pixel is `first`.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn one<D: Dot, const P: usize, const N: usize>(
    d: D,
    strip: &Strip,
    first: usize,
    part: usize,
    ahead: &mut *const u8,
) {
    // SAFETY: the caller vouches for the extents; the panels have a quad for each of the map's.
    unsafe {
        let mut tile = Tile::<D, P, N>::new(d, strip.panels, strip.index, part);
        let mut a = strip.a.wrapping_add(first * 16);
        if !D::UNROLLED {
            for _ in 0..strip.blocks {
                tile.run(Run { a, pixel: 16, quads: 4 });
                a = a.wrapping_add(strip.block);
            }
        } else if P == 1 {
            split(&mut tile, strip, a, ahead);
        } else {
            for _ in 0..strip.blocks {
                prefetch(d, strip, ahead);
                tile.block(a);
                a = a.wrapping_add(strip.block);
            }
        }
        let narrow = strip.a.wrapping_add(strip.blocks * strip.block + first * 8);
        if strip.narrow {
            prefetch(d, strip, ahead);
            tile.run(Run { a: narrow, pixel: 8, quads: 2 });
        }
        if strip.panels.extras > 0 {
            let wide = strip.a.wrapping_add(first * 16);
            tile.extras(|quad| {
                let (block, quad) = (quad / 4, quad % 4);
                let (a, pixel) =
                    if block < strip.blocks { (wide.wrapping_add(block * strip.block), 16) } else { (narrow, 8) };
                Run { a: a.wrapping_add(quad * 4), pixel, quads: 1 }
            });
        }
        let out = strip.out.add(first * strip.width);
        tile.store(strip.bounds, out, strip.block, strip.width);
    }
}

#[inline(always)]
fn prefetch<D: Dot>(d: D, strip: &Strip, ahead: &mut *const u8) {
    for _ in 0..D::PREFETCHES {
        d.prefetch(*ahead);
        *ahead = ahead.wrapping_add(strip.step);
    }
}

/// The whole blocks of a single pixel, each of the four quads of a block in sums of its own.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn split<D: Dot, const P: usize, const N: usize>(
    tile: &mut Tile<D, P, N>,
    strip: &Strip,
    mut a: *const u8,
    ahead: &mut *const u8,
) {
    let d = tile.token();
    let mut sums = [[d.zero(); N]; 4];
    for _ in 0..strip.blocks {
        prefetch(d, strip, ahead);
        // SAFETY: the caller vouches for the blocks.
        unsafe {
            let four = d.four(a);
            macro_rules! lane {
                ($lane:literal) => {
                    let quad = d.lane::<$lane>(four);
                    for v in 0..N {
                        let weights = d.weights(tile.next(v).wrapping_add($lane * 64));
                        sums[$lane][v] = d.dot(sums[$lane][v], weights, quad);
                    }
                };
            }
            lane!(0);
            lane!(1);
            lane!(2);
            lane!(3);
        }
        tile.skip(4);
        a = a.wrapping_add(strip.block);
    }
    for sums in sums {
        tile.add(&[sums; P]);
    }
}
