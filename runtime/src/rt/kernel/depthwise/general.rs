//! Depthwise convolution with any window: tiles of four pixels between the borders, single ones at them.

use super::Job;
use crate::rt::Window;
use crate::rt::isa::Simd;
use crate::rt::kernel::view::{Rows, inside, interior};

/// # Safety
/// As for [`super::rows`].
#[inline(always)]
pub(super) unsafe fn rows<S: Simd>(s: S, job: &Job) {
    let Window { kernel, stride, dilation, pad } = job.window;
    let (wide, _) = job.input.blocks();
    for y in 0..job.rows {
        let top = ((job.first + y) * stride[0]) as isize - pad[0] as isize;
        let inputs = Rows::new(job.input, top, kernel[0], dilation[0]);
        // SAFETY: the blocks exist.
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
    let span = (kernel[1] - 1) * dilation[1] + 1;
    let (first, end) = interior(pad[1], stride[1], span, job.input.width, job.width);
    let mut lane = 0;
    while lane < BW {
        let mut x = 0;
        while x < job.width {
            // SAFETY: a tile of four pixels lies between the borders, where every tap is inside the map.
            unsafe {
                let out = job.out.add(block * 16 * job.rows * job.width + (y * job.width + x) * BW + lane);
                if first <= x && x + 4 <= end {
                    tile::<S, BW, 4>(s, job, inputs, x, block, lane, (0, kernel[1]), out);
                    x += 4;
                } else {
                    let left = (x * stride[1]) as isize - pad[1] as isize;
                    let taps = inside(left, kernel[1], dilation[1], job.input.width);
                    tile::<S, BW, 1>(s, job, inputs, x, block, lane, taps, out);
                    x += 1;
                }
            }
        }
        lane += S::LANES;
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
#[allow(clippy::too_many_arguments)]
unsafe fn tile<S: Simd, const BW: usize, const PX: usize>(
    s: S,
    job: &Job,
    inputs: &Rows,
    x: usize,
    block: usize,
    lane: usize,
    columns: (usize, usize),
    out: *mut f32,
) {
    let Window { kernel, stride, dilation, pad } = job.window;
    // SAFETY: the caller vouches for the tile; `inputs` and `columns` hold taps inside the map only.
    unsafe {
        let weights = job.weights.add(block * 16 * (1 + kernel[0] * kernel[1]) + lane);
        let mut acc = [s.load(weights); PX];
        for ky in inputs.first..inputs.end {
            let row = inputs.get(ky).block(block, BW).add(lane);
            for kx in columns.0..columns.1 {
                let w = s.load(weights.add((1 + ky * kernel[1] + kx) * BW));
                let p = row.add((x * stride[1] + kx * dilation[1] - pad[1]) * BW);
                for (i, acc) in acc.iter_mut().enumerate() {
                    *acc = s.mul_add(w, s.load(p.add(i * stride[1] * BW)), *acc);
                }
            }
        }
        let (lo, hi) = (s.splat(job.clamp.lo), s.splat(job.clamp.hi));
        for (i, x) in acc.iter().enumerate() {
            s.store(out.add(i * BW), s.clamp(*x, lo, hi));
        }
    }
}
