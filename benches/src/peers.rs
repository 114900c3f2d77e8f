//! Builds every contender, then serves them in turn: one live process each, so that the machine's drift cancels.

use crate::contenders::{Contender, Site, virtual_environment};
use crate::place::work;
use crate::table::{Row, median, render};
use crate::{models, ours};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

/// Options of `peers`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Benchmark networks: [v2-|v3-]α-resolution[-classes], or ONNX files.
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

/// A started contender.
struct Live {
    row: Row,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    output: PathBuf,
    per_slice: usize,
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
    let network = spec.network()?;
    let folder = work().join(&network.name);
    std::fs::create_dir_all(&folder)?;
    let model = folder.join("net.onnx");
    if std::fs::read(&model).ok().as_deref() != Some(&network.onnx) {
        std::fs::remove_dir_all(&folder)?;
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&model, &network.onnx)?;
    }
    let expected = ours::reference(&model, &folder)?;
    let quantum = ours::quantum(&model)?;
    let Arguments { threads, core, .. } = *arguments;
    let site = Site {
        network: &network,
        folder: &folder,
        python,
        threads,
        core,
        only: &arguments.only,
        quantised: quantum.is_some(),
    };
    let (contenders, mut rows) = site.contenders();
    let mut live = Vec::new();
    for contender in contenders {
        let (name, side) = (contender.name.clone(), contender.side);
        match Live::start(contender, arguments.slice_ms) {
            Ok(mut contender) => {
                contender.row.error = difference(&contender.output, &expected)?;
                if let Some(quantum) = quantum {
                    let largest = expected.iter().fold(0.0f64, |m, &v| m.max(f64::from(v.abs())));
                    let quanta = contender.row.error * largest / f64::from(quantum);
                    contender.row.note =
                        format!("{} quanta off {}", quanta.round(), contender.row.note).trim_end().into();
                }
                live.push(contender);
            }
            Err(error) => rows.push(Row::missing(&name, side, &error)),
        }
    }
    let mut peak = Live::start(site.fma(), 1).ok();
    let mut speeds = Vec::new();
    for round in 0..arguments.rounds {
        if let Some(peak) = &mut peak {
            speeds.extend(peak.ask(3)?);
        }
        let count = live.len();
        for i in 0..count {
            let contender = &mut live[(i + round) % count];
            if arguments.threads > 1 {
                // The one before may still have a thread that waits without sleeping.
                std::thread::sleep(Duration::from_millis(100));
            }
            contender.ask(1)?;
            let times = contender.ask(contender.per_slice)?;
            contender.row.samples.extend(times);
        }
    }
    // The FMA worker answers nanoseconds per million mult-adds.
    let peak = median(&speeds).map(|ns| 1e6 / ns);
    rows.extend(live.into_iter().map(Live::stop));
    let title = format!("{spec}, {} thread{}", arguments.threads, if arguments.threads == 1 { "" } else { "s" });
    Ok(render(&title, network.mult_adds, arguments.threads, peak, &rows))
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

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |key: &str| {
        cpu.lines().find_map(|l| l.strip_prefix(key)?.split_once(": ").map(|(_, v)| v.to_string())).unwrap_or_default()
    };
    let isa = std::env::var("MOBILENET_ISA").unwrap_or_else(|_| "widest".into());
    format!("CPU: {} (family {}, model {}), ISA: {isa}\n\n", field("model name"), field("cpu family"), field("model\t"))
}
