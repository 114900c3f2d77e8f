//! Builds every contender, then serves them in turn: one live process each, so that the machine's drift cancels.

use crate::table::{Row, Side, median, render};
use crate::{models, ours, worker};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Options of `peers`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Benchmark networks: α-resolution or α-resolution-classes.
    #[arg(long, value_delimiter = ',', default_value = "1.0-224,0.25-128,0.25-96-2")]
    models: Vec<models::Spec>,
    /// Rounds; every contender runs once in each.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Milliseconds each contender runs in a round.
    #[arg(long, default_value_t = 120)]
    slice_ms: u64,
    /// Threads of every contender.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// First core to pin to.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// Only these contenders (names as printed, by substring).
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A Python with the peers of `peers/requirements.txt`; made under `target/` when missing.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Also write the tables to this file.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// One contender, ready to be started.
struct Contender {
    name: String,
    side: Side,
    command: Command,
    output: PathBuf,
    note: String,
}

/// A started contender.
struct Live {
    row: Row,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    output: PathBuf,
    per_slice: usize,
}

/// Where the sources of this crate lie.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where everything made here goes.
pub fn work() -> PathBuf {
    home().join("target/peers")
}

/// Builds, runs and prints.
pub fn run(arguments: &Arguments) -> Result<()> {
    let python = match &arguments.python {
        Some(path) => Some(path.clone()),
        None => virtual_environment().inspect_err(|error| eprintln!("Python peers are left out: {error:#}")).ok(),
    };
    let mut report = machine();
    for spec in &arguments.models {
        let text = one_model(spec, arguments, python.as_deref())?;
        println!("{text}");
        report.push_str(&text);
        report.push('\n');
    }
    if let Some(path) = &arguments.output {
        std::fs::write(path, report)?;
    }
    Ok(())
}

fn one_model(spec: &models::Spec, arguments: &Arguments, python: Option<&Path>) -> Result<String> {
    let folder = work().join(spec.to_string());
    std::fs::create_dir_all(&folder)?;
    let model = folder.join("net.onnx");
    let bytes = models::onnx(spec)?;
    if std::fs::read(&model).ok().as_deref() != Some(&bytes) {
        std::fs::remove_dir_all(&folder)?;
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&model, bytes)?;
    }
    let (input, expected) = ours::reference(&model, &folder)?;
    let mut rows = Vec::new();
    let mut live = Vec::new();
    let mut contenders = own(spec, &folder, arguments, &mut rows);
    contenders.extend(rust_peers(spec, &folder, arguments));
    if let Some(python) = python {
        convert(spec, &folder, python);
        contenders.extend(c_peers(spec, &folder, python, arguments, &mut rows));
        contenders.extend(python_peers(spec, &folder, python, arguments));
    }
    contenders.retain(|c| {
        c.side != Side::Peer || arguments.only.is_empty() || arguments.only.iter().any(|o| c.name.contains(o.as_str()))
    });
    for contender in contenders {
        let (name, side) = (contender.name.clone(), contender.side);
        match Live::start(contender, arguments.slice_ms) {
            Ok(mut contender) => {
                contender.row.error = difference(&contender.output, &expected)?;
                live.push(contender);
            }
            Err(error) => rows.push(missing(&name, side, &error)),
        }
    }
    let mut peak = fma_worker(spec, &folder, arguments).and_then(|c| Live::start(c, 1)).ok();
    let mut speeds = Vec::new();
    for round in 0..arguments.rounds {
        if let Some(peak) = &mut peak {
            speeds.extend(peak.ask(3)?);
        }
        let count = live.len();
        for i in 0..count {
            let contender = &mut live[(i + round) % count];
            contender.ask(1)?;
            let times = contender.ask(contender.per_slice)?;
            contender.row.samples.extend(times);
        }
    }
    let _ = input;
    // The FMA worker answers nanoseconds per million mult-adds.
    let peak = median(&speeds).map(|ns| 1e6 / ns);
    rows.extend(live.into_iter().map(Live::stop));
    let title = format!("{spec}, {} thread{}", arguments.threads, if arguments.threads == 1 { "" } else { "s" });
    Ok(render(&title, spec.mult_adds(), arguments.threads, peak, &rows))
}

fn missing(name: &str, side: Side, error: &anyhow::Error) -> Row {
    let note = format!("left out: {}", format!("{error:#}").lines().last().unwrap_or_default());
    Row { name: name.to_string(), side, samples: Vec::new(), error: 0.0, note }
}

fn own(spec: &models::Spec, folder: &Path, arguments: &Arguments, rows: &mut Vec<Row>) -> Vec<Contender> {
    let mut contenders = Vec::new();
    for variant in ours::Variant::all(arguments.threads) {
        match ours::build(variant, folder, arguments.threads) {
            Ok(library) => contenders.push(library_worker(
                variant.name(),
                if variant == ours::Variant::Rust { Side::Ours } else { Side::AlsoOurs },
                &library,
                spec,
                folder,
                arguments,
            )),
            Err(error) => rows.push(missing(variant.name(), Side::AlsoOurs, &error)),
        }
    }
    contenders
}

fn rust_peers(spec: &models::Spec, folder: &Path, arguments: &Arguments) -> Vec<Contender> {
    let mut engines = vec![("rten", worker::Engine::Rten)];
    if arguments.threads == 1 {
        engines.push(("tract", worker::Engine::Tract));
    }
    let model = folder.join("net.onnx");
    engines
        .into_iter()
        .map(|(name, engine)| rust_worker(name, Side::Peer, engine, &model, spec, folder, arguments))
        .collect()
}

fn c_peers(
    spec: &models::Spec,
    folder: &Path,
    python: &Path,
    arguments: &Arguments,
    rows: &mut Vec<Row>,
) -> Vec<Contender> {
    if arguments.threads > 1 {
        return Vec::new();
    }
    match emx(spec, folder, python) {
        Ok(library) => {
            let mut contender = library_worker("emx-onnx-cgen", Side::Peer, &library, spec, folder, arguments);
            contender.note = "gcc -O3 -march=native -ffast-math, batch norm folded first".into();
            vec![contender]
        }
        Err(error) => {
            rows.push(missing("emx-onnx-cgen", Side::Peer, &error));
            Vec::new()
        }
    }
}

/// The forms that peers read instead of ONNX.
fn convert(spec: &models::Spec, folder: &Path, python: &Path) {
    let stem = folder.join("converted");
    if !stem.with_extension("tflite").exists() {
        let [h, w, c] = spec.image();
        let done = Command::new(python)
            .arg(home().join("peers/convert.py"))
            .args([folder.join("net.onnx"), stem.clone()])
            .args([h, w, c].map(|n| n.to_string()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("some conversions failed; those peers are left out");
        }
    }
}

fn python_peers(spec: &models::Spec, folder: &Path, python: &Path, arguments: &Arguments) -> Vec<Contender> {
    let stem = folder.join("converted");
    [
        ("onnxruntime", "onnxruntime", folder.join("net.onnx")),
        ("OpenVINO", "openvino", folder.join("net.onnx")),
        ("XNNPACK (LiteRT)", "litert", stem.with_extension("tflite")),
        ("ncnn", "ncnn", stem.with_extension("ncnn")),
        ("MNN", "mnn", stem.with_extension("mnn")),
    ]
    .into_iter()
    .map(|(name, key, model)| {
        let output = folder.join(format!("{key}.f32"));
        let [h, w, c] = spec.image();
        let mut command = pinned(arguments, python);
        command
            .arg(home().join("peers/worker.py"))
            .args([Path::new(key), &model, &folder.join("input.f32"), &output])
            .args([h, w, c, arguments.threads].map(|n| n.to_string()));
        Contender { name: name.into(), side: Side::Peer, command, output, note: String::new() }
    })
    .collect()
}

fn library_worker(
    name: &str,
    side: Side,
    library: &Path,
    spec: &models::Spec,
    folder: &Path,
    arguments: &Arguments,
) -> Contender {
    rust_worker(name, side, worker::Engine::Library, library, spec, folder, arguments)
}

fn rust_worker(
    name: &str,
    side: Side,
    engine: worker::Engine,
    model: &Path,
    spec: &models::Spec,
    folder: &Path,
    arguments: &Arguments,
) -> Contender {
    use clap::ValueEnum;
    let key: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let output = folder.join(format!("{key}.f32"));
    let itself = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("bench"));
    let mut command = pinned(arguments, &itself);
    let [h, w, c] = spec.image();
    command
        .arg("worker")
        .arg(engine.to_possible_value().map_or_else(String::new, |v| v.get_name().to_string()))
        .args([model, &folder.join("input.f32"), &output])
        .args([1, c, h, w].iter().flat_map(|n| ["--shape".to_string(), n.to_string()]))
        .args(["--outputs", &spec.classes.to_string(), "--threads", &arguments.threads.to_string()]);
    Contender { name: name.into(), side, command, output, note: String::new() }
}

fn fma_worker(spec: &models::Spec, folder: &Path, arguments: &Arguments) -> Result<Contender> {
    Ok(rust_worker("fma", Side::Peer, worker::Engine::Fma, &folder.join("net.onnx"), spec, folder, arguments))
}

/// A command bound to as many cores as there are threads.
fn pinned(arguments: &Arguments, program: &Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let first = if arguments.core + arguments.threads <= cores { arguments.core } else { 0 };
    let mut command = Command::new("taskset");
    // SAFETY: setrlimit is async-signal-safe. C peers keep their intermediates on the stack.
    unsafe {
        use std::os::unix::process::CommandExt;
        command.pre_exec(|| {
            let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
            libc::setrlimit(libc::RLIMIT_STACK, &unlimited);
            Ok(())
        });
    }
    command.args(["-c", &format!("{first}-{}", first + arguments.threads - 1)]).arg(program);
    command
}

impl Live {
    fn start(contender: Contender, slice_ms: u64) -> Result<Self> {
        let Contender { name, side, mut command, output, note } = contender;
        let _ = std::fs::remove_file(&output);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{name} could not be started (is `taskset` there?)"))?;
        let requests = child.stdin.take().context("a pipe")?;
        let mut answers = BufReader::new(child.stdout.take().context("a pipe")?);
        loop {
            let mut line = String::new();
            if answers.read_line(&mut line)? == 0 {
                bail!("did not load");
            }
            if line.trim() == "READY" {
                break;
            }
        }
        let row = Row { name, side, samples: Vec::new(), error: 0.0, note };
        let mut live = Self { row, child, requests, answers, output, per_slice: 1 };
        let warm = live.ask(3)?;
        let once = median(&warm).unwrap_or(1e6).max(1.0);
        live.per_slice = ((slice_ms * 1_000_000) as f64 / once).clamp(3.0, 2000.0) as usize;
        live.ask(live.per_slice.min(200))?;
        Ok(live)
    }

    fn ask(&mut self, count: usize) -> Result<Vec<u64>> {
        writeln!(self.requests, "{count}")?;
        self.requests.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let times: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        if times.len() != count {
            bail!("{} stopped answering", self.row.name);
        }
        Ok(times)
    }

    fn stop(mut self) -> Row {
        drop(self.requests);
        let _ = self.child.wait();
        self.row
    }
}

/// Largest difference from the reference, relative to its largest magnitude.
fn difference(path: &Path, expected: &[f32]) -> Result<f64> {
    let got = ours::floats(&std::fs::read(path)?);
    if got.len() != expected.len() {
        bail!("{} outputs instead of {}", got.len(), expected.len());
    }
    let scale = expected.iter().fold(0.0f64, |m, &v| m.max(f64::from(v.abs())));
    let worst = got.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    Ok(worst / scale.max(f64::MIN_POSITIVE))
}

fn emx(spec: &models::Spec, folder: &Path, python: &Path) -> Result<PathBuf> {
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
    let [h, w, c] = spec.image();
    let classes = spec.classes;
    let wrapper = format!(
        "#include \"emx.c\"\n{load}void run(const float *in, float *out) {{\n    \
         model((const float (*)[{c}][{h}][{w}])in, (float (*)[{classes}])out);\n}}\n"
    );
    std::fs::write(folder.join("emx_run.c"), wrapper)?;
    succeed(
        Command::new("gcc")
            .args(["-O3", "-march=native", "-ffast-math", "-w", "-shared", "-fPIC", "emx_run.c", "-o", "emx.so", "-lm"])
            .current_dir(folder),
    )?;
    Ok(library)
}

/// Runs a command, giving what it printed when it fails.
pub fn succeed(command: &mut Command) -> Result<()> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    if !done.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

fn virtual_environment() -> Result<PathBuf> {
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

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |key: &str| {
        cpu.lines().find_map(|l| l.strip_prefix(key)?.split_once(": ").map(|(_, v)| v.to_string())).unwrap_or_default()
    };
    let isa = std::env::var("MOBILENET_ISA").unwrap_or_else(|_| "widest".into());
    format!("CPU: {} (family {}, model {}), ISA: {isa}\n\n", field("model name"), field("cpu family"), field("model\t"))
}
