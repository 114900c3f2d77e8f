//! Depthwise convolution of a block of rows into `[C/16][rows * width][16]`.
//!
//! 3x3 windows of stride 1 or 2 with at most one border pixel run in tiles of up to 8 pixels whose sums stay in
//! registers; border columns are read from a line of zeros and border rows are left out. [`five`] does the same for 5x5;
//! other windows run in [`general`].

mod five;
mod general;

use super::view::{RowView, View, inside};
use crate::rt::{Clamp, Window, isa::Simd};
use core::hint::select_unpredictable;
use core::ops::Range;

/// Output rows `first..first + rows` of one group, in some channel blocks.
pub(crate) struct Job {
    /// All blocks or some of them: 16-wide ones, then perhaps one 8 wide.
    pub blocks: Range<usize>,
    pub input: View,
    pub window: Window,
    pub weights: *const f32,
    pub clamp: Clamp,
    pub first: usize,
    pub rows: usize,
    pub width: usize,
    pub out: *mut f32,
}

/// What lies beyond the left and right borders.
#[repr(align(64))]
struct Zeros([f32; 16]);
static ZEROS: Zeros = Zeros([0.0; 16]);

/// Output rows whose input rows are looked up at a time.
const CHUNK: usize = 8;

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe; input and output have the same
/// channels.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd>(s: S, job: &Job) {
    // SAFETY: as for this function; `fits` is what the tiles ask for.
    unsafe {
        match fits(job) {
            Some((3, 1)) => blocks::<S, 1>(s, job),
            Some((3, 2)) => blocks::<S, 2>(s, job),
            Some((5, 1)) => five::rows::<S, 1>(s, job),
            Some((5, 2)) => five::rows::<S, 2>(s, job),
            _ => general::rows(s, job),
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn blocks<S: Simd, const ST: usize>(s: S, job: &Job) {
    let (wide, _) = job.input.blocks();
    let Range { start, end } = job.blocks;
    // SAFETY: the blocks exist.
    unsafe {
        choose::<S, 16, ST>(s, job, start..end.min(wide));
        if end > wide {
            choose::<S::Narrow, 8, ST>(s.narrow(), job, wide..end);
        }
    }
}

/// Kernel and stride, where the tiles can compute the window: 3x3 with at most one border column on either side, 5x5 with two.
fn fits(job: &Job) -> Option<(usize, usize)> {
    let Window { kernel: [kernel, columns], stride, dilation, pad } = job.window;
    let square = kernel == columns && dilation == [1, 1] && stride[0] == stride[1];
    let known = kernel == 3 || (kernel == 5 && job.width > 1);
    let border = kernel / 2;
    let right = (job.width - 1) * stride[1] + kernel;
    let small = pad[1] <= border && right <= job.input.width + pad[1] + border;
    (square && known && small).then_some((kernel, stride[0]))
}

/// Picks the width of tiles that spreads a row over as few as possible. Narrow blocks are rare: theirs have 4 pixels at
/// most.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn choose<S: Simd, const BW: usize, const ST: usize>(s: S, job: &Job, blocks: Range<usize>) {
    let most = if BW == 8 { 4 } else { S::PIXELS };
    // SAFETY: as for `rows`.
    unsafe {
        match job.width.div_ceil(job.width.div_ceil(most)) {
            1 => spread::<S, BW, 1, ST>(s, job, blocks),
            2 => spread::<S, BW, 2, ST>(s, job, blocks),
            3 => spread::<S, BW, 3, ST>(s, job, blocks),
            5 if most > 4 => spread::<S, BW, 5, ST>(s, job, blocks),
            6 if most > 4 => spread::<S, BW, 6, ST>(s, job, blocks),
            7 if most > 4 => spread::<S, BW, 7, ST>(s, job, blocks),
            8 if most > 4 => spread::<S, BW, 8, ST>(s, job, blocks),
            _ => spread::<S, BW, 4, ST>(s, job, blocks),
        }
    }
}

/// A few output rows and the input rows under them.
struct Chunk {
    /// First row, counted from the job's.
    first: usize,
    rows: usize,
    inputs: [RowView; (CHUNK - 1) * 2 + 3],
    /// Kernel rows inside the map, per output row.
    taps: [(usize, usize); CHUNK],
}

impl Chunk {
    // One copy for all tiles.
    #[inline(never)]
    fn new(job: &Job, first: usize, stride: usize) -> Self {
        let rows = CHUNK.min(job.rows - first);
        let top = ((job.first + first) * stride) as isize - job.window.pad[0] as isize;
        let (begin, end) = inside(top, (rows - 1) * stride + 3, 1, job.input.height);
        let mut inputs = [RowView { base: core::ptr::null_mut(), block: 0, pixel: 0 }; (CHUNK - 1) * 2 + 3];
        for (k, row) in inputs.iter_mut().enumerate().take(end).skip(begin) {
            // SAFETY: `inside` returns rows of the map.
            *row = unsafe { job.input.row((top + k as isize) as usize) };
        }
        let taps =
            core::array::from_fn(|y| (begin.saturating_sub(y * stride).min(3), end.saturating_sub(y * stride).min(3)));
        Self { first, rows, inputs, taps }
    }
}

// For WebAssembly one function per tile: V8 allocates the registers of very large functions less carefully.
#[cfg_attr(not(any(unoptimised, target_arch = "wasm32")), inline(always))]
#[cfg_attr(any(unoptimised, target_arch = "wasm32"), inline(never))]
unsafe fn spread<S: Simd, const BW: usize, const PX: usize, const ST: usize>(s: S, job: &Job, blocks: Range<usize>) {
    let mut first = 0;
    while first < job.rows {
        let chunk = Chunk::new(job, first, ST);
        for index in blocks.clone() {
            // SAFETY: the block exists.
            unsafe { block::<S, BW, PX, ST>(s, job, &chunk, index) };
        }
        first += chunk.rows;
    }
}

/// The rows of a chunk in one channel block.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn block<S: Simd, const BW: usize, const PX: usize, const ST: usize>(
    s: S,
    job: &Job,
    chunk: &Chunk,
    index: usize,
) {
    let bounds = (s.splat(job.clamp.lo), s.splat(job.clamp.hi));
    // SAFETY: the caller vouches for the block; `taps` names rows of the map only.
    unsafe {
        let out = job.out.add(index * 16 * job.rows * job.width + chunk.first * job.width * BW);
        for y in 0..chunk.rows {
            let taps = chunk.taps[y];
            let mut strip = Strip {
                job,
                rows: [ZEROS.0.as_ptr(); 3],
                taps,
                weights: job.weights.add(index * 160),
                out: out.add(y * job.width * BW),
            };
            for k in taps.0..taps.1 {
                strip.rows[k] = chunk.inputs[y * ST + k].block(index, BW);
            }
            // Small tiles are those of small maps, of whose rows few are whole: not worth code of their own.
            if taps == (0, 3) && PX > 3 {
                strip.run::<S, BW, PX, ST, true>(s, bounds);
            } else {
                strip.run::<S, BW, PX, ST, false>(s, bounds);
            }
        }
    }
}

/// One output row of a channel block.
struct Strip<'a> {
    job: &'a Job,
    rows: [*const f32; 3],
    taps: (usize, usize),
    weights: *const f32,
    out: *mut f32,
}

impl Strip<'_> {
    /// The columns in tiles of `PX`; the last one moves left to end with them. `WHOLE`: no kernel row is left out.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn run<S: Simd, const BW: usize, const PX: usize, const ST: usize, const WHOLE: bool>(
        &self,
        s: S,
        bounds: (S::V, S::V),
    ) {
        let mut lane = 0;
        while lane < BW {
            let mut x = 0;
            while x < self.job.width {
                x = x.min(self.job.width - PX);
                // SAFETY: the tile's pixels lie in the row.
                unsafe { self.tile::<S, BW, PX, ST, WHOLE>(s, x, lane, bounds) };
                x += PX;
            }
            lane += S::LANES;
        }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn tile<S: Simd, const BW: usize, const PX: usize, const ST: usize, const WHOLE: bool>(
        &self,
        s: S,
        x: usize,
        lane: usize,
        (lo, hi): (S::V, S::V),
    ) {
        let columns = (PX - 1) * ST + 3;
        let start = (x * ST) as isize - self.job.window.pad[1] as isize;
        let (left, right) = (start < 0, start + columns as isize > self.job.input.width as isize);
        // SAFETY: columns outside the map are read from `ZEROS`; the caller vouches for the rest.
        unsafe {
            let weights = self.weights.add(lane);
            let mut acc = [s.load(weights); PX];
            let row = |k: usize| Taps {
                p: self.rows[k].wrapping_offset(start * BW as isize).wrapping_add(lane),
                weights: weights.add((1 + 3 * k) * BW),
                left,
                right,
            };
            if WHOLE {
                row(0).accumulate::<S, BW, PX, ST>(s, &mut acc);
                row(1).accumulate::<S, BW, PX, ST>(s, &mut acc);
                row(2).accumulate::<S, BW, PX, ST>(s, &mut acc);
            } else {
                for k in self.taps.0..self.taps.1 {
                    row(k).accumulate::<S, BW, PX, ST>(s, &mut acc);
                }
            }
            let out = self.out.add(x * BW + lane);
            for (i, x) in acc.iter().enumerate() {
                s.store(out.add(i * BW), s.clamp(*x, lo, hi));
            }
        }
    }
}

/// One kernel row of a tile.
struct Taps {
    p: *const f32,
    weights: *const f32,
    /// The first or last column lies outside the map.
    left: bool,
    right: bool,
}

impl Taps {
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn accumulate<S: Simd, const BW: usize, const PX: usize, const ST: usize>(self, s: S, acc: &mut [S::V; PX]) {
        let columns = (PX - 1) * ST + 3;
        let zeros = ZEROS.0.as_ptr();
        // SAFETY: the caller vouches for the columns inside the map.
        unsafe {
            let w = [s.load(self.weights), s.load(self.weights.add(BW)), s.load(self.weights.add(2 * BW))];
            let first = select_unpredictable(self.left, zeros, self.p);
            let last = select_unpredictable(self.right, zeros, self.p.wrapping_add((columns - 1) * BW));
            // Spelled out: a loop this long would not be unrolled, and its sums not stay in registers.
            macro_rules! columns {
                ($($q:literal)*) => {$(
                    if $q < columns {
                        let p = match $q {
                            0 => first,
                            q if q == columns - 1 => last,
                            q => self.p.wrapping_add(q * BW),
                        };
                        column::<S, PX, ST, $q>(s, &w, p, acc);
                    }
                )*};
            }
            columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        }
    }
}

/// Column `Q` of a tile, at `p`, in the sums of all pixels whose window holds it.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn column<S: Simd, const PX: usize, const ST: usize, const Q: usize>(
    s: S,
    w: &[S::V; 3],
    p: *const f32,
    acc: &mut [S::V; PX],
) {
    // SAFETY: the caller vouches for the column.
    let v = unsafe { s.load(p) };
    let tap = |j: usize| usize::wrapping_sub(Q, j);
    if tap(0) % ST == 0 && tap(0) / ST < PX {
        acc[tap(0) / ST] = s.mul_add(w[0], v, acc[tap(0) / ST]);
    }
    if tap(1) % ST == 0 && tap(1) / ST < PX {
        acc[tap(1) / ST] = s.mul_add(w[1], v, acc[tap(1) / ST]);
    }
    if tap(2) % ST == 0 && tap(2) / ST < PX {
        acc[tap(2) / ST] = s.mul_add(w[2], v, acc[tap(2) / ST]);
    }
}
