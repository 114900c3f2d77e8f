//! Maximum and mean of windows of codes, and the mean of a whole map.

use super::Bounds;
use crate::rt::Window;
use crate::rt::kernel::pool::Pool;
use crate::rt::kernel::view::{Rows, View, inside};
use core::array::from_fn;
use core::ops::Range;

/// Output rows `first..first + rows` of one group, in some channel blocks.
pub(crate) struct Job {
    pub pool: Pool,
    pub blocks: Range<usize>,
    pub input: View<u8>,
    pub means: Means,
    pub window: Window,
    pub first: usize,
    pub rows: usize,
    pub width: usize,
    pub out: *mut u8,
}

/// What a sum of codes becomes.
#[derive(Clone, Copy)]
pub(crate) struct Means {
    /// The input's code of 0.
    pub zero: u8,
    pub input: f32,
    pub output: f32,
    pub bounds: Bounds,
}

impl Means {
    /// What the mean of `count` codes multiplies their sum by.
    #[inline(always)]
    fn multiplier(&self, count: usize) -> f32 {
        self.input / (self.output * count as f32)
    }

    /// The mean's code, from the sum of `codes` of them.
    #[inline(always)]
    fn store(&self, sum: i32, codes: usize, multiplier: f32) -> u8 {
        self.bounds.store(sum.wrapping_sub((codes as i32).wrapping_mul(i32::from(self.zero))) as f32 * multiplier)
    }
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe; input and output have the same
/// channels.
#[inline(always)]
pub(crate) unsafe fn rows(job: &Job) {
    let Window { kernel, stride, dilation, pad } = job.window;
    let (wide, _) = job.input.blocks();
    for y in 0..job.rows {
        let top = ((job.first + y) * stride[0]) as isize - pad[0] as isize;
        let inputs = Rows::new(job.input, top, kernel[0], dilation[0]);
        // SAFETY: the blocks exist; behind the wide ones one is 8 wide.
        unsafe {
            for block in job.blocks.clone() {
                if block < wide {
                    row::<16>(job, &inputs, y, block);
                } else {
                    row::<8>(job, &inputs, y, block);
                }
            }
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn row<const BW: usize>(job: &Job, inputs: &Rows<u8>, y: usize, block: usize) {
    let Window { kernel, stride, dilation, pad } = job.window;
    let out = job.out.wrapping_add(block * 16 * job.rows * job.width + y * job.width * BW);
    for x in 0..job.width {
        let left = (x * stride[1]) as isize - pad[1] as isize;
        let (begin, end) = inside(left, kernel[1], dilation[1], job.input.width);
        // SAFETY: `inputs` and the taps lie inside the map, the pixel in the output.
        let taps =
            (inputs.first..inputs.end).flat_map(|ky| (begin..end).map(move |kx| (ky, kx))).map(|(ky, kx)| unsafe {
                let row = inputs.get(ky).block(block, BW);
                row.add((x * stride[1] + kx * dilation[1] - pad[1]) * BW).cast::<[u8; BW]>().read()
            });
        let codes: [u8; BW] = if job.pool == Pool::Max {
            let most = taps.fold([0; BW], |most, codes| from_fn(|c| most[c].max(codes[c])));
            most.map(|code| code.clamp(job.means.bounds.lo, job.means.bounds.hi))
        } else {
            let sums = taps.fold([0i32; BW], |sums, codes| from_fn(|c| sums[c].wrapping_add(i32::from(codes[c]))));
            let some = (inputs.end - inputs.first) * (end - begin);
            let count = if job.pool == Pool::Whole { kernel[0] * kernel[1] } else { some.max(1) };
            let multiplier = job.means.multiplier(count);
            sums.map(|sum| job.means.store(sum, some, multiplier))
        };
        // SAFETY: the pixel lies in the output.
        unsafe { out.add(x * BW).cast::<[u8; BW]>().write(codes) };
    }
}

/// Some channel blocks of a map, to their means.
pub(crate) struct Mean {
    pub input: View<u8>,
    pub blocks: Range<usize>,
    pub means: Means,
    /// A pixel of the map's channels.
    pub to: *mut u8,
}

/// # Safety
/// The blocks must exist, and the pixel have them.
#[inline(always)]
pub(crate) unsafe fn mean(job: &Mean) {
    let (wide, _) = job.input.blocks();
    for block in job.blocks.clone() {
        // SAFETY: the block exists; behind the wide ones it is 8 wide.
        unsafe {
            if block < wide {
                sum::<16>(job, block);
            } else {
                sum::<8>(job, block);
            }
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn sum<const BW: usize>(job: &Mean, block: usize) {
    let Mean { input, means, .. } = job;
    let mut sums = [0i32; BW];
    for q in 0..input.groups() {
        // SAFETY: the group exists, and in it `rows * width` pixels of this block.
        unsafe {
            let (base, rows) = input.group(q);
            let pixels = rows * input.width;
            let p = base.add(block * 16 * pixels);
            for i in 0..pixels {
                let codes = p.add(i * BW).cast::<[u8; BW]>().read();
                for c in 0..BW {
                    sums[c] = sums[c].wrapping_add(i32::from(codes[c]));
                }
            }
        }
    }
    let count = input.height * input.width;
    let multiplier = means.multiplier(count);
    let codes = sums.map(|sum| means.store(sum, count, multiplier));
    // SAFETY: the pixel has the block.
    unsafe { job.to.add(block * 16).cast::<[u8; BW]>().write(codes) };
}
