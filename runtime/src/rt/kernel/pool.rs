//! Mean over a whole map.

use super::View;
use crate::rt::isa::Simd;

/// Some channel blocks of a map; `out` holds the first one's means.
pub(crate) struct Job {
    pub input: View,
    pub first: usize,
    pub end: usize,
    pub out: *mut f32,
}

/// # Safety
/// The blocks must exist and the output hold their lanes.
#[inline(always)]
pub(crate) unsafe fn mean<S: Simd>(s: S, job: &Job) {
    let (wide, _) = job.input.blocks();
    for block in job.first..job.end {
        // SAFETY: the block exists; behind the wide ones it is 8 wide.
        unsafe {
            if block < wide {
                sum::<S, 16>(s, job, block);
            } else {
                sum::<S::Narrow, 8>(s.narrow(), job, block);
            }
        }
    }
}

/// Four sums per vector hide the latency of the additions.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn sum<S: Simd, const BW: usize>(s: S, job: &Job, block: usize) {
    let input = &job.input;
    let scale = s.splat(1.0 / (input.height * input.width) as f32);
    let mut lane = 0;
    while lane < BW {
        let mut sums = [s.splat(0.0); 4];
        for q in 0..input.height.div_ceil(input.group) {
            // SAFETY: the group exists, and in it `rows * width` pixels of this block.
            unsafe {
                let (base, rows) = input.group(q);
                let pixels = rows * input.width;
                let p = base.add(block * 16 * pixels + lane);
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
        let sum = s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]));
        // SAFETY: the output holds the lanes of all blocks.
        unsafe { s.store(job.out.add((block - job.first) * 16 + lane), s.mul(sum, scale)) };
        lane += S::LANES;
    }
}
