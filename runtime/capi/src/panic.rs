//! What a panic does where there is no operating system: the processor's trap.

use core::panic::PanicInfo;

#[panic_handler]
fn stop(_: &PanicInfo<'_>) -> ! {
    trap()
}

#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
fn trap() -> ! {
    // SAFETY: the permanently undefined instruction does not return.
    unsafe { core::arch::asm!("udf #0", options(noreturn, nomem, nostack)) }
}

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
fn trap() -> ! {
    // SAFETY: the instruction is undefined and does not return.
    unsafe { core::arch::asm!("unimp", options(noreturn, nomem, nostack)) }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn trap() -> ! {
    // SAFETY: the undefined instruction does not return.
    unsafe { core::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
}

#[cfg(target_arch = "wasm32")]
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(any(
    target_arch = "arm",
    target_arch = "aarch64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "x86_64",
    target_arch = "wasm32"
)))]
fn trap() -> ! {
    loop {}
}
