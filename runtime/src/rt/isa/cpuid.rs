//! What an x86-64 CPU and its operating system offer, asked without the standard library.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};

/// Instruction sets with kernels; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Neither.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F and VL besides.
    Avx512,
}

/// The CPU's level, asked once.
pub(super) fn level() -> Level {
    static LEVEL: AtomicU8 = AtomicU8::new(u8::MAX);
    match LEVEL.load(Ordering::Relaxed) {
        0 => Level::Baseline,
        1 => Level::Avx2,
        2 => Level::Avx512,
        _ => {
            let level = detect();
            LEVEL.store(level as u8, Ordering::Relaxed);
            level
        }
    }
}

/// Feature bits: Intel's Software Developer's Manual, volume 2A, `CPUID`; state bits: volume 1, section 13.3.
#[allow(unused_unsafe)]
fn detect() -> Level {
    if cfg!(miri) {
        return Level::Baseline;
    }
    // SAFETY: every x86-64 CPU has `cpuid`; leaf 7 is read only where leaf 0 announces it.
    let (leaf1, leaf7) = unsafe {
        if __cpuid(0).eax < 7 {
            return Level::Baseline;
        }
        (__cpuid(1), __cpuid_count(7, 0))
    };
    let (fma, osxsave, avx) = (leaf1.ecx >> 12 & 1, leaf1.ecx >> 27 & 1, leaf1.ecx >> 28 & 1);
    let (avx2, avx512f, avx512vl) = (leaf7.ebx >> 5 & 1, leaf7.ebx >> 16 & 1, leaf7.ebx >> 31 & 1);
    if fma & osxsave & avx & avx2 == 0 {
        return Level::Baseline;
    }
    // SAFETY: `osxsave` says that `xgetbv` may be executed.
    let saved = unsafe { saved_state() };
    match (saved & 0b110 == 0b110, saved & 0b1110_0000 == 0b1110_0000) {
        (true, true) if avx512f & avx512vl == 1 => Level::Avx512,
        (true, _) => Level::Avx2,
        _ => Level::Baseline,
    }
}

/// # Safety
/// The operating system must have enabled `xgetbv`.
#[target_feature(enable = "xsave")]
unsafe fn saved_state() -> u64 {
    // SAFETY: enabled, as the caller promises.
    unsafe { _xgetbv(0) }
}
