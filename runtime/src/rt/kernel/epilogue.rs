//! What a kernel doesn't do in its registers: gate, residual, activation, slopes and affine, over pixels of one channel block that
//! were just written, or are copied by it.
//!
//! Sigmoid, swish and the hyperbolic tangent stand on the exponential of [`softmax`](crate::rt::softmax): the same steps, each
//! multiplication and addition rounded by itself, on every instruction set.

use crate::rt::isa::Simd;
use crate::rt::softmax::{LN2, ROUND, TAYLOR};
use crate::rt::{Activation, ActivationKind};

/// Consecutive pixels of a channel block; pointers to what belongs to its first channel, null where there is none.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub from: *const f32,
    pub to: *mut f32,
    pub pixels: usize,
    /// Floats of a pixel: 16 or 8.
    pub width: usize,
    pub gate: *const f32,
    /// As many pixels as `from` has.
    pub add: *const f32,
    pub activation: Activation,
    pub slopes: *const f32,
    pub scales: *const f32,
    pub offsets: *const f32,
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe, or null.
#[inline(always)]
pub(crate) unsafe fn pass<S: Simd>(s: S, job: &Job) {
    // SAFETY: as for this function.
    unsafe {
        if job.width == 16 {
            block(s, job);
        } else {
            block(s.narrow(), job);
        }
    }
}

/// Where a vector lies: floats from the first pixel, and its first lane.
type Place = (usize, usize);

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn each<S: Simd>(s: S, job: &Job, from: *const f32, f: impl Fn(S::V, Place) -> S::V) {
    for lane in (0..job.width).step_by(S::LANES) {
        for pixel in 0..job.pixels {
            let at = pixel * job.width + lane;
            // SAFETY: the caller vouches for the pixels.
            unsafe { s.store(job.to.add(at), f(s.load(from.add(at)), (at, lane))) };
        }
    }
}

#[cfg_attr(not(unoptimised), inline(always))]
#[cfg_attr(unoptimised, inline(never))]
unsafe fn block<S: Simd>(s: S, job: &Job) {
    let Job { gate, add, activation: Activation { kind, a, b }, .. } = *job;
    let mut from = job.from;
    let bounded = kind == ActivationKind::Clamp && (a > f32::NEG_INFINITY || b < f32::INFINITY);
    // SAFETY: the caller vouches for the pixels and the vectors.
    unsafe {
        let (gated, added) = (|at: Place| s.load(gate.add(at.1)), |at: Place| s.load(add.add(at.0)));
        if !gate.is_null() && !add.is_null() {
            each(s, job, from, |x, at| s.add(s.mul(x, gated(at)), added(at)));
            from = job.to;
        } else if !gate.is_null() {
            each(s, job, from, |x, at| s.mul(x, gated(at)));
            from = job.to;
        } else if !add.is_null() {
            each(s, job, from, |x, at| s.add(x, added(at)));
            from = job.to;
        }
        let [zero, one] = [0.0, 1.0].map(|x| s.splat(x));
        match kind {
            ActivationKind::HardSwish => {
                let [sixth, half] = [1.0 / 6.0, 0.5].map(|x| s.splat(x));
                each(s, job, from, |x, _| s.mul(x, s.clamp(s.mul_add(x, sixth, half), zero, one)));
            }
            ActivationKind::HardSigmoid => {
                let [a, b] = [a, b].map(|x| s.splat(x));
                each(s, job, from, |x, _| s.clamp(s.mul_add(x, a, b), zero, one));
            }
            ActivationKind::Sigmoid => each(s, job, from, |x, _| s.div(one, inverse(s, x))),
            ActivationKind::Swish => each(s, job, from, |x, _| s.div(x, inverse(s, x))),
            ActivationKind::Tanh => each(s, job, from, |x, _| tanh(s, x)),
            ActivationKind::LeakyRelu => {
                let slope = s.splat(a);
                each(s, job, from, |x, _| sloped(s, x, slope));
            }
            _ if bounded || from != job.to => {
                let [lo, hi] = [a, b].map(|x| s.splat(x));
                each(s, job, from, |x, _| s.clamp(x, lo, hi));
            }
            _ => {}
        }
        if !job.slopes.is_null() {
            each(s, job, job.to, |x, at| sloped(s, x, s.load(job.slopes.add(at.1))));
        }
        if !job.scales.is_null() {
            each(s, job, job.to, |x, at| s.mul_add(x, s.load(job.scales.add(at.1)), s.load(job.offsets.add(at.1))));
        }
    }
}

/// `x` where it is not negative, else `slope * x`.
#[inline(always)]
fn sloped<S: Simd>(s: S, x: S::V, slope: S::V) -> S::V {
    let [zero, most] = [0.0, f32::INFINITY].map(|x| s.splat(x));
    s.add(s.clamp(x, zero, most), s.mul(slope, s.clamp(x, s.splat(f32::NEG_INFINITY), zero)))
}

/// `2^n` and `exp(r) - 1` for `n` whole and `x = n * log(2) + r`.
#[inline(always)]
fn exponential<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let rounded = s.add(s.mul(x, s.splat(core::f32::consts::LOG2_E)), s.splat(ROUND));
    let n = s.add(rounded, s.splat(-ROUND));
    let r = s.add(s.add(x, s.mul(n, s.splat(-LN2[0]))), s.mul(n, s.splat(-LN2[1])));
    let mut p = s.splat(TAYLOR[0]);
    for c in &TAYLOR[1..TAYLOR.len() - 1] {
        p = s.add(s.mul(p, r), s.splat(*c));
    }
    (s.power_of_two(rounded), s.mul(p, r))
}

/// `1 + exp(-x)`, finite.
#[inline(always)]
fn inverse<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.clamp(s.mul(x, s.splat(-1.0)), s.splat(-87.0), s.splat(87.0));
    let (power, p) = exponential(s, x);
    s.add(s.mul(s.add(p, s.splat(1.0)), power), s.splat(1.0))
}

/// `(exp(2x) - 1) / (exp(2x) + 1)`, without cancellation near zero.
#[inline(always)]
fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.clamp(x, s.splat(-10.0), s.splat(10.0));
    let (power, p) = exponential(s, s.add(x, x));
    let less = s.add(s.mul(p, power), s.add(power, s.splat(-1.0)));
    s.div(less, s.add(less, s.splat(2.0)))
}
