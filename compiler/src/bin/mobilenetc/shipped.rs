//! `mobilenetc verify --target`: what will be shipped, built for its target and run there or under emulation.

use crate::args::{Format, Verify};
use crate::engine::{self, Via};
use crate::failure::Failure;
use crate::inputs;
use crate::oracle::Oracle;
use crate::scores::Agreement;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use crate::verify::within;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::host::{Compiler, Emulated, HostError, is_native};
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::report::table::Table;
use mobilenet_compiler::{Problem, text};
use serde_json::json;
use std::io::Write;

/// What `--target` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// All that can be built and run here, and which can't.
    All,
    /// This one.
    One(Target),
}

/// A target and the kernels it runs on.
#[derive(Debug, Clone, Copy)]
struct Lane {
    target: Target,
    via: Via,
}

/// What a lane was run by, and the values of each output of each input.
type Answers = (String, Vec<Vec<Vec<f32>>>);

/// Compares what is emitted for the targets with the reference.
pub fn verify(
    args: &Verify,
    asked: Asked,
    session: &Session,
    (oracle, plan): (&Oracle, &Plan),
    samples: &[Vec<f32>],
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let (lanes, tolerance) = (lanes(args, asked)?, oracle.tolerance());
    let port = &plan.network.input;
    let mut expected = Vec::new();
    for values in samples {
        let outputs = oracle.run(session, port, values)?;
        expected.push(outputs.iter().map(|output| output.to_f64()).collect::<Vec<_>>());
    }
    let bytes: Vec<Vec<u8>> = samples.iter().map(|values| inputs::bytes(port, values)).collect();
    let mut table = Table::new(&["target", "built and run by", ">max abs", ">max relative", ">top-1 agrees"]);
    let (mut left_out, mut rows, mut agrees) = (Vec::new(), Vec::new(), true);
    for lane in lanes {
        // As `build` plans for the target.
        let shipped = match lane.via {
            Via::C => &session.plan_by(&lane.target.cost())?,
            Via::Rust => plan,
        };
        let (tool, found) = match lane.run(args, shipped, &bytes) {
            Ok(answers) => answers,
            Err(Absent::LeftOut(reason)) if asked == Asked::All => {
                left_out.push((lane.name(), reason));
                continue;
            }
            Err(Absent::LeftOut(reason)) => {
                let problem = Problem::new(format!("{} can't be verified here: {reason}", lane.name()));
                return Err(Failure::Other(problem.hint("--target all says which targets can")));
            }
            Err(Absent::Failed(failure)) => return Err(failure),
        };
        let seen = agreement(&found, &expected, plan.network.batch);
        let top1 = format!("{} of {}", seen.top1, seen.rows);
        rows.push(json!({
            "target": lane.name(),
            "run_by": tool,
            "rows": seen.rows,
            "max_abs": seen.max_abs,
            "max_relative": seen.max_rel,
            "top_1_agrees": seen.top1,
        }));
        table.row([lane.name(), tool, format!("{:.2e}", seen.max_abs), format!("{:.2e}", seen.max_rel), top1]);
        agrees &= seen.max_rel <= tolerance;
    }
    if args.format == Format::Json {
        let left_out = left_out.iter().map(|(target, reason)| json!({ "target": target, "reason": reason }));
        let report = json!({
            "model": session.path,
            "sha256": session.model.sha256(),
            "tolerance": tolerance,
            "agrees": agrees,
            "targets": rows,
            "left_out": left_out.collect::<Vec<_>>(),
        });
        writeln!(terminal, "{report:#}")?;
        return if agrees { Ok(()) } else { Err(Failure::Disagreement) };
    }
    let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (inputs, targets) = (count(samples.len(), "input"), count(rows.len(), "target"));
    let aside = format!("{inputs} on {targets}, against {}", oracle.arithmetic());
    let aside = terminal.paint(Style::Dim, aside).to_string();
    writeln!(terminal, "{title}  {aside}\n\n{table}")?;
    for (name, reason) in left_out {
        writeln!(terminal, "  left out: {name}: {reason}")?;
    }
    let (style, word, rest) = match agrees {
        true => (Style::Good, "agrees", " "),
        false => (Style::Bad, "disagrees", ": not "),
    };
    let word = terminal.paint(style, word).to_string();
    writeln!(terminal, "  {word}{rest}{}", within(tolerance))?;
    if agrees { Ok(()) } else { Err(Failure::Disagreement) }
}

fn lanes(args: &Verify, asked: Asked) -> Result<Vec<Lane>, Failure> {
    match asked {
        Asked::All => {
            let emitted = Target::ALL.map(|target| Lane { target, via: Via::C });
            let runtime = Lane { target: Target::Auto, via: Via::Rust };
            Ok(emitted.into_iter().chain([runtime]).collect())
        }
        Asked::One(target) if args.tools.via == Via::Rust && target != Target::Auto => {
            let message = format!("--via rust has its own kernels, not those of --target {}", target.name());
            Err(Failure::Usage(Problem::new(message).hint("leave out one of the two, or say --target all")))
        }
        Asked::One(target) => Ok(vec![Lane { target, via: args.tools.via }]),
    }
}

/// Why a lane gives no answers.
enum Absent {
    /// It can't be run on this machine.
    LeftOut(String),
    /// It should run, and doesn't.
    Failed(Failure),
}

impl From<HostError> for Absent {
    fn from(error: HostError) -> Self {
        match error {
            HostError::NoCompiler | HostError::NoCargo { .. } | HostError::Room { .. } => {
                Self::LeftOut(error.to_string())
            }
            error => Self::Failed(engine::host_failure(&error)),
        }
    }
}

impl Lane {
    fn name(self) -> String {
        match self.via {
            Via::C => self.target.name().into(),
            Via::Rust => "rust runtime".into(),
        }
    }

    fn run(self, args: &Verify, plan: &Plan, samples: &[Vec<u8>]) -> Result<Answers, Absent> {
        if is_native(self.target) {
            let compiler = args.tools.of(self.via).map_err(Absent::Failed)?.target(self.target);
            let mut compiled = compiler.compile(plan)?;
            let found: Result<Vec<_>, HostError> = samples.iter().map(|bytes| compiled.run(bytes)).collect();
            return Ok((tool(&compiler, self.via), found?));
        }
        let emulated = match Emulated::find(self.target) {
            Ok(emulated) => emulated,
            Err(reason) => return Err(Absent::LeftOut(reason)),
        };
        Ok((emulated.name(), emulated.run(plan, samples)?))
    }
}

fn tool(compiler: &Compiler, via: Via) -> String {
    match via {
        Via::C => compiler.name(),
        Via::Rust => "cargo".into(),
    }
}

fn agreement(found: &[Vec<Vec<f32>>], expected: &[Vec<Vec<f64>>], batch: usize) -> Agreement {
    let mut seen = Agreement::default();
    let row = |len: usize| len.div_ceil(batch.max(1)).max(1);
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        for (found, expected) in found.chunks(row(found.len())).zip(expected.chunks(row(expected.len()))) {
            seen.add(found, expected);
        }
    }
    seen
}
