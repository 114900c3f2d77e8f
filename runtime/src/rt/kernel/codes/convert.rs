//! Between codes and floats, value by value.

use super::Bounds;
use crate::rt::spec::Quant;

/// Values that are taken at a time.
pub(super) const SOME: usize = 64;

/// Copies `count` values, [`SOME`] of them at most.
///
/// # Safety
/// As for `copy_nonoverlapping`.
#[inline(always)]
pub(super) unsafe fn copy<T>(from: *const T, to: *mut T, count: usize) {
    // SAFETY: as for this function.
    unsafe {
        if count == SOME {
            to.copy_from_nonoverlapping(from, SOME);
        } else {
            to.copy_from_nonoverlapping(from, count);
        }
    }
}

/// Consecutive values.
pub(crate) struct Job {
    pub codes: *mut u8,
    pub floats: *mut f32,
    pub count: usize,
    pub quant: Quant,
}

/// A number's code.
#[inline(always)]
pub(crate) fn code(x: f32, quant: Quant) -> u8 {
    Bounds::all(quant.zero as u8).store(x / quant.scale)
}

/// A code's number.
#[inline(always)]
fn number(code: u8, quant: Quant) -> f32 {
    (i32::from(code) - quant.zero) as f32 * quant.scale
}

/// Floats to codes.
///
/// # Safety
/// There must be so many of both, apart from each other.
#[inline(always)]
pub(crate) unsafe fn quantise(job: &Job) {
    let Job { codes, floats, count, quant } = *job;
    let (mut from, mut to) = ([0.0f32; SOME], [0u8; SOME]);
    for first in (0..count).step_by(SOME) {
        let some = SOME.min(count - first);
        // SAFETY: as for this function.
        unsafe {
            copy(floats.add(first), from.as_mut_ptr(), some);
            for c in 0..SOME {
                to[c] = code(from[c], quant);
            }
            copy(to.as_ptr(), codes.add(first), some);
        }
    }
}

/// Codes to floats.
///
/// # Safety
/// As for [`quantise`].
#[inline(always)]
pub(crate) unsafe fn dequantise(job: &Job) {
    let Job { codes, floats, count, quant } = *job;
    let (mut from, mut to) = ([0u8; SOME], [0.0f32; SOME]);
    for first in (0..count).step_by(SOME) {
        let some = SOME.min(count - first);
        // SAFETY: as for this function.
        unsafe {
            copy(codes.add(first), from.as_mut_ptr(), some);
            for c in 0..SOME {
                to[c] = number(from[c], quant);
            }
            copy(to.as_ptr(), floats.add(first), some);
        }
    }
}
