//! Output through a debugger or an emulator (Arm's "Semihosting for AArch32 and AArch64").

use core::arch::asm;
use core::ffi::c_void;
use core::fmt;

const SYS_WRITE0: u32 = 0x04;
const SYS_EXIT_EXTENDED: u32 = 0x20;
const APPLICATION_EXIT: u32 = 0x20026;

/// Where `write!` prints.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut line = [0; 64];
        for part in text.as_bytes().chunks(line.len() - 1) {
            line[..part.len()].copy_from_slice(part);
            line[part.len()] = 0;
            // SAFETY: the argument is a string that ends with a zero.
            unsafe { call(SYS_WRITE0, line.as_ptr().cast()) };
        }
        Ok(())
    }
}

/// Ends the program with a code for whoever started the emulator.
pub fn exit(code: u32) -> ! {
    let block = [APPLICATION_EXIT, code];
    // SAFETY: the argument is the reason and the code.
    unsafe { call(SYS_EXIT_EXTENDED, block.as_ptr().cast()) };
    loop {
        core::hint::spin_loop();
    }
}

/// # Safety
/// `argument` is what the operation reads.
unsafe fn call(operation: u32, argument: *const c_void) {
    // SAFETY: the debugger changes r0 alone; `argument` is as the caller promises.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack)) };
}
