//! The machine's own peak: fused multiply-adds on registers alone.

use std::time::Instant;

/// Mult-adds of one call of [`burst`].
const ITERATIONS: u64 = 400_000;

/// Vector width the peak is measured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 8 lanes.
    Avx2,
    /// 16 lanes.
    Avx512,
}

impl Width {
    /// The widest this CPU has, unless `MOBILENET_ISA=avx2` asks for less.
    pub fn of_this_machine() -> Option<Self> {
        let narrow = std::env::var("MOBILENET_ISA").is_ok_and(|isa| isa == "avx2");
        if is_x86_feature_detected!("avx512f") && !narrow {
            Some(Self::Avx512)
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Some(Self::Avx2)
        } else {
            None
        }
    }
}

/// Nanoseconds of one burst, and the mult-adds in it.
pub fn burst(width: Width) -> (u64, u64) {
    let start = Instant::now();
    // SAFETY: `of_this_machine` is the only source of a width, and it has detected the features.
    let lanes = unsafe {
        match width {
            Width::Avx2 => {
                avx2();
                8
            }
            Width::Avx512 => {
                avx512();
                16
            }
        }
    };
    (start.elapsed().as_nanos() as u64, ITERATIONS * 12 * lanes)
}

macro_rules! loop_of {
    ($name:ident, $features:literal, $register:literal, $class:ident, $vector:ty, $zero:expr) => {
        #[target_feature(enable = $features)]
        fn $name() {
            let mut a = [$zero; 12];
            let x = $zero;
            for _ in 0..ITERATIONS {
                for a in &mut a {
                    // SAFETY: registers only; the features are enabled on this function.
                    unsafe {
                        std::arch::asm!(
                            concat!("vfmadd231ps {a:", $register, "}, {x:", $register, "}, {x:", $register, "}"),
                            a = inout($class) *a, x = in($class) x,
                            options(pure, nomem, nostack, preserves_flags)
                        );
                    }
                }
            }
            std::hint::black_box(a);
        }
    };
}

loop_of!(avx2, "avx2,fma", "y", ymm_reg, std::arch::x86_64::__m256, std::arch::x86_64::_mm256_setzero_ps());
loop_of!(avx512, "avx512f", "z", zmm_reg, std::arch::x86_64::__m512, std::arch::x86_64::_mm512_setzero_ps());
