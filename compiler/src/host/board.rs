//! The Cortex-M boards that QEMU emulates.

/// A board, how to compile for it, and where its memory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// QEMU's name of it.
    pub machine: &'static str,
    /// Target triple.
    pub triple: &'static str,
    /// Flags that name the processor.
    pub flags: &'static [&'static str],
    /// The linker's `MEMORY`: `CODE` from the address of the vectors, `WEIGHTS`, and `RAM`.
    pub memory: &'static str,
    /// Bytes of the regions for weights and for everything that is written.
    pub room: [usize; 2],
}

/// The vector table and what runs at reset, in C.
pub const START: &str = include_str!("board/start.c");

impl Board {
    /// The linker's script, which calls the section of weights `.weights`.
    pub fn script(&self) -> String {
        self.memory.to_owned() + include_str!("board/sections.ld")
    }

    /// QEMU's command up to what the board is to run.
    pub fn emulator(&self) -> [&'static str; 6] {
        ["qemu-system-arm", "-M", self.machine, "-nographic", "-monitor", "none"]
    }

    /// Whether a model fits: its weights, and its arena beside its input and 256 KiB for the rest.
    pub fn holds(&self, weights: usize, arena: usize, input: usize) -> bool {
        weights <= self.room[0] && arena + input + (256 << 10) <= self.room[1]
    }
}

/// A Cortex-M4 with single precision in hardware.
pub const M4: Board = Board {
    machine: "mps2-an386",
    triple: "thumbv7em-none-eabihf",
    flags: &["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
    memory: "MEMORY { CODE (rx) : ORIGIN = 0x00000000, LENGTH = 4M  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M  \
             WEIGHTS (r) : ORIGIN = 0x21000000, LENGTH = 16M }\n",
    room: [16 << 20, 4 << 20],
};

/// A Cortex-M33 with single precision in hardware, in its secure state.
pub const M33: Board = Board {
    machine: "mps2-an505",
    triple: "thumbv8m.main-none-eabihf",
    flags: &["-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"],
    memory: "MEMORY { CODE (rx) : ORIGIN = 0x10000000, LENGTH = 4M  RAM (rwx) : ORIGIN = 0x38000000, LENGTH = 4M  \
             WEIGHTS (r) : ORIGIN = 0x80000000, LENGTH = 16M }\n",
    room: [16 << 20, 4 << 20],
};

/// A Cortex-M7 with double precision in hardware.
pub const M7: Board = Board {
    machine: "mps2-an500",
    triple: "thumbv7em-none-eabihf",
    flags: &["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"],
    memory: "MEMORY { CODE (rx) : ORIGIN = 0x00000000, LENGTH = 4M  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M  \
             WEIGHTS (r) : ORIGIN = 0x60000000, LENGTH = 16M }\n",
    room: [16 << 20, 4 << 20],
};

/// A Cortex-M55 with Helium for integers and floats.
pub const M55: Board = Board {
    machine: "mps3-an547",
    triple: "thumbv8m.main-none-eabihf",
    flags: &["-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"],
    memory: "MEMORY { CODE (rx) : ORIGIN = 0x00000000, LENGTH = 512K  RAM (rwx) : ORIGIN = 0x21000000, LENGTH = 4M  \
             WEIGHTS (r) : ORIGIN = 0x60000000, LENGTH = 16M }\n",
    room: [16 << 20, 4 << 20],
};
