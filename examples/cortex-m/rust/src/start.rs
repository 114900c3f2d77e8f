//! What runs before `main` on a Cortex-M with a floating-point unit.

use crate::semihosting::{Console, exit};
use core::arch::global_asm;
use core::fmt::Write;
use core::panic::PanicInfo;

unsafe extern "C" {
    fn reset();
    /// The linker's symbol: no function, but an address.
    fn stack_top();
}

// Turns the floating-point unit on, copies .data and clears .bss: memory that Rust may not see before.
global_asm!(
    ".thumb_func",
    ".global reset",
    "reset:",
    "ldr r0, =0xe000ed88",
    "ldr r1, [r0]",
    "orr r1, r1, #0xf00000",
    "str r1, [r0]",
    "dsb",
    "isb",
    "ldr r0, =data_start",
    "ldr r1, =data_end",
    "ldr r2, =data_load",
    "0: cmp r0, r1",
    "itt lo",
    "ldrlo r3, [r2], #4",
    "strlo r3, [r0], #4",
    "blo 0b",
    "ldr r0, =bss_start",
    "ldr r1, =bss_end",
    "movs r2, #0",
    "1: cmp r0, r1",
    "it lo",
    "strlo r2, [r0], #4",
    "blo 1b",
    "bl started",
    ".pool",
);

#[unsafe(no_mangle)]
extern "C" fn started() -> ! {
    match crate::main() {
        Ok(()) => exit(0),
        Err(message) => {
            let _ = writeln!(Console, "error: {message}");
            exit(1)
        }
    }
}

extern "C" fn fault() {
    let _ = Console.write_str("fault\n");
    exit(255)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "{info}");
    exit(101)
}

/// The initial stack pointer, then the handlers of reset, NMI and the faults.
#[repr(C)]
struct Vectors(unsafe extern "C" fn(), [unsafe extern "C" fn(); 6]);

#[used]
#[unsafe(link_section = ".vectors")]
static VECTORS: Vectors = Vectors(stack_top, [reset, fault, fault, fault, fault, fault]);
