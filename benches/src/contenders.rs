//! Builds every contender and says how to start it.

use crate::place::{home, succeed};
use crate::table::{Row, Side};
use crate::{models, ours, worker};
use anyhow::Result;
use clap::ValueEnum;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One contender, ready to be started.
pub struct Contender {
    /// As printed.
    pub name: String,
    /// Whose it is.
    pub side: Side,
    /// The process, pinned.
    pub command: Command,
    /// Where it writes its first output.
    pub output: PathBuf,
    /// Extra words for its row.
    pub note: String,
}

/// One network and how everybody is to run it.
pub struct Site<'a> {
    /// The network.
    pub network: &'a models::Network,
    /// Holds `net.onnx`, `input.f32`, and everything built from them.
    pub folder: &'a Path,
    /// A Python with the peers, if there is one.
    pub python: Option<&'a Path>,
    /// Threads of every contender.
    pub threads: usize,
    /// First core to pin to.
    pub core: usize,
    /// Names of the only peers to run, by substring; all when empty.
    pub only: &'a [String],
    /// Whether the network computes in 8-bit integers.
    pub quantised: bool,
}

impl Site<'_> {
    /// Everybody who could be built, and a row for each who could not.
    pub fn contenders(&self) -> (Vec<Contender>, Vec<Row>) {
        let mut ready = Vec::new();
        let mut missing = Vec::new();
        for variant in ours::Variant::all(self.threads) {
            let side = if variant == ours::Variant::Rust { Side::Ours } else { Side::AlsoOurs };
            match ours::build(variant, self.folder, self.threads) {
                Ok(library) => ready.push(self.rust(variant.name(), side, worker::Engine::Library, &library)),
                Err(error) => missing.push(Row::missing(variant.name(), side, &error)),
            }
        }
        let model = self.folder.join("net.onnx");
        if self.wanted("rten") {
            ready.push(self.rust("rten", Side::Peer, worker::Engine::Rten, &model));
        }
        if self.threads == 1 && self.wanted("tract") {
            ready.push(self.rust("tract", Side::Peer, worker::Engine::Tract, &model));
        }
        if let Some(python) = self.python {
            self.convert(python);
            ready.extend(self.python_peers(python));
            if self.threads == 1 && self.wanted("emx-onnx-cgen") {
                match self.emx(python) {
                    Ok(contender) => ready.push(contender),
                    Err(error) => missing.push(Row::missing("emx-onnx-cgen", Side::Peer, &error)),
                }
            }
        }
        (ready, missing)
    }

    /// The measure of the machine itself.
    pub fn fma(&self) -> Contender {
        self.rust("fma", Side::Peer, worker::Engine::Fma, &self.folder.join("net.onnx"))
    }

    /// Whether a peer is asked for.
    fn wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }

    /// The forms that peers read instead of ONNX.
    fn convert(&self, python: &Path) {
        if self.quantised {
            // These read floats.
            return;
        }
        let forms = [
            ("XNNPACK (LiteRT)", "tflite", "tflite"),
            ("ncnn", "ncnn", "ncnn.param"),
            ("MNN", "mnn", "mnn"),
            ("emx-onnx-cgen", "folded", "folded.onnx"),
        ];
        let stem = self.folder.join("converted");
        let missing: Vec<&str> = forms
            .into_iter()
            .filter(|(peer, _, ending)| self.wanted(peer) && !stem.with_extension(ending).exists())
            .map(|(_, form, _)| form)
            .collect();
        if missing.is_empty() {
            return;
        }
        let done = Command::new(python)
            .arg(home().join("peers/convert.py"))
            .args([self.folder.join("net.onnx"), stem])
            .args(self.network.image.map(|n| n.to_string()))
            .args(missing)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("some conversions failed; those peers are left out");
        }
    }

    fn python_peers(&self, python: &Path) -> Vec<Contender> {
        let stem = self.folder.join("converted");
        [
            ("onnxruntime", "onnxruntime", self.folder.join("net.onnx")),
            ("onnxruntime, exact", "onnxruntime_exact", self.folder.join("net.onnx")),
            ("OpenVINO", "openvino", self.folder.join("net.onnx")),
            ("XNNPACK (LiteRT)", "litert", stem.with_extension("tflite")),
            ("ncnn", "ncnn", stem.with_extension("ncnn")),
            ("MNN", "mnn", stem.with_extension("mnn")),
        ]
        .into_iter()
        .filter(|(name, ..)| self.wanted(name))
        .filter(|(_, key, model)| {
            (self.quantised || *key != "onnxruntime_exact") && (!self.quantised || model.ends_with("net.onnx"))
        })
        .map(|(name, key, model)| {
            let output = self.folder.join(format!("{key}.f32"));
            let [h, w, c] = self.network.image;
            let mut command = self.pinned(python);
            command
                .arg(home().join("peers/worker.py"))
                .args([Path::new(key), &model, &self.folder.join("input.f32"), &output])
                .args([h, w, c, self.threads].map(|n| n.to_string()));
            Contender { name: name.into(), side: Side::Peer, command, output, note: String::new() }
        })
        .collect()
    }

    fn emx(&self, python: &Path) -> Result<Contender> {
        let library = emx(self.network, self.folder, python)?;
        let mut contender = self.rust("emx-onnx-cgen", Side::Peer, worker::Engine::Library, &library);
        contender.note = "gcc -O3 -march=native -ffast-math, batch norm folded first".into();
        Ok(contender)
    }

    /// A contender served by this program.
    fn rust(&self, name: &str, side: Side, engine: worker::Engine, model: &Path) -> Contender {
        let key: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let output = self.folder.join(format!("{key}.f32"));
        let itself = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("bench"));
        let mut command = self.pinned(&itself);
        let [h, w, c] = self.network.image;
        command
            .arg("worker")
            .arg(engine.to_possible_value().map_or_else(String::new, |v| v.get_name().to_string()))
            .args([model, &self.folder.join("input.f32"), &output])
            .args([1, c, h, w].iter().flat_map(|n| ["--shape".to_string(), n.to_string()]))
            .args(["--outputs", &self.network.outputs.to_string(), "--threads", &self.threads.to_string()]);
        Contender { name: name.into(), side, command, output, note: String::new() }
    }

    /// A command bound to as many cores as there are threads.
    fn pinned(&self, program: &Path) -> Command {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let first = if self.core + self.threads <= cores { self.core } else { 0 };
        let mut command = Command::new("taskset");
        // SAFETY: setrlimit is async-signal-safe. C peers keep their intermediates on the stack.
        unsafe {
            command.pre_exec(|| {
                let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
                libc::setrlimit(libc::RLIMIT_STACK, &unlimited);
                Ok(())
            });
        }
        command.args(["-c", &format!("{first}-{}", first + self.threads - 1)]).arg(program);
        command
    }
}

fn emx(network: &models::Network, folder: &Path, python: &Path) -> Result<PathBuf> {
    let library = folder.join("emx.so");
    if library.exists() {
        return Ok(library);
    }
    let tool = python.with_file_name("emx-onnx-cgen");
    succeed(
        Command::new(tool)
            .args(["compile", "--large-temp-threshold", "0", "--model-name", "model"])
            .args(["converted.folded.onnx", "emx.c"])
            .current_dir(folder),
    )?;
    let text = std::fs::read_to_string(folder.join("emx.c"))?;
    let load = if text.contains("model_load(const char") {
        let weights = folder.join("model.bin");
        format!("__attribute__((constructor)) static void load(void) {{ model_load({:?}); }}\n", weights)
    } else {
        String::new()
    };
    let [h, w, c] = network.image;
    let outputs = network.outputs;
    let wrapper = format!(
        "#include \"emx.c\"\n{load}void run(const float *in, float *out) {{\n    \
         model((const float (*)[{c}][{h}][{w}])in, (float (*)[{outputs}])out);\n}}\n"
    );
    std::fs::write(folder.join("emx_run.c"), wrapper)?;
    succeed(
        Command::new("gcc")
            .args(ours::GENERIC)
            .args(["-O3", "-w", "-shared", "-fPIC", "emx_run.c", "-o", "emx.so", "-lm"])
            .current_dir(folder),
    )?;
    Ok(library)
}

/// A Python with the peers, installed under `target/` the first time.
///
/// # Errors
///
/// What Python or its installer says.
pub fn virtual_environment() -> Result<PathBuf> {
    let folder = home().join("target/venv");
    let python = folder.join("bin/python");
    if !folder.join("complete").exists() {
        eprintln!("installing the Python peers into {} (about 2 GB)", folder.display());
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        succeed(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(home().join("peers/requirements.txt")),
        )?;
        std::fs::write(folder.join("complete"), "")?;
    }
    Ok(python)
}
