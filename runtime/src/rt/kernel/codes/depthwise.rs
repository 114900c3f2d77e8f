//! Depthwise convolution of a block of rows into `[C/16][rows * width][16]`.
//!
//! Panels: for 16 channels each i32 bias, f32 multiplier, then i8 pairs of taps `[1 + extras][ceil(kh * kw / 2)][16][2]`, taps in the
//! order kh, kw, the last partner 0; a weight is the sum of its parts. A kernel takes two rows of the window at a time, multiplied with
//! pairs of 16-bit weights one above the other, which are made of those once per block of channels: what two rows hold in a
//! column serves all pixels whose windows have it.
//!
//! Windows of 3x3 run in tiles of a few pixels, others pixel by pixel. Rows beyond the map are read from a line of the border's
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

/// The kernels of one instruction set, apart from each other: together, inlined into one function, they take long to compile.
pub(crate) struct Tiles {
    /// Parts of a panel.
    pub parts: usize,
    /// Pixels of a tile.
    pub pixels: usize,
    /// For windows of 3x3 in blocks of 16 channels and of 8, with stride 1 and 2 between columns.
    pub square: [[SquareFn; 2]; 2],
    /// The same for blocks of 16 channels and weights of 8 bits, where the instruction set has it.
    pub fours: Option<[SquareFn; 2]>,
    pub general: GeneralFn,
    pub spread: SpreadFn,
}

type SquareFn = unsafe fn(job: &Job, rows: &[Under; KNOWN], panel: &Panel, spread: SpreadFn);
type GeneralFn = unsafe fn(job: &Job, panel: &Panel, spread: SpreadFn);
pub(crate) type SpreadFn = unsafe fn(panel: &Panel, order: Order, first: usize, weights: &mut [[i32; 16]]);

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe; input and output have the same
/// channels.
pub(crate) unsafe fn rows(job: &Job, tiles: &Tiles) {
    let Window { kernel, stride, dilation, .. } = job.window;
    // There are tiles of rows as wide, and of the family's usual window.
    let known = kernel == [3, 3] && dilation == [1, 1] && (1..=2).contains(&stride[1]) && job.width >= tiles.pixels;
    let mut rows = [[None; 5]; KNOWN];
    if known {
        for (y, row) in rows.iter_mut().enumerate().take(job.rows) {
            *row = under(job, y);
        }
    }
    let (wide, _) = job.input.blocks();
    for block in job.blocks.clone() {
        let narrow = block >= wide;
        for part in 0..if narrow { 1 } else { tiles.parts } {
            let panel = Panel::new(job, block, part, tiles.parts);
            // SAFETY: the block exists.
            unsafe {
                if !known {
                    (tiles.general)(job, &panel, tiles.spread);
                    continue;
                }
                let square = match tiles.fours {
                    Some(fours) if !narrow && panel.rounds == 1 => fours,
                    _ => tiles.square[usize::from(narrow)],
                };
                square[stride[1] - 1](job, &rows, &panel, tiles.spread);
            }
        }
    }
}

/// Output rows whose input rows are looked up once for all blocks.
pub(crate) const KNOWN: usize = 8;

/// The input rows under the first five rows of the window, as far as there are any, for a window that is not dilated.
pub(crate) type Under = [Option<RowView<u8>>; 5];

// One copy for all instruction sets.
#[inline(never)]
fn under(job: &Job, y: usize) -> Under {
    let top = ((job.first + y) * job.window.stride[0]) as isize - job.window.pad[0] as isize;
    let (first, end) = inside(top, job.window.kernel[0], 1, job.input.height);
    // SAFETY: `inside` returns rows of the map.
    from_fn(|ky| (first..end).contains(&ky).then(|| unsafe { job.input.row((top + ky as isize) as usize) }))
}

/// The panel of a block.
pub(crate) struct Panel {
    block: usize,
    part: usize,
    /// Channels of the part that there are weights of.
    channels: usize,
    /// Whether the block is 8 wide.
    narrow: bool,
    bias: *const i32,
    multiplier: *const f32,
    pairs: *const [i8; 2],
    /// Taps, and the parts of weights.
    taps: usize,
    rounds: usize,
}

/// Which taps are multiplied together.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// One and the next.
    Pairs,
    /// Of a window that is so wide, those above each other in the first two rows, then in the next.
    Rows(usize),
    /// As bytes, the three of a row, twice: without the fourth column, and without the first.
    Fours,
}

impl Panel {
    fn new(job: &Job, block: usize, part: usize, parts: usize) -> Self {
        let taps = job.window.kernel[0] * job.window.kernel[1];
        let base = job.panels.wrapping_add(block * panel(taps, job.extras));
        let first = part * 8;
        Self {
            block,
            part,
            channels: 16 / parts,
            narrow: block >= job.input.blocks().0,
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
    unsafe fn tap(&self, tap: usize) -> [i32; 16] {
        let mut weights = [0; 16];
        for round in 0..self.rounds {
            let pairs = self.pairs.wrapping_add((round * self.taps.div_ceil(2) + tap / 2) * 16);
            let mut words = [0i16; 16];
            // SAFETY: as for this function.
            unsafe {
                if self.channels == 16 {
                    words.as_mut_ptr().copy_from_nonoverlapping(pairs.cast(), 16);
                } else {
                    words.as_mut_ptr().copy_from_nonoverlapping(pairs.cast(), 8);
                }
            }
            let shift = if tap.is_multiple_of(2) { 8 } else { 0 };
            for c in 0..16 {
                weights[c] += i32::from((i16::from_le(words[c]) << shift) >> 8);
            }
        }
        weights
    }
}

/// The weights of those taps together that are `first` and behind it in an order.
///
/// # Safety
/// There are so many; for bytes, weights have one part.
#[inline(always)]
pub(crate) unsafe fn spread(panel: &Panel, order: Order, first: usize, weights: &mut [[i32; 16]]) {
    for (index, weights) in (first..).zip(weights) {
        let (tap, step, count, mask, shift) = match order {
            Order::Pairs => (2 * index, 1, 2, 0xffff, 0),
            Order::Rows(width) => (index / width * 2 * width + index % width, width, 2, 0xffff, 0),
            Order::Fours => (index / 2 * 3, 1, 3, 0xff, 8 * (index as u32 % 2)),
        };
        let bits = if count == 3 { 8 } else { 16 };
        let mut sums = [0; 16];
        for i in 0..count {
            let tap = tap + i * step;
            if tap < panel.taps {
                // SAFETY: the tap exists.
                let one = unsafe { panel.tap(tap) };
                let shift = shift + bits * i as u32;
                for c in 0..16 {
                    sums[c] |= (one[c] & mask) << shift;
                }
            }
        }
        *weights = sums;
    }
}

/// Columns under a tile at most: four pixels and stride 2.
const COLUMNS: usize = 9;

/// Windows of 3x3 with stride `ST` between columns, by fours of columns if `FOURS`, else by pairs of rows.
///
/// # Safety
/// As for [`rows`], of which the panel is.
#[inline(always)]
pub(crate) unsafe fn square<D: Dot, const W: usize, const ST: usize, const FOURS: bool>(
    d: D,
    job: &Job,
    rows: &[Under; KNOWN],
    panel: &Panel,
    spread: SpreadFn,
) {
    let mut weights = [[0; 16]; 6];
    // SAFETY: the taps exist; who takes columns by fours has asked for their parts.
    unsafe { spread(panel, if FOURS { Order::Fours } else { Order::Rows(3) }, 0, &mut weights) };
    let border = [[job.border; 16]; COLUMNS];
    let mut beside = [[[job.border; 16]; COLUMNS]; 3];
    for y in 0..job.rows {
        let inputs = rows.get(y).copied().unwrap_or_else(|| under(job, y));
        // Where each row begins, and bytes from column to column: none where it is border.
        let lines: [(*const u8, usize); 3] = from_fn(|ky| {
            match inputs[ky] {
                // SAFETY: the row lies in the map, and the block exists.
                Some(row) => (unsafe { row.block(panel.block, W) }.cast_const().wrapping_add(panel.part * 8), W),
                None => (border.as_ptr().cast(), 0),
            }
        });
        let out = job.out.wrapping_add(panel.block * 16 * job.rows * job.width + y * job.width * W + panel.part * 8);
        let strip = Strip { job, panel, weights: &weights, lines, out };
        // SAFETY: the tiles' pixels lie in the row, which has as many.
        unsafe {
            match D::PIXELS {
                4 => strip.tiles::<D, W, ST, 4, FOURS>(d, &mut beside),
                _ => strip.tiles::<D, W, ST, 2, FOURS>(d, &mut beside),
            }
        }
    }
}

/// Copies what lies under a tile at the edges, `columns` from column `left` on, with the border beside it.
///
/// # Safety
/// Of each line the columns of the map must be readable, a part's channels or `W` codes.
// One copy for all instruction sets.
#[inline(never)]
unsafe fn edge<const W: usize>(
    job: &Job,
    channels: usize,
    lines: &mut [*const u8; 3],
    beside: &mut [[[u8; 16]; COLUMNS]; 3],
    (left, columns): (isize, usize),
) {
    for (line, row) in lines.iter_mut().zip(beside) {
        for (q, codes) in row.as_flattened_mut().chunks_exact_mut(W).enumerate().take(columns) {
            let (column, from) = (left + q as isize, line.wrapping_add(q * W));
            if column >= 0 && (column as usize) < job.input.width {
                // SAFETY: as for this function. Of a row of the border, any part is as good.
                unsafe {
                    if channels < W {
                        codes.as_mut_ptr().copy_from_nonoverlapping(from, 8);
                    } else {
                        codes.as_mut_ptr().copy_from_nonoverlapping(from, W);
                    }
                }
            } else {
                codes.fill(job.border);
            }
        }
        *line = row.as_ptr().cast();
    }
}

/// One output row of a channel block.
struct Strip<'a> {
    job: &'a Job,
    panel: &'a Panel,
    weights: &'a [[i32; 16]; 6],
    lines: [(*const u8, usize); 3],
    out: *mut u8,
}

impl Strip<'_> {
    /// The row in tiles of `P` pixels, which it has; the last one moves left to end with it. What lies under a tile at the edges goes
    /// to `beside`.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn tiles<D: Dot, const W: usize, const ST: usize, const P: usize, const FOURS: bool>(
        &self,
        d: D,
        beside: &mut [[[u8; 16]; COLUMNS]; 3],
    ) {
        let (job, mut x) = (self.job, 0);
        let columns = (P - 1) * ST + 3;
        while x < job.width {
            x = x.min(job.width - P);
            let left = (x * ST) as isize - job.window.pad[1] as isize;
            let mut lines = [core::ptr::null(); 3];
            for (line, (p, step)) in lines.iter_mut().zip(self.lines) {
                *line = p.wrapping_offset(left * step as isize);
            }
            // SAFETY: the tile's pixels lie in the row; what is read, under it or in the copy.
            unsafe {
                let sums = if FOURS {
                    self.fours::<D, ST, P>(d, lines, left)
                } else {
                    if left < 0 || left as usize + columns > job.input.width {
                        edge::<W>(job, self.panel.channels, &mut lines, beside, (left, columns));
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
        lines: [*const u8; 3],
    ) -> [D::Lanes; P] {
        let columns = (P - 1) * ST + 3;
        // SAFETY: the caller vouches for the columns under the tile.
        unsafe {
            let mut sums = [d.lanes(self.panel.bias); P];
            // Spelled out: a loop this long would not be unrolled, and its sums not stay in registers.
            macro_rules! columns {
                ($($q:literal)*) => {$(
                    if $q < columns {
                        let [upper, middle, lower] = lines.map(|line| line.wrapping_add($q * W));
                        let pairs = [d.rows::<W>(upper, middle), d.row::<W>(lower)];
                        for (r, pair) in pairs.into_iter().enumerate() {
                            for i in 0..P {
                                let kx = usize::wrapping_sub($q, i * ST);
                                if kx < 3 {
                                    sums[i] = d.pairs(sums[i], pair, self.weights[r * 3 + kx].as_ptr());
                                }
                            }
                        }
                    }
                )*};
            }
            columns!(0 1 2 3 4 5 6 7 8);
            sums
        }
    }

    /// Sums of a tile, by four columns of a row, the first of them `left` of the map; codes beyond it are not read.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    unsafe fn fours<D: Dot, const ST: usize, const P: usize>(
        &self,
        d: D,
        lines: [*const u8; 3],
        left: isize,
    ) -> [D::Lanes; P] {
        // A bit for each four channels of the columns that lie in the map.
        let end = (self.job.input.width as isize - left).clamp(0, 15);
        let inside = ((1u64 << (4 * end)) - 1) & (!0 << (4 * (-left).clamp(0, 15)));
        // SAFETY: the caller vouches for the columns in the map.
        unsafe {
            let mut sums = [d.lanes(self.panel.bias); P];
            for (ky, line) in lines.iter().enumerate() {
                let [first, second] = [2 * ky, 2 * ky + 1].map(|index| self.weights[index].as_ptr());
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
///
/// # Safety
/// As for [`square`].
#[inline(always)]
pub(crate) unsafe fn general<D: Dot>(d: D, job: &Job, panel: &Panel, spread: SpreadFn) {
    let Window { kernel, stride, dilation, pad } = job.window;
    let border = [job.border; 16];
    let pairs = panel.taps.div_ceil(2);
    let step = if panel.narrow { 8 } else { 16 };
    // Those of windows up to 7x7 are made once.
    let mut known = [[0; 16]; 25];
    let made = pairs.min(known.len());
    // SAFETY: the taps exist.
    unsafe { spread(panel, Order::Pairs, 0, &mut known[..made]) };
    for y in 0..job.rows {
        let top = ((job.first + y) * stride[0]) as isize - pad[0] as isize;
        let inputs = Rows::new(job.input, top, kernel[0], dilation[0]);
        let out = job.out.wrapping_add(panel.block * 16 * job.rows * job.width + y * job.width * step + panel.part * 8);
        for x in 0..job.width {
            let left = (x * stride[1]) as isize - pad[1] as isize;
            // SAFETY: the taps exist; what lies outside the map is read from the border.
            unsafe {
                let at = |tap: usize| {
                    let (ky, kx) = (tap / kernel[1], tap % kernel[1]);
                    let column = left + (kx * dilation[1]) as isize;
                    let inside = column >= 0 && (column as usize) < job.input.width;
                    if tap < panel.taps && inside && (inputs.first..inputs.end).contains(&ky) {
                        let row = inputs.get(ky).block(panel.block, step).cast_const();
                        row.add(column as usize * step + panel.part * 8)
                    } else {
                        // Also for the partner of the last tap, whose weights are 0.
                        border.as_ptr()
                    }
                };
                let mut sums = [d.lanes(panel.bias)];
                for index in 0..pairs {
                    let (upper, lower) = (at(2 * index), at(2 * index + 1));
                    let codes = if panel.narrow { d.rows::<8>(upper, lower) } else { d.rows::<16>(upper, lower) };
                    let mut more = [[0; 16]];
                    let weights = match known.get(index) {
                        Some(weights) => weights,
                        None => {
                            spread(panel, Order::Pairs, index, &mut more);
                            &more[0]
                        }
                    };
                    sums[0] = d.pairs(sums[0], codes, weights.as_ptr());
                }
                let out = out.add(x * step);
                if panel.narrow {
                    d.store::<1, 8>(&sums, panel.multiplier, job.bounds, out);
                } else {
                    d.store::<1, 16>(&sums, panel.multiplier, job.bounds, out);
                }
            }
        }
    }
}
