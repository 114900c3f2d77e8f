//! `mobilenetc build`

use crate::args::{Build, Kernels, Language, Project, Weights};
use crate::failure::{Failure, plain};
use crate::inputs::{self, Random};
use crate::oracle::Oracle;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use clap::ValueEnum;
use mobilenet_compiler::emit::{Files, c, rust};
use mobilenet_compiler::plan::{CostModel, Plan};
use mobilenet_compiler::report::Needs;
use mobilenet_compiler::report::table::{Table, bytes};
use mobilenet_compiler::{Problem, naming, text};
use std::io::Write;
use std::path::Path;

/// Writes C or Rust, and says what unless it is to be quiet.
pub fn build(args: &Build, quiet: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    refuse_contradictions(args)?;
    refuse_file(&args.output)?;
    let mut session = Session::open(&args.model, args.batch.batch, args.input.element())?;
    session.classes(&args.classes)?;
    let inline = args.emit == Language::C && args.kernels() == Kernels::Inline;
    let target = args.target.unwrap_or_default();
    let plan = session.plan_by(&if inline { target.cost() } else { CostModel::default() })?;
    let files = match args.emit {
        Language::C => emit_c(args, &session, &plan)?,
        Language::Rust => emit_rust(args, &session, &plan)?,
    };
    if !args.force {
        refuse_foreign(&files, &args.output)?;
    }
    let removed = files
        .write_to(&args.output)
        .map_err(|error| Failure::Other(Problem::new(format!("can't write {}", plain(&error)))))?;
    if quiet {
        return Ok(());
    }
    let mut table = Table::new(&["wrote", ">size"]);
    for (name, contents) in files.iter() {
        table.row([text::path(&args.output.join(name)), bytes(contents.len())]);
    }
    let (weights, arena) = (bytes(plan.weights.len()), bytes(plan.arena_bytes));
    let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
    writeln!(terminal, "{title}  {weights} of weights, {arena} of arena\n\n{table}")?;
    for path in removed {
        writeln!(terminal, "  removed {}, of an earlier build", text::path(&path))?;
    }
    if inline {
        write!(terminal, "\n{}", Needs::new(&plan, target).text())?;
    }
    Ok(())
}

/// Output goes into a folder, so no part of its path may be a file.
fn refuse_file(output: &Path) -> Result<(), Failure> {
    output.ancestors().find(|path| path.is_file()).map_or(Ok(()), |file| {
        let problem = Problem::new(format!("can't write into {}: {} is a file", text::path(output), text::path(file)));
        Err(Failure::Other(problem.hint("name a folder")))
    })
}

/// What another program or a person wrote stays.
fn refuse_foreign(files: &Files, output: &Path) -> Result<(), Failure> {
    let foreign = files.foreign(output);
    if foreign.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = foreign.iter().map(|path| text::path(path)).collect();
    let problem = Problem::new(format!("{} would be overwritten", names.join(", ")));
    let problem = problem.expected("files that mobilenetc wrote, by the comment at their head", "others");
    Err(Failure::Other(problem.hint("name another folder or another --name, or overwrite them with --force")))
}

/// The stem of the model file, or the name the user gave.
fn name(args: &Build) -> String {
    let stem = || args.model.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    args.name.clone().unwrap_or_else(stem)
}

fn refuse_contradictions(args: &Build) -> Result<(), Failure> {
    args.name.as_deref().map_or(Ok(()), check_name)?;
    if args.emit == Language::Rust {
        return refuse_options_of_c(args);
    }
    let projects = args.projects();
    if projects.len() > 1 && projects.contains(&Project::None) {
        let problem = Problem::new("--project none goes with no other");
        return Err(Failure::Usage(problem.hint("leave out either none or the build systems")));
    }
    if args.kernels() == Kernels::Inline {
        return Ok(());
    }
    if args.target.is_some() {
        let problem = Problem::new("--target is an option of --kernels inline");
        return Err(Failure::Usage(
            problem.hint("the runtime is built for its target by cargo and chooses its kernels itself"),
        ));
    }
    let lost = |project: &&Project| matches!(project, Project::Meson | Project::Arduino | Project::Zephyr);
    projects.iter().find(lost).map_or(Ok(()), |project| {
        let problem = Problem::new(format!("--project {} does not go with --kernels runtime", spelling(*project)));
        Err(Failure::Usage(problem.hint("--project cmake or make can link the runtime's library; or --kernels inline")))
    })
}

fn check_name(name: &str) -> Result<(), Failure> {
    let safe = c::prefix(name);
    if safe == name {
        return Ok(());
    }
    let length = name.chars().count();
    let (expected, found) = match length > c::LONGEST_PREFIX {
        true => (format!("at most {} letters", c::LONGEST_PREFIX), format!("{name:?}, {length} letters")),
        false => ("an identifier that is no reserved word and no system header".into(), format!("{name:?}")),
    };
    let problem = Problem::new("--name can't be the name of what is emitted").expected(expected, found);
    Err(Failure::Usage(problem.hint(format!("--name {safe}"))))
}

/// Options that say how C is written, each with what Rust has in its place.
fn refuse_options_of_c(args: &Build) -> Result<(), Failure> {
    let of_c = [
        ("--weights", args.weights.is_some(), "emitted Rust includes its weights from a .bin file"),
        (
            "--self-test",
            args.self_test,
            "mobilenetc verify --via rust compares the runtime's kernels with the reference",
        ),
        ("--stage-hooks", args.stage_hooks, "mobilenetc bench --via rust times each step"),
        ("--target", args.target.is_some(), "cargo's --target is the one: the runtime chooses its kernels itself"),
        ("--kernels", args.kernels.is_some(), "emitted Rust always runs on the runtime's kernels"),
        ("--project", args.project.is_some(), "emitted Rust is a module of a crate that cargo builds"),
    ];
    of_c.iter().find(|(_, given, _)| *given).map_or(Ok(()), |(option, _, hint)| {
        Err(Failure::Usage(Problem::new(format!("{option} is an option of --emit c")).hint(*hint)))
    })
}

fn emit_c(args: &Build, session: &Session, plan: &Plan) -> Result<Files, Failure> {
    let target = args.target.unwrap_or_default();
    let weights = match args.weights {
        Some(Weights::Source) => c::WeightStorage::Source,
        Some(Weights::Bin) => c::WeightStorage::Bin,
        Some(Weights::Incbin) => c::WeightStorage::Incbin,
        None => c::WeightStorage::by_size(plan.weights.len(), target),
    };
    let (kernels, kernels_text) = match args.kernels() {
        Kernels::Inline => (c::Kernels::Inline, "inline"),
        Kernels::Runtime => (c::Kernels::Runtime, "runtime"),
    };
    let self_test = if args.self_test { Some(self_test(session, plan)?) } else { None };
    let options = c::COptions {
        name: name(args),
        weights,
        target,
        kernels,
        self_test,
        stage_hooks: args.stage_hooks,
        projects: args.projects().iter().copied().filter_map(project).collect(),
        provenance: session.provenance(&[
            ("name", &name(args)),
            ("weights", weights.name()),
            ("target", target.name()),
            ("kernels", kernels_text),
            ("self_test", if args.self_test { "true" } else { "false" }),
            ("stage_hooks", if args.stage_hooks { "true" } else { "false" }),
            ("project", &args.projects().iter().copied().map(spelling).collect::<Vec<_>>().join(",")),
        ]),
    };
    c::emit(plan, &options).map_err(|error| session.failure(error))
}

/// A build system as the command line has it.
fn spelling(project: Project) -> String {
    project.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
}

fn project(project: Project) -> Option<c::Project> {
    match project {
        Project::Cmake => Some(c::Project::Cmake),
        Project::Meson => Some(c::Project::Meson),
        Project::Make => Some(c::Project::Make),
        Project::Arduino => Some(c::Project::Arduino),
        Project::Zephyr => Some(c::Project::Zephyr),
        Project::None => None,
    }
}

/// A random input and what the reference makes of it, the outputs one after another.
fn self_test(session: &Session, plan: &Plan) -> Result<c::SelfTest, Failure> {
    let port = &plan.network.input;
    let input = Random::new(1).input(port);
    let outputs = Oracle::new(session)?.run(session, port, &input)?;
    let expected = outputs.iter().flat_map(|output| output.to_f32().to_vec()).collect();
    Ok(c::SelfTest { input: inputs::bytes(port, &input), expected })
}

fn emit_rust(args: &Build, session: &Session, plan: &Plan) -> Result<Files, Failure> {
    let name = name(args);
    let type_name = naming::type_name(Path::new(&format!("{name}.onnx")));
    let stem = c::prefix(&name).to_ascii_lowercase();
    rust::files(plan, &type_name, &stem, &session.provenance(&[("name", &name)]))
        .map_err(|error| session.failure(error))
}
