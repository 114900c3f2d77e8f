//! `mobilenetc bench`

use crate::args::{Bench, Format};
use crate::compare::compare;
use crate::engine::{self, Via};
use crate::failure::Failure;
use crate::inputs::{self, Random};
use crate::progress::Progress;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::host::Compiler;
use mobilenet_compiler::plan::{Plan, Step};
use mobilenet_compiler::report::table::Table;
use mobilenet_compiler::text;
use serde_json::json;
use std::io::Write;
use std::time::{Duration, Instant};

/// How long to measure where the user does not say how often.
const BUDGET: Duration = Duration::from_secs(2);
/// Rounds of the peak loop between two inferences: about a tenth of a millisecond.
const PEAK_ROUNDS: u64 = 50_000;

/// Times a model step by step.
pub fn bench(args: &Bench, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, args.batch.batch, args.input.element())?;
    if args.compare_plans {
        return compare(args, &session, terminal);
    }
    let plan = session.plan()?;
    let compiler = args.tools.compiler()?;
    let measured = Measured::new(&compiler, &plan, args.runs)?;
    match args.format {
        Format::Json => writeln!(terminal, "{:#}", measured.to_json(&plan, args.tools.via))?,
        Format::Text => {
            let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
            let aside = format!("{}, one thread, {} runs", compiler.product(), measured.runs);
            let aside = terminal.paint(Style::Dim, aside).to_string();
            writeln!(terminal, "{title}  {aside}\n\n{}\n{}", measured.steps_table(&plan), measured.summary(&plan))?;
        }
    }
    Ok(())
}

/// Medians over all runs.
struct Measured {
    runs: usize,
    median: Duration,
    best: Duration,
    steps: Vec<Duration>,
    /// Multiply-adds per second.
    peak: f64,
}

impl Measured {
    /// Plain inferences, inferences with clocks and the peak loop take turns, so that a drift of the clock meets all.
    fn new(compiler: &Compiler, plan: &Plan, runs: Option<u32>) -> Result<Self, Failure> {
        let mut plain = engine::compile(compiler, plan)?;
        let progress = Progress::new(format!("{} compiles, with clocks", compiler.name()));
        let mut clocked = compiler.profile(plan).map_err(|error| engine::host_failure(&error))?;
        progress.say("measuring");
        let input = inputs::bytes(&plan.network.input, &Random::new(1).input(&plan.network.input));
        let (mut times, mut peaks) = (Vec::new(), Vec::new());
        let mut steps: Vec<Vec<Duration>> = vec![Vec::new(); plan.steps.len()];
        clocked.run(&input).map_err(|error| engine::host_failure(&error))?;
        let start = Instant::now();
        while runs.map_or(times.is_empty() || start.elapsed() < BUDGET, |runs| times.len() < runs as usize) {
            let timing = plain.time(&input, 1).map_err(|error| engine::host_failure(&error))?;
            times.push(timing.median);
            clocked.run(&input).map_err(|error| engine::host_failure(&error))?;
            let of_steps = clocked.run(&input).map_err(|error| engine::host_failure(&error))?;
            steps.iter_mut().zip(of_steps).for_each(|(all, one)| all.push(one));
            peaks.push(clocked.peak(PEAK_ROUNDS));
        }
        drop(progress);
        let best = times.iter().min().copied().unwrap_or_default();
        peaks.sort_by(f64::total_cmp);
        Ok(Self {
            runs: times.len(),
            median: median(times),
            best,
            steps: steps.into_iter().map(median).collect(),
            peak: peaks.get(peaks.len() / 2).copied().unwrap_or_default(),
        })
    }

    fn steps_table(&self, plan: &Plan) -> Table {
        let mut table = Table::new(&["step", "output", ">us", ">%", ">GMAC/s", ">% of peak", "first ONNX node"]);
        let all: Duration = self.steps.iter().sum();
        for (step, &time) in plan.steps.iter().zip(&self.steps) {
            let rate = rate(step.op.mult_adds(), plan, time);
            let computes = step.op.mult_adds() > 0;
            let figure = |text: String| if computes { text } else { String::new() };
            table.row([
                step.label(),
                step.op
                    .output()
                    .map_or_else(String::new, |map| format!("{}x{}x{}", map.height, map.width, map.channels)),
                format!("{:.1}", 1e6 * time.as_secs_f64()),
                format!("{:.1}", 100.0 * time.as_secs_f64() / all.as_secs_f64().max(1e-12)),
                figure(format!("{:.1}", rate / 1e9)),
                figure(format!("{:.1}", 100.0 * rate / self.peak)),
                origin(plan, step),
            ]);
        }
        table
    }

    fn summary(&self, plan: &Plan) -> String {
        let rate = rate(plan.network.mult_adds(), plan, self.median);
        format!(
            "  latency   {} median, {} best{}\n  speed     {:.1} GMAC/s, {:.1} % of the peak of {:.1} GMAC/s measured between the runs",
            milliseconds(self.median),
            milliseconds(self.best),
            if plan.network.batch > 1 { format!(", {} images", plan.network.batch) } else { String::new() },
            rate / 1e9,
            100.0 * rate / self.peak,
            self.peak / 1e9,
        )
    }

    fn to_json(&self, plan: &Plan, via: Via) -> serde_json::Value {
        let step = |(step, time): (&Step, &Duration)| {
            json!({
                "step": step.label(),
                "node": origin(plan, step),
                "microseconds": 1e6 * time.as_secs_f64(),
                "mult_adds": step.op.mult_adds(),
                "share_of_peak": rate(step.op.mult_adds(), plan, *time) / self.peak,
            })
        };
        json!({
            "via": via.name(),
            "runs": self.runs,
            "batch": plan.network.batch,
            "median_microseconds": 1e6 * self.median.as_secs_f64(),
            "best_microseconds": 1e6 * self.best.as_secs_f64(),
            "mult_adds": plan.network.mult_adds(),
            "peak_gmacs_per_second": self.peak / 1e9,
            "share_of_peak": rate(plan.network.mult_adds(), plan, self.median) / self.peak,
            "steps": plan.steps.iter().zip(&self.steps).map(step).collect::<Vec<_>>(),
        })
    }
}

/// Multiply-adds per second of a whole batch.
fn rate(mult_adds: u64, plan: &Plan, time: Duration) -> f64 {
    mult_adds as f64 * plan.network.batch as f64 / time.as_secs_f64().max(1e-9)
}

fn origin(plan: &Plan, step: &Step) -> String {
    let stage = plan.network.stages.get(step.stage);
    let name = stage.and_then(|stage| stage.origin.first()).map_or("", String::as_str);
    mobilenet_compiler::report::shortened(name)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", 1e3 * time.as_secs_f64())
}
