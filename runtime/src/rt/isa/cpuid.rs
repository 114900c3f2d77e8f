//! What an x86-64 CPU and its operating system offer, asked without the standard library.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};

/// Instruction sets with kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sets {
    /// AVX2 and FMA.
    pub avx2: bool,
    /// AVX-VNNI besides.
    pub avxvnni: bool,
    /// AVX2, FMA, AVX-512 F and VL.
    pub avx512: bool,
    /// AVX-512 BW and VNNI besides.
    pub avx512vnni: bool,
}

/// The CPU's sets, asked once.
pub(super) fn sets() -> Sets {
    const ASKED: u8 = 1 << 7;
    static SETS: AtomicU8 = AtomicU8::new(0);
    let mut bits = SETS.load(Ordering::Relaxed);
    if bits & ASKED == 0 {
        let Sets { avx2, avxvnni, avx512, avx512vnni } = detect();
        let all = [avx2, avxvnni, avx512, avx512vnni].into_iter().enumerate();
        bits = all.fold(ASKED, |bits, (index, set)| bits | u8::from(set) << index);
        SETS.store(bits, Ordering::Relaxed);
    }
    let set = |index: u8| bits >> index & 1 == 1;
    Sets { avx2: set(0), avxvnni: set(1), avx512: set(2), avx512vnni: set(3) }
}

/// Feature bits: Intel's Software Developer's Manual, volume 2A, `CPUID`; state bits: volume 1, section 13.3.
#[allow(unused_unsafe)]
fn detect() -> Sets {
    if cfg!(miri) {
        return Sets::default();
    }
    // SAFETY: every x86-64 CPU has `cpuid`; leaf 7 is read only where leaf 0 announces it, its second part where the first does.
    let (leaf1, leaf7, more) = unsafe {
        if __cpuid(0).eax < 7 {
            return Sets::default();
        }
        let leaf7 = __cpuid_count(7, 0);
        (__cpuid(1), leaf7, if leaf7.eax >= 1 { __cpuid_count(7, 1).eax } else { 0 })
    };
    let bit = |register: u32, index: u32| register >> index & 1 == 1;
    let (fma, osxsave, avx, avx2) = (bit(leaf1.ecx, 12), bit(leaf1.ecx, 27), bit(leaf1.ecx, 28), bit(leaf7.ebx, 5));
    if !(fma && osxsave && avx && avx2) {
        return Sets::default();
    }
    // SAFETY: `osxsave` says that `xgetbv` may be executed.
    let saved = unsafe { saved_state() };
    let avx2 = saved & 0b110 == 0b110;
    let (foundation, bytes, lengths) = (bit(leaf7.ebx, 16), bit(leaf7.ebx, 30), bit(leaf7.ebx, 31));
    let avx512 = avx2 && saved & 0b1110_0000 == 0b1110_0000 && foundation && lengths;
    let avx512vnni = avx512 && bytes && bit(leaf7.ecx, 11);
    Sets { avx2, avxvnni: avx2 && bit(more, 4), avx512, avx512vnni }
}

/// # Safety
/// The operating system must have enabled `xgetbv`.
#[target_feature(enable = "xsave")]
unsafe fn saved_state() -> u64 {
    // SAFETY: enabled, as the caller promises.
    unsafe { _xgetbv(0) }
}
