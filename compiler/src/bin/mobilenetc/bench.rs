//! `mobilenetc bench`

use crate::args::{Bench, Format};
use crate::compare::compare;
use crate::engine::{self, Tools};
use crate::failure::Failure;
use crate::inputs::{self, Random};
use crate::progress::Progress;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::plan::{Plan, Step};
use mobilenet_compiler::report::Measured;
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
    let measured = measure(&args.tools, &plan, args.runs)?;
    match args.format {
        Format::Json => writeln!(terminal, "{:#}", to_json(&measured, &plan))?,
        Format::Text => {
            let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
            let aside = format!("{}, one thread, {} runs", measured.compiler, measured.runs);
            let aside = terminal.paint(Style::Dim, aside).to_string();
            writeln!(terminal, "{title}  {aside}\n\n{}\n{}", steps_table(&measured, &plan), summary(&measured, &plan))?;
        }
    }
    Ok(())
}

/// Times the steps of a plan. Plain inferences, inferences with clocks and the peak loop take turns, so that a drift of the
/// clock meets all.
pub fn measure(tools: &Tools, plan: &Plan, runs: Option<u32>) -> Result<Measured, Failure> {
    let compiler = tools.compiler()?;
    let mut plain = engine::compile(&compiler, plan)?;
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
    Ok(Measured {
        compiler: compiler.product(),
        via: tools.via.name(),
        runs: times.len(),
        batch: plan.network.batch,
        median: median(times),
        best,
        steps: steps.into_iter().map(median).collect(),
        peak: peaks.get(peaks.len() / 2).copied().unwrap_or_default(),
    })
}

fn steps_table(measured: &Measured, plan: &Plan) -> Table {
    let mut table = Table::new(&["step", "output", ">us", ">%", ">GMAC/s", ">% of peak", "first ONNX node"]);
    for (step, &time) in plan.steps.iter().zip(&measured.steps) {
        let rate = measured.rate(step.op.mult_adds(), time);
        let computes = step.op.mult_adds() > 0;
        let figure = |text: String| if computes { text } else { String::new() };
        table.row([
            step.label(),
            step.op.output().map_or_else(String::new, |map| format!("{}x{}x{}", map.height, map.width, map.channels)),
            format!("{:.1}", 1e6 * time.as_secs_f64()),
            format!("{:.1}", 100.0 * measured.share_of_time(time)),
            figure(format!("{:.1}", rate / 1e9)),
            figure(format!("{:.1}", 100.0 * rate / measured.peak)),
            origin(plan, step),
        ]);
    }
    table
}

fn summary(measured: &Measured, plan: &Plan) -> String {
    let rate = measured.rate(plan.network.mult_adds(), measured.median);
    format!(
        "  latency   {} median, {} best{}\n  speed     {:.1} GMAC/s, {:.1} % of the peak of {:.1} GMAC/s measured between the runs",
        milliseconds(measured.median),
        milliseconds(measured.best),
        if plan.network.batch > 1 { format!(", {} images", plan.network.batch) } else { String::new() },
        rate / 1e9,
        100.0 * rate / measured.peak,
        measured.peak / 1e9,
    )
}

fn to_json(measured: &Measured, plan: &Plan) -> serde_json::Value {
    let step = |(step, time): (&Step, &Duration)| {
        json!({
            "step": step.label(),
            "node": origin(plan, step),
            "microseconds": 1e6 * time.as_secs_f64(),
            "mult_adds": step.op.mult_adds(),
            "share_of_peak": measured.share_of_peak(step.op.mult_adds(), *time),
        })
    };
    json!({
        "via": measured.via,
        "runs": measured.runs,
        "batch": plan.network.batch,
        "median_microseconds": 1e6 * measured.median.as_secs_f64(),
        "best_microseconds": 1e6 * measured.best.as_secs_f64(),
        "mult_adds": plan.network.mult_adds(),
        "peak_gmacs_per_second": measured.peak / 1e9,
        "share_of_peak": measured.rate(plan.network.mult_adds(), measured.median) / measured.peak,
        "steps": plan.steps.iter().zip(&measured.steps).map(step).collect::<Vec<_>>(),
    })
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
