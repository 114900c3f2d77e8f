//! Maximum and mean of windows, and the mean of a whole map.

use super::View;
use super::view::{Rows, inside};
use crate::rt::{Window, isa::Simd};
use core::ops::Range;

/// What a window becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Its maximum; neither the border nor a NaN ever wins.
    Max,
    /// The mean of its part inside the map.
    Inside,
    /// The mean of all of it, the border zero.
    Whole,
}

/// Output rows `first..first + rows` of one group, in some channel blocks.
pub(crate) struct Job {
    pub pool: Pool,
    pub blocks: Range<usize>,
    pub input: View,
    pub window: Window,
    pub first: usize,
    pub rows: usize,
    pub width: usize,
    pub out: *mut f32,
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe; input and output have the same
/// channels.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd>(s: S, job: &Job) {
    let Window { kernel, stride, dilation, pad } = job.window;
    let (wide, _) = job.input.blocks();
    for y in 0..job.rows {
        let top = ((job.first + y) * stride[0]) as isize - pad[0] as isize;
        let inputs = Rows::new(job.input, top, kernel[0], dilation[0]);
        // SAFETY: the blocks exist; behind the wide ones one is 8 wide.
        unsafe {
            for block in job.blocks.clone() {
                if block < wide {
                    row::<S, 16>(s, job, &inputs, y, block);
                } else {
                    row::<S::Narrow, 8>(s.narrow(), job, &inputs, y, block);
                }
            }
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn row<S: Simd, const BW: usize>(s: S, job: &Job, inputs: &Rows, y: usize, block: usize) {
    let Window { kernel, stride, dilation, pad } = job.window;
    for x in 0..job.width {
        let left = (x * stride[1]) as isize - pad[1] as isize;
        let (begin, end) = inside(left, kernel[1], dilation[1], job.input.width);
        let taps = match job.pool {
            Pool::Whole => kernel[0] * kernel[1],
            _ => (inputs.end - inputs.first) * (end - begin),
        };
        let scale = s.splat(1.0 / taps.max(1) as f32);
        let mut lane = 0;
        while lane < BW {
            let mut result = s.splat(if job.pool == Pool::Max { f32::NEG_INFINITY } else { 0.0 });
            // SAFETY: `inputs` and the taps lie inside the map, the pixel in the output.
            unsafe {
                for ky in inputs.first..inputs.end {
                    let row = inputs.get(ky).block(block, BW).add(lane);
                    for kx in begin..end {
                        let v = s.load(row.add((x * stride[1] + kx * dilation[1] - pad[1]) * BW));
                        result = if job.pool == Pool::Max { s.max(v, result) } else { s.add(result, v) };
                    }
                }
                if job.pool != Pool::Max {
                    result = s.mul(result, scale);
                }
                s.store(job.out.add(block * 16 * job.rows * job.width + (y * job.width + x) * BW + lane), result);
            }
            lane += S::LANES;
        }
    }
}

/// Some groups of one channel block of a map, towards its mean.
pub(crate) struct Mean {
    pub input: View,
    pub groups: Range<usize>,
    pub block: usize,
    /// 16 floats or 8, as wide as the block: the sums so far, unless the groups are the first; the means, if they are the last.
    pub sums: *mut f32,
}

/// # Safety
/// The block and the groups must exist, and the sums hold the block's lanes.
#[inline(always)]
pub(crate) unsafe fn mean<S: Simd>(s: S, job: &Mean) {
    let (wide, _) = job.input.blocks();
    // SAFETY: the block exists; behind the wide ones it is 8 wide.
    unsafe {
        if job.block < wide {
            sum::<S, 16>(s, job);
        } else {
            sum::<S::Narrow, 8>(s.narrow(), job);
        }
    }
}

/// Four sums per vector hide the latency of the additions.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn sum<S: Simd, const BW: usize>(s: S, job: &Mean) {
    let input = &job.input;
    let scale = s.splat(1.0 / (input.height * input.width) as f32);
    let mut lane = 0;
    while lane < BW {
        let mut sums = [s.splat(0.0); 4];
        for q in job.groups.clone() {
            // SAFETY: the group exists, and in it `rows * width` pixels of this block.
            unsafe {
                let (base, rows) = input.group(q);
                let pixels = rows * input.width;
                let p = base.add(job.block * 16 * pixels + lane);
                let mut i = 0;
                while i + 4 <= pixels {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = s.add(*sum, s.load(p.add((i + j) * BW)));
                    }
                    i += 4;
                }
                while i < pixels {
                    sums[0] = s.add(sums[0], s.load(p.add(i * BW)));
                    i += 1;
                }
            }
        }
        let mut sum = s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]));
        // SAFETY: the sums hold the block's lanes.
        unsafe {
            let to = job.sums.add(lane);
            if job.groups.start > 0 {
                sum = s.add(s.load(to), sum);
            }
            s.store(to, if job.groups.end == input.groups() { s.mul(sum, scale) } else { sum });
        }
        lane += S::LANES;
    }
}
