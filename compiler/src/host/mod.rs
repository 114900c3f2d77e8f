//! Builds emitted C with this machine's compiler, on its own kernels or on those of the Rust runtime, loads it and runs it:
//! `run`, `verify` and `bench` of the command line, and tests.

pub mod board;
mod cache;
mod compiler;
mod emulated;
mod library;
mod profile;
mod runtime;
mod temporary;
pub mod wasm;

pub use compiler::{Compiler, is_native};
pub use emulated::{Emulated, installed};
pub use library::{Compiled, Timing};
pub use profile::Profiled;
pub use runtime::Runtime;
pub use temporary::remove_temporary;

use std::path::PathBuf;

/// Why emitted code could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No C compiler was found.
    #[error("no C compiler: none of cc, gcc and clang can be run, and $CC names no other")]
    NoCompiler,
    /// The C compiler that was asked for is of no use here.
    #[error("{by} names {command:?}, which {reason}")]
    Unusable {
        /// What named it: an option, or an environment variable.
        by: &'static str,
        /// The command.
        command: String,
        /// Why it is of no use.
        reason: String,
    },
    /// No temporary folder can be made.
    #[error("can't make a temporary folder in {folder}: {error}", folder = folder.display())]
    Temporary {
        /// Where.
        folder: PathBuf,
        /// What the system reports.
        error: std::io::Error,
    },
    /// The compiler refused the code.
    #[error("{command} failed:\n{output}")]
    Refused {
        /// The command line.
        command: String,
        /// What it printed.
        output: String,
    },
    /// Cargo was not found.
    #[error("no cargo: {command:?} can't be run")]
    NoCargo {
        /// The command.
        command: String,
    },
    /// Cargo did not build the Rust runtime.
    #[error("cargo failed to build the Rust runtime:\n{output}")]
    Cargo {
        /// What it printed.
        output: String,
    },
    /// The built library can't be loaded.
    #[error("{path}: {error}", path = crate::text::path(path))]
    Load {
        /// The library.
        path: PathBuf,
        /// What the system reports.
        error: libloading::Error,
    },
    /// A file can't be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The input has another length than the model's.
    #[error("the model reads {expected} bytes of input, not {found}")]
    Input {
        /// Bytes the model reads.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The program did not run to its end under the emulator.
    #[error("{command} failed: {output}")]
    Emulator {
        /// The emulator.
        command: String,
        /// How it ended, and what it printed.
        output: String,
    },
    /// The model is too large for the emulated board.
    #[error("the memory of {board} is too small for this model")]
    Room {
        /// The board, as QEMU calls it.
        board: &'static str,
    },
    /// The emitted code returned an error.
    #[error("the emitted code returned error {0}")]
    Failed(i32),
}

#[cfg(test)]
mod tests;
