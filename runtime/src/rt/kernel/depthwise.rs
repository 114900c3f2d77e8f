//! Depthwise convolution of a block of rows into `[C/16][rows * width][16]`.
//!
//! 3x3 windows of stride 1 or 2 with at most one border pixel run in tiles of up to 8 pixels whose sums stay in
//! registers; border columns are read from a line of zeros and border rows are left out. Other windows run in
//! [`general`].

mod general;

use super::view::{RowView, View, inside};
use crate::rt::{Clamp, Window, isa::Simd};

/// Output rows `first..first + rows` of one group.
pub(crate) struct Job {
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
    let tiles = job.width.div_ceil(S::PIXELS);
    // SAFETY: as for this function; `fits` is what the tiles ask for.
    unsafe {
        match fits(job) {
            Some(1) => choose::<S, 1>(s, job, tiles),
            Some(2) => choose::<S, 2>(s, job, tiles),
            _ => general::rows(s, job),
        }
    }
}

/// The stride, where the tiles can compute the window: 3x3 with at most one border column on either side.
fn fits(job: &Job) -> Option<usize> {
    let Window { kernel, stride, dilation, pad } = job.window;
    let right = (job.width - 1) * stride[1] + 3;
    let small = kernel == [3, 3] && dilation == [1, 1] && stride[0] == stride[1] && pad[1] <= 1;
    (small && right <= job.input.width + pad[1] + 1).then_some(stride[0])
}

/// Picks the tile widths that spread a row over `tiles` evenly: `base` and, for the remainder, `base + 1`.
#[inline(always)]
unsafe fn choose<S: Simd, const ST: usize>(s: S, job: &Job, tiles: usize) {
    // SAFETY: as for `rows`.
    unsafe {
        match job.width / tiles {
            1 => spread::<S, 2, 1, ST>(s, job, tiles),
            2 => spread::<S, 3, 2, ST>(s, job, tiles),
            3 => spread::<S, 4, 3, ST>(s, job, tiles),
            4 if S::PIXELS > 4 => spread::<S, 5, 4, ST>(s, job, tiles),
            5 if S::PIXELS > 4 => spread::<S, 6, 5, ST>(s, job, tiles),
            6 if S::PIXELS > 4 => spread::<S, 7, 6, ST>(s, job, tiles),
            7 if S::PIXELS > 4 => spread::<S, 8, 7, ST>(s, job, tiles),
            8 if S::PIXELS > 4 => spread::<S, 8, 8, ST>(s, job, tiles),
            _ => spread::<S, 4, 4, ST>(s, job, tiles),
        }
    }
}

#[inline(always)]
unsafe fn spread<S: Simd, const PA: usize, const PB: usize, const ST: usize>(s: S, job: &Job, tiles: usize) {
    const LIMIT: usize = (CHUNK - 1) * 2 + 3;
    let (wide, narrow) = job.input.blocks();
    let mut done = 0;
    while done < job.rows {
        let chunk = CHUNK.min(job.rows - done);
        let top = ((job.first + done) * ST) as isize - job.window.pad[0] as isize;
        let (first, end) = inside(top, (chunk - 1) * ST + 3, 1, job.input.height);
        let mut inputs = [RowView { base: core::ptr::null_mut(), block: 0, pixel: 0 }; LIMIT];
        // SAFETY: `inside` returns rows of the map; the blocks exist.
        unsafe {
            for (k, row) in inputs.iter_mut().enumerate().take(end).skip(first) {
                *row = job.input.row((top + k as isize) as usize);
            }
            let strip = Strip { job, inputs: &inputs, valid: (first, end), done, chunk, tiles };
            for block in 0..wide {
                strip.block::<S, 16, PA, PB, ST>(s, block);
            }
            if narrow {
                strip.block::<S::Narrow, 8, PA, PB, ST>(s.narrow(), wide);
            }
        }
        done += chunk;
    }
}

/// A few output rows: `done..done + chunk` of the job.
struct Strip<'a> {
    job: &'a Job,
    inputs: &'a [RowView],
    valid: (usize, usize),
    done: usize,
    chunk: usize,
    tiles: usize,
}

impl Strip<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const BW: usize, const PA: usize, const PB: usize, const ST: usize>(
        &self,
        s: S,
        block: usize,
    ) {
        let job = self.job;
        let bounds = (s.splat(job.clamp.lo), s.splat(job.clamp.hi));
        let wider = job.width % self.tiles;
        // SAFETY: the caller vouches for the block; rows outside `valid` are left out.
        unsafe {
            let weights = job.weights.add(block * 160);
            let out = job.out.add(block * 16 * job.rows * job.width + self.done * job.width * BW);
            for y in 0..self.chunk {
                let taps = (self.valid.0.saturating_sub(y * ST).min(3), self.valid.1.saturating_sub(y * ST).min(3));
                let mut rows = [ZEROS.0.as_ptr(); 3];
                for k in taps.0..taps.1 {
                    rows[k] = self.inputs[y * ST + k].block(block, BW).cast_const();
                }
                let mut lane = 0;
                while lane < BW {
                    let mut tile = Tile {
                        rows,
                        taps,
                        lane,
                        width: job.input.width as isize,
                        weights: weights.add(lane),
                        x: -(job.window.pad[1] as isize),
                        out: out.add(y * job.width * BW + lane),
                    };
                    for _ in 0..wider {
                        tile.run::<S, BW, PA, ST>(s, bounds);
                    }
                    for _ in wider..self.tiles {
                        tile.run::<S, BW, PB, ST>(s, bounds);
                    }
                    lane += S::LANES;
                }
            }
        }
    }
}

/// Where the next tile of a row lies.
struct Tile {
    rows: [*const f32; 3],
    taps: (usize, usize),
    lane: usize,
    width: isize,
    weights: *const f32,
    /// Input column of the first tap.
    x: isize,
    out: *mut f32,
}

impl Tile {
    #[inline(always)]
    unsafe fn run<S: Simd, const BW: usize, const PX: usize, const ST: usize>(&mut self, s: S, (lo, hi): (S::V, S::V)) {
        let columns = (PX - 1) * ST + 3;
        let zeros = ZEROS.0.as_ptr();
        let (left, right) = (self.x < 0, self.x + columns as isize > self.width);
        // SAFETY: columns outside the map are read from `ZEROS`; the caller vouches for the rest.
        unsafe {
            let mut acc = [s.load(self.weights); PX];
            for k in self.taps.0..self.taps.1 {
                let w = self.weights.add((1 + 3 * k) * BW);
                let w = [s.load(w), s.load(w.add(BW)), s.load(w.add(2 * BW))];
                let p = self.rows[k].wrapping_offset(self.x * BW as isize).wrapping_add(self.lane);
                for q in 0..columns {
                    let outside = (q == 0 && left) || (q == columns - 1 && right);
                    let v = s.load(if outside { zeros } else { p.wrapping_add(q * BW) });
                    for (j, w) in w.iter().enumerate() {
                        if q >= j && (q - j) % ST == 0 && (q - j) / ST < PX {
                            acc[(q - j) / ST] = s.mul_add(*w, v, acc[(q - j) / ST]);
                        }
                    }
                }
            }
            for (i, x) in acc.iter().enumerate() {
                s.store(self.out.add(i * BW), s.clamp(*x, lo, hi));
            }
        }
        self.x += (PX * ST) as isize;
        self.out = self.out.wrapping_add(PX * BW);
    }
}
