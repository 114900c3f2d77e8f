//! Instruction sets: a token type for each, its instance of the kernels, and the choice among them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod codes;
#[cfg(target_arch = "x86_64")]
mod cpuid;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod portable;
mod simd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use super::kernel::{Kernels, instantiate};
pub(crate) use codes::Dot;
use core::sync::atomic::{AtomicU8, Ordering};
pub(crate) use simd::Simd;

/// The tables this CPU can run, best first.
pub(crate) fn available() -> impl Iterator<Item = &'static Kernels> {
    // Miri has no such instructions.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    let simd = {
        let sets = cpuid::sets();
        [
            sets.avx512vnni.then_some(&avx512::WITH_VNNI),
            sets.avx512.then_some(&avx512::KERNELS),
            sets.avxvnni.then_some(&avx2::WITH_VNNI),
            sets.avx2.then_some(&avx2::KERNELS),
        ]
    };
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    let simd = [Some(&neon::KERNELS)];
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let simd = [Some(&simd128::KERNELS)];
    #[cfg(not(any(
        all(target_arch = "x86_64", not(miri)),
        all(target_arch = "aarch64", target_feature = "neon"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )))]
    let simd: [Option<&'static Kernels>; 0] = [];
    simd.into_iter().flatten().chain([&portable::KERNELS])
}

/// The best table, or the one that `MOBILENET_ISA` names if this CPU can run it. Chosen once.
pub(crate) fn kernels() -> &'static Kernels {
    static CHOICE: AtomicU8 = AtomicU8::new(u8::MAX);
    let choice = match CHOICE.load(Ordering::Relaxed) {
        u8::MAX => {
            let choice = choose();
            CHOICE.store(choice, Ordering::Relaxed);
            choice
        }
        choice => choice,
    };
    available().nth(choice.into()).unwrap_or(&portable::KERNELS)
}

/// An index into [`available`].
fn choose() -> u8 {
    #[cfg(feature = "std")]
    if let Some(name) = std::env::var_os("MOBILENET_ISA") {
        return available().position(|k| name == k.name).unwrap_or(0) as u8;
    }
    0
}
