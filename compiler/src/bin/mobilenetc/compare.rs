//! `mobilenetc bench --compare-plans`: the plan that the cost model chooses beside others it could have chosen.

use crate::args::{Bench, Format};
use crate::engine::{self, Via};
use crate::failure::Failure;
use crate::inputs::{self, Random};
use crate::progress::Progress;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::host::{Compiled, Compiler};
use mobilenet_compiler::plan::{CostModel, Plan, plan_as};
use mobilenet_compiler::report::table::{Table, bytes};
use mobilenet_compiler::{Problem, text};
use serde_json::json;
use std::io::Write;
use std::time::{Duration, Instant};

/// How long to measure each plan where the user does not say how often.
const BUDGET: Duration = Duration::from_secs(1);
/// Less than this share of the time is noise.
const NOTICEABLE: f64 = 0.01;

/// Times the chosen plan and its alternatives in turn.
pub fn compare(args: &Bench, session: &Session, terminal: &mut Terminal) -> Result<(), Failure> {
    let compiler = args.tools.compiler()?;
    let mut contenders = contenders(session, &compiler)?;
    let runs = race(&mut contenders, args.runs)?;
    match args.format {
        Format::Json => writeln!(terminal, "{:#}", to_json(&contenders, runs, args.tools.via))?,
        Format::Text => {
            let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
            let aside = format!("{}, one thread, {runs} runs of each plan in turn", compiler.product());
            let aside = terminal.paint(Style::Dim, aside).to_string();
            writeln!(terminal, "{title}  {aside}\n\n{}\n  {}", table(&contenders), verdict(&contenders))?;
        }
    }
    Ok(())
}

/// A plan, built.
struct Contender {
    name: String,
    plan: Plan,
    compiled: Compiled,
    /// Ascending.
    times: Vec<Duration>,
}

impl Contender {
    fn median(&self) -> f64 {
        self.milliseconds(self.times.len() / 2)
    }

    /// What the plan is judged by: what else the machine does disturbs it least.
    fn best(&self) -> f64 {
        self.milliseconds(0)
    }

    fn milliseconds(&self, index: usize) -> f64 {
        1e3 * self.times.get(index).copied().unwrap_or_default().as_secs_f64()
    }
}

/// The chosen plan first, then every other that differs from those before it.
fn contenders(session: &Session, compiler: &Compiler) -> Result<Vec<Contender>, Failure> {
    let chosen = session.plan()?;
    let (network, decisions) = (chosen.network.clone(), chosen.decisions.clone());
    let mut all: Vec<Contender> = Vec::new();
    let alternatives = decisions.alternatives();
    let progress = Progress::of("building plans", 1 + alternatives.len());
    let mut add = |name: String, mut plan: Plan| -> Result<(), Failure> {
        if all.iter().any(|other| other.plan.steps == plan.steps) {
            return Ok(());
        }
        let compiled = compiler.compile(&plan).map_err(|error| engine::host_failure(&error))?;
        progress.step();
        plan.weights = Vec::new();
        all.push(Contender { name, plan, compiled, times: Vec::new() });
        Ok(())
    };
    add("chosen".to_string(), chosen)?;
    for (name, decisions) in alternatives {
        let plan = plan_as(network.clone(), &CostModel::default(), &decisions);
        add(name, plan.map_err(|error| session.failure(error))?)?;
    }
    Ok(all)
}

/// Runs all in turn, so that a drift of the clock meets all, and makes sure that they agree.
fn race(contenders: &mut [Contender], runs: Option<u32>) -> Result<usize, Failure> {
    let Some(port) = contenders.first().map(|first| first.plan.network.input.clone()) else { return Ok(0) };
    let input = inputs::bytes(&port, &Random::new(1).input(&port));
    let mut outputs = Vec::new();
    for contender in contenders.iter_mut() {
        outputs.push(contender.compiled.run(&input).map_err(|error| engine::host_failure(&error))?);
    }
    let bits = |outputs: &[Vec<f32>]| outputs.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (contender, output) in contenders.iter().zip(&outputs) {
        if bits(output) != bits(&outputs[0]) {
            let problem = Problem::new(format!("the plan with {} computes another result", contender.name));
            return Err(Failure::Other(problem.hint("this is a defect of the compiler")));
        }
    }
    let (start, budget) = (Instant::now(), BUDGET * contenders.len() as u32);
    let progress = Progress::new("measuring");
    let mut done = 0;
    while runs.map_or(done == 0 || start.elapsed() < budget, |runs| done < runs as usize) {
        for contender in contenders.iter_mut() {
            let timing = contender.compiled.time(&input, 1).map_err(|error| engine::host_failure(&error))?;
            contender.times.push(timing.median);
        }
        done += 1;
        progress.say(format!("measuring {} plans in turn, run {done}", contenders.len()));
    }
    contenders.iter_mut().for_each(|contender| contender.times.sort_unstable());
    Ok(done)
}

fn table(contenders: &[Contender]) -> Table {
    let mut table = Table::new(&["plan", ">arena", ">Mcycles", ">modelled", ">median ms", ">best ms", ">measured"]);
    let Some(chosen) = contenders.first() else { return table };
    for contender in contenders {
        table.row([
            contender.name.clone(),
            bytes(contender.plan.arena_bytes),
            format!("{:.3}", contender.plan.cycles / 1e6),
            format!("{:.3}", ratio(contender.plan.cycles, chosen.plan.cycles)),
            format!("{:.3}", contender.median()),
            format!("{:.3}", contender.best()),
            format!("{:.3}", ratio(contender.best(), chosen.best())),
        ]);
    }
    table
}

/// Says whether the choice was the fastest, and by how much it missed.
fn verdict(contenders: &[Contender]) -> String {
    let [chosen, others @ ..] = contenders else { return String::new() };
    let Some(fastest) = others.iter().min_by(|a, b| a.best().total_cmp(&b.best())) else {
        return "there is no other plan for this model".to_string();
    };
    let apart = ratio(fastest.best(), chosen.best()) - 1.0;
    let (name, arena) = (&fastest.name, bytes(fastest.plan.arena_bytes));
    match apart {
        x if x > NOTICEABLE => format!("the chosen plan is the fastest; {name:?} takes {:.1} % more", 100.0 * apart),
        x if x >= -NOTICEABLE => {
            format!("no plan is faster than the chosen one by more than the noise of {:.0} %", 100.0 * NOTICEABLE)
        }
        _ => format!("missed: {name:?} takes {:.1} % less, with an arena of {arena}", -100.0 * apart),
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 1.0 }
}

fn to_json(contenders: &[Contender], runs: usize, via: Via) -> serde_json::Value {
    let plan = |contender: &Contender| {
        json!({
            "plan": contender.name,
            "depth": contender.plan.decisions.depth(),
            "arena_bytes": contender.plan.arena_bytes,
            "modelled_cycles": contender.plan.cycles,
            "median_microseconds": 1e3 * contender.median(),
            "best_microseconds": 1e3 * contender.best(),
            "over_chosen": ratio(contender.best(), contenders[0].best()),
        })
    };
    let plans: Vec<_> = contenders.iter().map(plan).collect();
    json!({ "via": via.name(), "runs": runs, "plans": plans, "verdict": verdict(contenders) })
}
