//! What a model costs on each target, measured by running its emitted C there.

mod measure;
mod peer;
mod report;
mod table;

pub use measure::{Model, Row, measure, models};
pub use peer::Peer;
pub use report::{Report, report};
pub use table::{Comparison, comparisons};

use crate::program::board::{self, Board};
use crate::program::c::{Toolchain, World};
use mobilenet_compiler::emit::c::Target as Emit;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A way to compile emitted C and to run it.
#[derive(Debug, Clone)]
pub struct Target {
    /// As printed.
    pub name: &'static str,
    /// What the C code is written for.
    pub emit: Emit,
    /// Compiler and emulator.
    pub toolchain: Toolchain,
}

/// The code of a model on a small Cortex-M is to stay below this many bytes when optimised for size.
pub const CODE_LIMIT: usize = 24 << 10;

/// Name of the target that [`CODE_LIMIT`] holds for.
pub const SMALL: &str = "Cortex-M4, -Os";

/// All of them.
pub fn all() -> Vec<Target> {
    let host = |name, emit, compiler, flags: &[&'static str]| Target {
        name,
        emit,
        toolchain: Toolchain { flags: flags.to_vec(), ..Toolchain::host(compiler) },
    };
    let linux = |name, emit, compiler, target, emulator| Target {
        name,
        emit,
        toolchain: Toolchain::linux(compiler, target, emulator),
    };
    let board = |name, emit, board: Board| Target { name, emit, toolchain: Toolchain::board(board) };
    let wasm = |name, emit, simd| Target { name, emit, toolchain: Toolchain::wasm(simd) };
    let v3: &[_] = &["-march=x86-64-v3"];
    let mut small = board(SMALL, Emit::CortexM4, board::M4);
    small.toolchain.level = "s";
    let mut targets = vec![
        linux("aarch64 NEON, gcc", Emit::Aarch64, "aarch64-linux-gnu-gcc", "aarch64-unknown-linux-gnu", "qemu-aarch64"),
        linux("riscv64, gcc", Emit::Riscv64, "riscv64-linux-gnu-gcc", "riscv64gc-unknown-linux-gnu", "qemu-riscv64"),
        board("Cortex-M4", Emit::CortexM4, board::M4),
        small,
        board("Cortex-M7", Emit::CortexM7, board::M7),
        board("Cortex-M55 Helium", Emit::CortexM55, board::M55),
        wasm("WASM scalar, clang", Emit::Wasm32, false),
        wasm("WASM SIMD, clang", Emit::Wasm32, true),
    ];
    if cfg!(target_arch = "x86_64") {
        targets.splice(
            ..0,
            [
                host("x86-64 generic, gcc", Emit::Generic, "gcc", &[]),
                host("x86-64 generic, clang", Emit::Generic, "clang", &[]),
                host("x86-64-v3, gcc", Emit::X86_64V3, "gcc", v3),
                host("x86-64-v3, clang", Emit::X86_64V3, "clang", v3),
            ],
        );
    }
    targets
}

impl Target {
    /// The board, where it is one.
    pub fn board(&self) -> Option<Board> {
        match self.toolchain.world {
            World::Board(board) => Some(board),
            World::Hosted | World::Wasm => None,
        }
    }
}

/// What came of a model on a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It ran.
    Ran(Row),
    /// The target has no room for it.
    Exempt,
    /// What it needs is not installed.
    Absent(String),
    /// What the compiler or the program said.
    Failed(String),
}

fn outcome(model: &Model, target: &Target, folder: &Path) -> Outcome {
    if !model.fits(target) {
        return Outcome::Exempt;
    }
    if let Err(reason) = target.toolchain.present() {
        return Outcome::Absent(reason);
    }
    let name: String = target.name.chars().filter(char::is_ascii_alphanumeric).collect();
    measure(model, target, &folder.join(name)).map_or_else(Outcome::Failed, Outcome::Ran)
}

/// A model on each target in turn, on as many threads as there are cores; builds in `folder`.
pub fn outcomes(model: &Model, targets: &[Target], folder: &Path) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let found: Vec<OnceLock<Outcome>> = targets.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let Some((target, found)) = targets.iter().zip(&found).nth(next.fetch_add(1, Ordering::Relaxed)) {
            found.get_or_init(|| outcome(model, target, folder));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    found.into_iter().filter_map(OnceLock::into_inner).collect()
}
