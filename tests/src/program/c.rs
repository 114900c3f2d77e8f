//! A program of emitted C, built by the `cc` crate.

use super::board::{self, Board};
use super::runtime::Library;
use super::{Io, Program, check, isas, isas_of_codes};
use mobilenet_compiler::emit::Files;
pub use mobilenet_compiler::host::installed;
use mobilenet_compiler::host::wasm;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One emitted model: the prefix of its symbols and its files by name.
#[derive(Debug, Clone)]
pub struct Module {
    /// The prefix.
    pub prefix: String,
    /// Files by name; sources end in `.c`.
    pub files: Files,
}

/// A C compiler and how to run what it makes.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The command.
    pub compiler: &'static str,
    /// Target triple.
    pub target: &'static str,
    /// Optimisation level: `0` to `3`, or `s` for size.
    pub level: &'static str,
    /// Flags when compiling and linking.
    pub flags: Vec<&'static str>,
    /// Emulator and its arguments.
    pub through: Vec<&'static str>,
    /// What surrounds the models.
    pub world: World,
    /// What the models are linked with.
    pub runtime: Option<Library>,
    /// Models of [`Target::Auto`](mobilenet_compiler::emit::c::Target) take turns with the kernels of the levels that this machine has,
    /// the first one those of this level, in place of all taking the best. The rest of their kernels falls away when compiled.
    pub turns: Option<usize>,
    /// Each model that can read its input by rows does so too, and ends the program where that gives other bits.
    pub rows: bool,
}

/// What surrounds the models in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// An operating system and its libc.
    Hosted,
    /// A board with newlib, files through semihosting.
    Board(Board),
    /// WebAssembly in node, without a libc.
    Wasm,
}

/// The triple of this machine.
pub const HOST: &str = env!("HOST_TRIPLE");

/// The warnings that emitted C must not give.
pub const STRICT: [&str; 8] =
    ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion", "-Werror"];

impl Toolchain {
    /// A compiler for this machine, plain `-O3`.
    pub fn host(compiler: &'static str) -> Self {
        Self {
            compiler,
            target: HOST,
            level: "3",
            flags: Vec::new(),
            through: Vec::new(),
            world: World::Hosted,
            runtime: None,
            turns: None,
            rows: false,
        }
    }

    /// A compiler for another Linux, emulated.
    pub fn linux(compiler: &'static str, target: &'static str, emulator: &'static str) -> Self {
        Self { target, flags: vec!["-static"], through: vec![emulator], ..Self::host(compiler) }
    }

    /// A board that QEMU emulates.
    pub fn board(board: Board) -> Self {
        let through = board.emulator().to_vec();
        let (target, flags, world) = (board.triple, board.flags.to_vec(), World::Board(board));
        Self { target, flags, through, world, ..Self::host("arm-none-eabi-gcc") }
    }

    /// WebAssembly in node, with SIMD or without.
    pub fn wasm(simd: bool) -> Self {
        let (target, world) = ("wasm32-unknown-unknown", World::Wasm);
        let flags = simd.then_some("-msimd128").into_iter().collect();
        Self { target, flags, through: vec!["node"], world, ..Self::host("clang") }
    }

    /// Whether its tools are here.
    ///
    /// # Errors
    /// Names the one that is not.
    pub fn present(&self) -> Result<(), String> {
        let linker = (self.world == World::Wasm).then_some("wasm-ld");
        [Some(self.compiler), self.through.first().copied(), linker].into_iter().flatten().try_for_each(installed)
    }

    /// Compiles translation units to objects.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn compile(&self, sources: &[PathBuf], flags: &[&str], out: &Path) -> Result<Vec<PathBuf>, String> {
        let mut build = cc::Build::new();
        build.compiler(self.compiler).target(self.target).host(HOST).opt_level_str(self.level).out_dir(out);
        build.cargo_metadata(false).warnings(false).debug(false).files(sources);
        if let World::Board(_) = self.world {
            // What goes with the triple names another processor than the board's own flags.
            build.no_default_flags(true);
            build.flag(format!("-O{}", self.level)).flag("-ffunction-sections").flag("-fdata-sections");
        }
        for flag in flags.iter().chain(&self.flags) {
            build.flag(flag);
        }
        build.include(out).includes(self.runtime.iter().map(|runtime| &runtime.include));
        build.try_compile_intermediates().map_err(|e| format!("{}: {e}", self.compiler))
    }

    /// Writes all `modules` and a `main` that serves them to `folder` and builds the program.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn build(&self, folder: &Path, modules: &[Module]) -> Result<Program, String> {
        self.build_with_objects(folder, modules).map(|(program, _)| program)
    }

    /// The same; also returns the objects of the emitted sources, whose file names end in those of the sources.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn build_with_objects(&self, folder: &Path, modules: &[Module]) -> Result<(Program, Vec<PathBuf>), String> {
        let (ours, emitted) = self.write(folder, modules).map_err(|e| format!("{}: {e}", folder.display()))?;
        let own = [self.sections(modules), self.levels(modules)].concat();
        let flags: Vec<&str> = STRICT.into_iter().chain(own.iter().map(String::as_str)).collect();
        let emitted = self.compile(&emitted, &flags, folder)?;
        // Some of it is memcpy, which must not become a call of itself.
        let ours = self.compile(&ours, &["-std=gnu99", "-fno-builtin"], folder)?;
        let path = folder.join("program");
        let mut link = Command::new(self.compiler);
        link.args(&self.flags).args(&emitted).args(&ours).arg("-o").arg(&path);
        if let Some(runtime) = &self.runtime {
            link.arg(&runtime.archive).args(runtime.needs);
        }
        let mut through: Vec<String> = self.through.iter().map(|&word| word.to_owned()).collect();
        let mut io = Io::Pipes;
        match self.world {
            World::Hosted => {}
            World::Board(_) => {
                link.args(["--specs=rdimon.specs", "-T"]).arg(folder.join("qemu.ld"));
                io = Io::Semihosting;
            }
            World::Wasm => {
                link.args(["--target=wasm32", "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=262144"]);
                through.push(folder.join("serve.mjs").to_string_lossy().into_owned());
            }
        }
        check(&mut link)?;
        Ok((Program { path, through, io }, emitted))
    }

    /// Flags that put each model's weights where the board has room for them.
    fn sections(&self, modules: &[Module]) -> Vec<String> {
        let World::Board(_) = self.world else { return Vec::new() };
        let section = |module: &Module| {
            format!("-D{}_WEIGHTS_SECTION=__attribute__((section(\".weights\")))", module.prefix.to_uppercase())
        };
        modules.iter().map(section).collect()
    }

    /// Flags that have the models take turns with the levels.
    fn levels(&self, modules: &[Module]) -> Vec<String> {
        let Some(first) = self.turns else { return Vec::new() };
        // Level 2 is for CPUs with VNNI where a network is on codes.
        let vnni = isas_of_codes().contains(&"avx512vnni");
        let count = if vnni { isas().len() } else { isas().len().min(2) };
        let level =
            |(i, module): (usize, &Module)| format!("-D{}_LEVEL={}", module.prefix.to_uppercase(), (first + i) % count);
        modules.iter().enumerate().map(level).collect()
    }

    /// Returns the sources of this crate and those of the models.
    fn write(&self, folder: &Path, modules: &[Module]) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        fs::write(folder.join("depth.h"), include_str!("depth.h"))?;
        let mut emitted = Vec::new();
        for module in modules {
            module.files.write_to(folder)?;
        }
        for (name, _) in modules.iter().flat_map(|module| module.files.iter()) {
            let path = folder.join(name);
            if path.extension().is_some_and(|e| e == "c") {
                emitted.push(path);
            }
        }
        let main = folder.join("main.c");
        let mut ours = vec![main.clone()];
        let source = match self.world {
            World::Hosted => table(include_str!("serve.c"), modules, self.rows, HOSTED_MAIN),
            World::Board(board) => {
                fs::write(folder.join("qemu.ld"), board.script())?;
                fs::write(folder.join("start.c"), board::START)?;
                ours.push(folder.join("start.c"));
                table(include_str!("serve.c"), modules, self.rows, SEMIHOSTED_MAIN)
            }
            World::Wasm => {
                fs::write(folder.join("serve.mjs"), include_str!("wasm/serve.mjs"))?;
                fs::write(folder.join("string.h"), wasm::STRING_H)?;
                fs::write(folder.join("string.c"), wasm::STRING_C)?;
                ours.push(folder.join("string.c"));
                table(include_str!("wasm/serve.c"), modules, self.rows, include_str!("wasm/end.c"))
            }
        };
        fs::write(main, source)?;
        Ok((ours, emitted))
    }
}

const HOSTED_MAIN: &str =
    "int main(int argc, char **argv) { return serve_all(argc, argv, servers, sizeof servers / sizeof *servers); }\n";

const SEMIHOSTED_MAIN: &str = "int main(int argc, char **argv) {\n    \
     if (!freopen(\"input.bin\", \"rb\", stdin) || !freopen(\"output.bin\", \"wb\", stdout)) return 6;\n    \
     return serve_all(argc, argv, servers, sizeof servers / sizeof *servers);\n}\n";

/// Whether a structure holds the outputs of a model.
fn several(module: &Module) -> bool {
    declares(module, &format!("typedef struct {}_output ", module.prefix))
}

/// Whether a model's header has a text.
fn declares(module: &Module, text: &str) -> bool {
    let header = module.files.get(&format!("{}.h", module.prefix));
    header.is_some_and(|header| String::from_utf8_lossy(header).contains(text))
}

/// Writes a function that infers twice, from the whole input and from its rows, and traps where the bits differ. Returns its name, or
/// that of the one inference there is.
fn by_rows(text: &mut String, i: usize, module: &Module, rows: bool) -> String {
    let prefix = &module.prefix;
    if !rows || !declares(module, &format!("void {prefix}_run_rows(")) {
        return format!("{prefix}_run");
    }
    let capitals = prefix.to_uppercase();
    let output = if several(module) { format!("{prefix}_output") } else { format!("{capitals}_OUTPUT_TYPE") };
    let count = if several(module) { "1" } else { &format!("{capitals}_OUTPUT_LEN") };
    *text += &include_str!("rows.c")
        .replace("@@", &capitals)
        .replace("%I%", &i.to_string())
        .replace("%OUTPUT%", &output)
        .replace("%COUNT%", count)
        .replace('@', prefix);
    format!("both{i}")
}

/// A table of all models between a beginning that defines `SERVER` and an end that uses the table.
fn table(beginning: &str, modules: &[Module], rows: bool, end: &str) -> String {
    let mut text = String::from(beginning);
    for module in modules {
        let _ = writeln!(text, "#include \"{}.h\"", module.prefix);
    }
    for (i, Module { prefix, .. }) in modules.iter().enumerate() {
        let capitals = prefix.to_uppercase();
        let run = by_rows(&mut text, i, &modules[i], rows);
        if several(&modules[i]) {
            let _ = writeln!(
                text,
                "static void flat{i}(const {capitals}_INPUT_TYPE *input, float *output, {prefix}_arena *arena) {{ \
                 {run}(input, ({prefix}_output *)output, arena); }}\n\
                 SERVER(serve{i}, flat{i}, {prefix}_arena, {capitals}_INPUT_TYPE, {capitals}_INPUT_LEN, float, \
                 sizeof({prefix}_output) / sizeof(float))"
            );
            continue;
        }
        let _ = writeln!(
            text,
            "SERVER(serve{i}, {run}, {prefix}_arena, {capitals}_INPUT_TYPE, {capitals}_INPUT_LEN, \
             {capitals}_OUTPUT_TYPE, {capitals}_OUTPUT_LEN)"
        );
    }
    let names: Vec<String> = (0..modules.len())
        .map(|i| if end.contains("->") { format!("&serve{i}") } else { format!("serve{i}") })
        .collect();
    let _ = writeln!(text, "static server *const servers[] = {{{}}};", names.join(", "));
    text + end
}
