//! Depthwise convolution of a block of rows into `[C/16][rows * width][16]`.
//!
//! Panels: for 16 channels each i32 bias, f32 multiplier, then i8 pairs of taps `[1 + extras][ceil(kh * kw / 2)][16][2]`, taps in the
//! order kh, kw, the last partner 0; a weight is the sum of its parts. A kernel takes two rows of the window at a time, multiplied with
//! pairs of 16-bit weights one above the other, which are made of those once per block of channels: what two rows hold in a
//! column serves all pixels whose windows have it.
//!
//! Windows of 3x3 and 5x5 run in tiles of a few pixels, others pixel by pixel. Rows beyond the map are read from a line of the border's
//! codes; what lies under a tile at the edges is copied first, with the border beside it. Where the instruction set sums four
//! products of bytes, 3x3 windows take the columns of a row by fours instead.

use super::Bounds;
use crate::rt::Window;
use crate::rt::isa::Dot;
use crate::rt::kernel::view::{RowView, Rows, View, inside};
use core::array::from_fn;
use core::ops::Range;

/// Output rows `first..first + rows` of one group, in some channel blocks.
pub(crate) struct Job {
    /// All blocks or some of them: 16-wide ones, then perhaps one 8 wide.
    pub blocks: Range<usize>,
    pub input: View<u8>,
    /// What the border holds.
    pub border: u8,
    pub window: Window,
    pub panels: *const u8,
    pub extras: usize,
    pub bounds: Bounds,
    pub first: usize,
    pub rows: usize,
    pub width: usize,
    pub out: *mut u8,
}

/// Bytes of a panel; saturates.
pub(crate) const fn panel(taps: usize, extras: usize) -> usize {
    taps.div_ceil(2).saturating_mul(32).saturating_mul(extras.saturating_add(1)).saturating_add(128)
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe; input and output have the same
/// channels.
#[inline(always)]
pub(crate) unsafe fn rows<D: Dot>(d: D, job: &Job) {
    let (wide, _) = job.input.blocks();
    let mut known = [[None; 5]; KNOWN];
    for (y, known) in known.iter_mut().enumerate().take(job.rows) {
        *known = under(job, y);
    }
    for block in job.blocks.clone() {
        for part in 0..D::PARTS {
            // SAFETY: the block exists.
            unsafe {
                if block < wide {
                    width::<D, 16>(d, job, &known, block, part);
                } else if part == 0 {
                    width::<D, 8>(d, job, &known, block, part);
                }
            }
        }
    }
}

/// Output rows whose input rows are looked up once for all blocks.
const KNOWN: usize = 8;

/// The input rows under the first five rows of the window, as far as there are any, for a window that is not dilated.
type Under = [Option<RowView<u8>>; 5];

// One copy for all instruction sets.
#[inline(never)]
fn under(job: &Job, y: usize) -> Under {
    let top = ((job.first + y) * job.window.stride[0]) as isize - job.window.pad[0] as isize;
    let (first, end) = inside(top, job.window.kernel[0], 1, job.input.height);
    // SAFETY: `inside` returns rows of the map.
    from_fn(|ky| (first..end).contains(&ky).then(|| unsafe { job.input.row((top + ky as isize) as usize) }))
}

/// Picks the tiles.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn width<D: Dot, const W: usize>(d: D, job: &Job, rows: &[Under; KNOWN], block: usize, part: usize) {
    let Window { kernel, stride, dilation, .. } = job.window;
    // Tiles take long to compile: there are those of rows as wide, and of the family's usual window.
    let known = kernel[0] == kernel[1] && dilation == [1, 1] && (1..=2).contains(&stride[1]) && job.width >= D::PIXELS;
    // SAFETY: as for `rows`.
    unsafe {
        match (kernel[0], stride[1]) {
            (3, 1) if known => square::<D, W, 3, 1, 2>(d, job, rows, block, part),
            (3, _) if known => square::<D, W, 3, 2, 2>(d, job, rows, block, part),
            _ => general::<D, W>(d, job, block, part),
        }
    }
}

/// The panel of a block.
struct Panel {
    bias: *const i32,
    multiplier: *const f32,
    pairs: *const [i8; 2],
    /// Taps, and the parts of weights.
    taps: usize,
    rounds: usize,
}

impl Panel {
    #[inline(always)]
    fn new(job: &Job, block: usize, part: usize) -> Self {
        let taps = job.window.kernel[0] * job.window.kernel[1];
        let base = job.panels.wrapping_add(block * panel(taps, job.extras));
        let first = part * 8;
        Self {
            bias: base.cast::<i32>().wrapping_add(first),
            multiplier: base.wrapping_add(64).cast::<f32>().wrapping_add(first),
            pairs: base.wrapping_add(128).cast::<[i8; 2]>().wrapping_add(first),
            taps,
            rounds: 1 + job.extras,
        }
    }

    /// Weights of a tap for each of the part's channels.
    ///
    /// # Safety
    /// The tap exists.
    #[inline(always)]
    unsafe fn tap<D: Dot>(&self, tap: usize) -> [i32; 16] {
        let mut weights = [0; 16];
        for round in 0..self.rounds {
            let pairs = self.pairs.wrapping_add((round * self.taps.div_ceil(2) + tap / 2) * 16);
            let mut words = [0i16; 16];
            // SAFETY: as for this function.
            unsafe { words.as_mut_ptr().copy_from_nonoverlapping(pairs.cast(), 16 / D::PARTS) };
            // Loops apart: compilers make vectors of these.
            if tap.is_multiple_of(2) {
                for c in 0..16 {
                    weights[c] += i32::from(i16::from_le(words[c]) << 8 >> 8);
                }
            } else {
                for c in 0..16 {
                    weights[c] += i32::from(i16::from_le(words[c]) >> 8);
                }
            }
        }
        weights
    }

    /// Weights of two taps for each of the part's channels, or of `upper` alone.
    ///
    /// # Safety
    /// The taps exist.
    #[inline(always)]
    unsafe fn pair<D: Dot>(&self, upper: usize, lower: Option<usize>) -> [i32; 16] {
        // SAFETY: as for this function.
        let mut weights = unsafe { self.tap::<D>(upper) };
        for c in 0..16 {
            weights[c] &= 0xffff;
        }
        if let Some(lower) = lower {
            // SAFETY: as for this function.
            let lower = unsafe { self.tap::<D>(lower) };
            for c in 0..16 {
                weights[c] |= lower[c] << 16;
            }
        }
        weights
    }

    /// Three taps from `first` on for each of the channels as bytes, behind so many zeros.
    ///
    /// # Safety
    /// The taps exist, their weights have one part.
    #[inline(always)]
    unsafe fn four<D: Dot>(&self, first: usize, zeros: usize) -> [i32; 16] {
        // SAFETY: as for this function.
        let [x, y, z] = unsafe { [self.tap::<D>(first), self.tap::<D>(first + 1), self.tap::<D>(first + 2)] };
        let mut weights = [0; 16];
        for c in 0..16 {
            weights[c] = (x[c] & 0xff | (y[c] & 0xff) << 8 | (z[c] & 0xff) << 16) << (8 * zeros);
        }
        weights
    }
}

/// Columns under a tile at most: four pixels of 5x5 windows and stride 2.
const COLUMNS: usize = 11;

/// Windows of `K` x `K` with stride `ST` between columns; `PAIRS` is half of `K`, rounded up.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn square<D: Dot, const W: usize, const K: usize, const ST: usize, const PAIRS: usize>(
    d: D,
    job: &Job,
    rows: &[Under; KNOWN],
    block: usize,
    part: usize,
) {
    let panel = Panel::new(job, block, part);
    let mut weights = [[[0; 16]; K]; PAIRS];
    let by_fours = D::FOURS && K == 3 && W == 16 && panel.rounds == 1;
    for (r, row) in weights.iter_mut().enumerate() {
        for (kx, weights) in row.iter_mut().enumerate() {
            // SAFETY: the taps exist.
            *weights = unsafe {
                if by_fours {
                    // Of each row two: without the fourth column, and without the first.
                    let index = r * K + kx;
                    panel.four::<D>(index / 2 * K, index % 2)
                } else {
                    let (upper, lower) = (2 * r * K + kx, (2 * r + 1) * K + kx);
                    panel.pair::<D>(upper, (lower < K * K).then_some(lower))
                }
            };
        }
    }
    let border = [[job.border; 16]; COLUMNS];
    let mut beside = [[[job.border; 16]; COLUMNS]; K];
    for y in 0..job.rows {
        let inputs = rows.get(y).copied().unwrap_or_else(|| under(job, y));
        // Where each row begins, and bytes from column to column: none where it is border.
        let lines: [(*const u8, usize); K] = from_fn(|ky| {
            match inputs[ky] {
                // SAFETY: the row lies in the map, and the block exists.
                Some(row) => (unsafe { row.block(block, W) }.cast_const().wrapping_add(part * 8), W),
                None => (border.as_ptr().cast(), 0),
            }
        });
        let out = job.out.wrapping_add(block * 16 * job.rows * job.width + y * job.width * W + part * 8);
        let strip = Strip { job, panel: &panel, weights: &weights, by_fours, lines, out };
        // SAFETY: the tiles' pixels lie in the row, which has as many.
        unsafe {
            match D::PIXELS {
                4 => strip.tiles::<D, W, ST, 4>(d, &mut beside),
                _ => strip.tiles::<D, W, ST, 2>(d, &mut beside),
            }
        }
    }
}

/// One output row of a channel block.
struct Strip<'a, const K: usize, const PAIRS: usize> {
    job: &'a Job,
    panel: &'a Panel,
    weights: &'a [[[i32; 16]; K]; PAIRS],
    by_fours: bool,
    lines: [(*const u8, usize); K],
    out: *mut u8,
}

impl<const K: usize, const PAIRS: usize> Strip<'_, K, PAIRS> {
    /// The row in tiles of `P` pixels, which it has; the last one moves left to end with it. What lies under a tile at the edges goes
    /// to `beside`.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn tiles<D: Dot, const W: usize, const ST: usize, const P: usize>(
        &self,
        d: D,
        beside: &mut [[[u8; 16]; COLUMNS]; K],
    ) {
        let (job, mut x) = (self.job, 0);
        let columns = (P - 1) * ST + K;
        while x < job.width {
            x = x.min(job.width - P);
            let left = (x * ST) as isize - job.window.pad[1] as isize;
            let mut lines = [core::ptr::null(); K];
            for (line, (p, step)) in lines.iter_mut().zip(self.lines) {
                *line = p.wrapping_offset(left * step as isize);
            }
            // SAFETY: the tile's pixels lie in the row; what is read, under it or in the copy.
            unsafe {
                let sums = if D::FOURS && K == 3 && W == 16 && self.by_fours {
                    self.fours::<D, ST, P>(d, lines, left)
                } else {
                    if left < 0 || left as usize + columns > job.input.width {
                        for (line, row) in lines.iter_mut().zip(beside.iter_mut()) {
                            for (q, codes) in row.as_flattened_mut().chunks_exact_mut(W).enumerate().take(columns) {
                                let column = left + q as isize;
                                if column >= 0 && (column as usize) < job.input.width {
                                    // Of a row of the border, any part is as good.
                                    let width = (16 / D::PARTS).min(W);
                                    codes.as_mut_ptr().copy_from_nonoverlapping(line.wrapping_add(q * W), width);
                                } else {
                                    codes.fill(job.border);
                                }
                            }
                            *line = row.as_ptr().cast();
                        }
                    }
                    self.tile::<D, W, ST, P>(d, lines)
                };
                d.store::<P, W>(&sums, self.panel.multiplier, job.bounds, self.out.add(x * W));
            }
            x += P;
        }
    }

    /// Sums of a tile, by pairs of rows.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn tile<D: Dot, const W: usize, const ST: usize, const P: usize>(
        &self,
        d: D,
        lines: [*const u8; K],
    ) -> [D::Lanes; P] {
        let columns = (P - 1) * ST + K;
        // SAFETY: the caller vouches for the columns under the tile.
        unsafe {
            let mut sums = [d.lanes(self.panel.bias); P];
            // Spelled out: a loop this long would not be unrolled, and its sums not stay in registers.
            macro_rules! columns {
                ($($q:literal)*) => {$(
                    if $q < columns {
                        for r in 0..PAIRS {
                            let upper = lines[2 * r].add($q * W);
                            let pair = if 2 * r + 1 < K {
                                d.rows::<W>(upper, lines[2 * r + 1].add($q * W))
                            } else {
                                d.row::<W>(upper)
                            };
                            for i in 0..P {
                                let kx = usize::wrapping_sub($q, i * ST);
                                if kx < K {
                                    sums[i] = d.pairs(sums[i], pair, self.weights[r][kx].as_ptr());
                                }
                            }
                        }
                    }
                )*};
            }
            columns!(0 1 2 3 4 5 6 7 8 9 10);
            sums
        }
    }

    /// Sums of a tile, by four columns of a row, the first of them `left` of the map; codes beyond it are not read.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn fours<D: Dot, const ST: usize, const P: usize>(
        &self,
        d: D,
        lines: [*const u8; K],
        left: isize,
    ) -> [D::Lanes; P] {
        // A bit for each four channels of the columns that lie in the map.
        let end = (self.job.input.width as isize - left).clamp(0, 15);
        let inside = ((1u64 << (4 * end)) - 1) & (!0 << (4 * (-left).clamp(0, 15)));
        // SAFETY: the caller vouches for the columns in the map.
        unsafe {
            let mut sums = [d.lanes(self.panel.bias); P];
            for (ky, line) in lines.iter().enumerate() {
                let [first, second] = [2 * ky, 2 * ky + 1].map(|index| self.weights[index / K][index % K].as_ptr());
                let columns =
                    |q: usize| d.columns(line.wrapping_add(q * 16), (inside >> (4 * q)) as u16, self.job.border);
                if ST == 1 && P.is_multiple_of(2) {
                    for i in (0..P).step_by(2) {
                        let codes = columns(i);
                        sums[i] = d.fours(sums[i], codes, first);
                        sums[i + 1] = d.fours(sums[i + 1], codes, second);
                    }
                } else {
                    for i in 0..P {
                        sums[i] = d.fours(sums[i], columns(i * ST), first);
                    }
                }
            }
            sums
        }
    }
}

/// Any window, pixel by pixel.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn general<D: Dot, const W: usize>(d: D, job: &Job, block: usize, part: usize) {
    let Window { kernel, stride, dilation, pad } = job.window;
    let panel = Panel::new(job, block, part);
    let border = [job.border; 16];
    // SAFETY: the taps exist.
    let pair =
        |index: usize| unsafe { panel.pair::<D>(2 * index, Some(2 * index + 1).filter(|&tap| tap < panel.taps)) };
    // Those of windows up to 7x7 are made once.
    let mut known = [[0; 16]; 25];
    for (index, weights) in known.iter_mut().enumerate().take(panel.taps.div_ceil(2)) {
        *weights = pair(index);
    }
    for y in 0..job.rows {
        let top = ((job.first + y) * stride[0]) as isize - pad[0] as isize;
        let inputs = Rows::new(job.input, top, kernel[0], dilation[0]);
        let out = job.out.wrapping_add(block * 16 * job.rows * job.width + y * job.width * W + part * 8);
        for x in 0..job.width {
            let left = (x * stride[1]) as isize - pad[1] as isize;
            // SAFETY: the taps exist; what lies outside the map is read from the border.
            unsafe {
                let at = |tap: usize| {
                    let (ky, kx) = (tap / kernel[1], tap % kernel[1]);
                    let column = left + (kx * dilation[1]) as isize;
                    let inside = column >= 0 && (column as usize) < job.input.width;
                    if inside && (inputs.first..inputs.end).contains(&ky) {
                        inputs.get(ky).block(block, W).cast_const().add(column as usize * W + part * 8)
                    } else {
                        border.as_ptr()
                    }
                };
                let mut sums = [d.lanes(panel.bias)];
                for index in 0..panel.taps.div_ceil(2) {
                    let tap = 2 * index;
                    let codes =
                        if tap + 1 < panel.taps { d.rows::<W>(at(tap), at(tap + 1)) } else { d.row::<W>(at(tap)) };
                    let weights = known.get(index).copied().unwrap_or_else(|| pair(index));
                    sums[0] = d.pairs(sums[0], codes, weights.as_ptr());
                }
                d.store::<1, W>(&sums, panel.multiplier, job.bounds, out.add(x * W));
            }
        }
    }
}
