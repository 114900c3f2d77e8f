//! The inner loop that stem and general convolution share.

use super::pointwise::at;
use crate::rt::isa::Simd;

/// A run of taps at equal distances, for pixels at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// First tap of the first pixel.
    pub a: *const f32,
    /// Floats from one pixel of the tile to the next.
    pub pixel: usize,
    /// Floats from one tap to the next.
    pub tap: usize,
    /// How many taps.
    pub taps: usize,
    /// The taps' rows in the first panel.
    pub w: *const f32,
    /// Floats from panel to panel.
    pub panel: usize,
}

/// Loads the bias of a tile; `panel` is its first vector's bias.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
pub(super) unsafe fn bias<S: Simd, const PX: usize, const NV: usize, const PW: usize>(
    s: S,
    panel: *const f32,
    panel_floats: usize,
) -> [[S::V; NV]; PX] {
    let mut acc = [[s.splat(0.0); NV]; PX];
    for v in 0..NV {
        // SAFETY: the panel begins with a bias row.
        let bias = unsafe { s.load(panel.add(at::<S, PW>(v, panel_floats))) };
        for row in &mut acc {
            row[v] = bias;
        }
    }
    acc
}

/// Accumulates a run.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
pub(super) unsafe fn run<S: Simd, const PX: usize, const NV: usize, const PW: usize>(
    s: S,
    acc: &mut [[S::V; NV]; PX],
    run: Run,
) {
    let (mut a, mut w) = (run.a, run.w);
    for _ in 0..run.taps {
        let mut weights = [s.splat(0.0); NV];
        // SAFETY: the caller vouches for `taps` taps of `PX` pixels and their weights.
        unsafe {
            for v in 0..NV {
                weights[v] = s.load(w.add(at::<S, PW>(v, run.panel)));
            }
            for (i, row) in acc.iter_mut().enumerate() {
                let x = s.broadcast(a.add(i * run.pixel));
                for v in 0..NV {
                    row[v] = s.mul_add(x, weights[v], row[v]);
                }
            }
        }
        a = a.wrapping_add(run.tap);
        w = w.wrapping_add(PW);
    }
}

/// Clamps and stores a tile; vectors of further panels lie `block` floats apart.
#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
pub(super) unsafe fn store<S: Simd, const PX: usize, const NV: usize, const PW: usize>(
    s: S,
    acc: &[[S::V; NV]; PX],
    out: *mut f32,
    block: usize,
    (lo, hi): (S::V, S::V),
) {
    for (i, row) in acc.iter().enumerate() {
        for (v, &x) in row.iter().enumerate() {
            // SAFETY: the tile's pixels exist in the output.
            unsafe { s.store(out.add(i * PW + at::<S, PW>(v, block)), s.clamp(x, lo, hi)) };
        }
    }
}
