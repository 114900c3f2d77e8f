//! Matrix times vector: bound by the bandwidth of the weights, which are read once, in order.

use super::padded_channels;
use crate::rt::{Clamp, isa::Simd};

/// A fully connected layer.
pub(crate) struct Job {
    pub input: *const f32,
    pub k: usize,
    pub panels: *const f32,
    pub n: usize,
    pub out: *mut f32,
    /// Floats that `out` has room for, at least `n`.
    pub room: usize,
    pub clamp: Clamp,
}

/// `NV` vectors per 16-wide panel, `NARROW` per 8-wide one.
///
/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe.
#[inline(always)]
pub(crate) unsafe fn dense<S: Simd, const NV: usize, const NARROW: usize, const SPLIT: usize>(s: S, job: &Job) {
    let padded = padded_channels(job.n);
    let mut channel = 0;
    // SAFETY: the caller vouches for the panels of all channels.
    unsafe {
        while channel + 16 <= padded {
            panel::<S, NV, SPLIT, 16>(s, job, channel);
            channel += 16;
        }
        if channel < padded {
            panel::<S::Narrow, NARROW, SPLIT, 8>(s.narrow(), job, channel);
        }
    }
}

/// One panel, its taps dealt to `SPLIT` sums in turn so that several multiply-adds are under way at any time.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn panel<S: Simd, const NV: usize, const SPLIT: usize, const PW: usize>(s: S, job: &Job, channel: usize) {
    const AHEAD: usize = 4096;
    // SAFETY: `1 + k` rows of `PW` floats, as the caller vouches.
    unsafe {
        let mut w = job.panels.add(channel * (1 + job.k));
        let mut sums = [[s.splat(0.0); NV]; SPLIT];
        for v in 0..NV {
            sums[0][v] = s.load(w.add(v * S::LANES));
        }
        w = w.add(PW);
        let mut k = 0;
        while k + SPLIT <= job.k {
            for (u, sum) in sums.iter_mut().enumerate() {
                if S::PREFETCHES > 0 && (u * PW).is_multiple_of(16) {
                    s.prefetch(w.wrapping_add(u * PW).cast::<u8>().wrapping_add(AHEAD));
                }
                let x = s.broadcast(job.input.add(k + u));
                for v in 0..NV {
                    sum[v] = s.mul_add(x, s.load(w.add(u * PW + v * S::LANES)), sum[v]);
                }
            }
            w = w.add(SPLIT * PW);
            k += SPLIT;
        }
        while k < job.k {
            let x = s.broadcast(job.input.add(k));
            for v in 0..NV {
                sums[0][v] = s.mul_add(x, s.load(w.add(v * S::LANES)), sums[0][v]);
            }
            w = w.add(PW);
            k += 1;
        }
        let mut whole = [0.0f32; 16];
        let direct = channel + PW <= job.room;
        let out = if direct { job.out.add(channel) } else { whole.as_mut_ptr() };
        let (lo, hi) = (s.splat(job.clamp.lo), s.splat(job.clamp.hi));
        for v in 0..NV {
            let mut sum = sums[0][v];
            for part in &sums[1..] {
                sum = s.add(sum, part[v]);
            }
            s.store(out.add(v * S::LANES), s.clamp(sum, lo, hi));
        }
        if !direct {
            for (lane, x) in whole[..job.room - channel].iter().enumerate() {
                job.out.add(channel + lane).write(*x);
            }
        }
    }
}
