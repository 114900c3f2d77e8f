//! `mobilenetc build`

use crate::args::{Build, Kernels, Language, Project, Weights};
use crate::failure::{Failure, plain};
use crate::inputs::{self, Random};
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::emit::{Files, c, rust};
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::report::table::{Table, bytes};
use mobilenet_compiler::{Problem, naming, reference};
use std::io::Write;
use std::path::Path;

/// Writes C or Rust.
pub fn build(args: &Build, terminal: &mut Terminal) -> Result<(), Failure> {
    refuse_contradictions(args)?;
    let mut session = Session::open(&args.model, args.batch.batch, args.input.element())?;
    session.classes(&args.classes)?;
    let plan = session.plan()?;
    let files = match args.emit {
        Language::C => emit_c(args, &session, &plan)?,
        Language::Rust => emit_rust(args, &session, &plan)?,
    };
    files
        .write_to(&args.output)
        .map_err(|error| Failure::Other(Problem::new(format!("can't write {}", plain(&error)))))?;
    let mut table = Table::new(&["wrote", ">size"]);
    for (name, contents) in files.iter() {
        table.row([args.output.join(name).display().to_string(), bytes(contents.len())]);
    }
    let (weights, arena) = (bytes(plan.weights.len()), bytes(plan.arena_bytes));
    let title = terminal.paint(Style::Bold, session.path.display()).to_string();
    writeln!(terminal, "{title}  {weights} of weights, {arena} of arena\n\n{table}")?;
    Ok(())
}

/// The stem of the model file, or the name the user gave.
fn name(args: &Build) -> String {
    let stem = || args.model.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    args.name.clone().unwrap_or_else(stem)
}

fn refuse_contradictions(args: &Build) -> Result<(), Failure> {
    if let Some(name) = &args.name {
        let safe = c::prefix(name);
        if safe != *name {
            let problem = Problem::new("--name can't be the name of what is emitted")
                .expected("an identifier that is no reserved word", format!("{name:?}"));
            return Err(Failure::Usage(problem.hint(format!("--name {safe}"))));
        }
    }
    if args.kernels == Kernels::Runtime && args.target != c::Target::default() {
        let problem = Problem::new("--target is an option of --kernels inline");
        return Err(Failure::Usage(
            problem.hint("the runtime is built for its target by cargo and chooses its kernels itself"),
        ));
    }
    let of_c = [
        ("--weights", args.weights.is_some()),
        ("--self-test", args.self_test),
        ("--stage-hooks", args.stage_hooks),
        ("--target", args.target != c::Target::default()),
        ("--kernels", args.kernels != Kernels::default()),
        ("--project", args.project != [Project::Cmake]),
    ];
    if args.project.len() > 1 && args.project.contains(&Project::None) {
        let problem = Problem::new("--project none goes with no other");
        return Err(Failure::Usage(problem.hint("leave out either none or the build systems")));
    }
    match of_c.iter().find(|(_, given)| *given && args.emit == Language::Rust) {
        Some((option, _)) => Err(Failure::Usage(
            Problem::new(format!("{option} is an option of --emit c"))
                .hint("emitted Rust includes its weights from a .bin file and chooses its kernels in the runtime"),
        )),
        None => Ok(()),
    }
}

fn emit_c(args: &Build, session: &Session, plan: &Plan) -> Result<Files, Failure> {
    let weights = match args.weights {
        Some(Weights::Source) => c::WeightStorage::Source,
        Some(Weights::Bin) => c::WeightStorage::Bin,
        Some(Weights::Incbin) => c::WeightStorage::Incbin,
        None => c::WeightStorage::by_size(plan.weights.len(), args.target),
    };
    let (kernels, kernels_text) = match args.kernels {
        Kernels::Inline => (c::Kernels::Inline, "inline"),
        Kernels::Runtime => (c::Kernels::Runtime, "runtime"),
    };
    let self_test = if args.self_test { Some(self_test(session, plan)?) } else { None };
    let options = c::COptions {
        name: name(args),
        weights,
        target: args.target,
        kernels,
        self_test,
        stage_hooks: args.stage_hooks,
        projects: args.project.iter().copied().filter_map(project).collect(),
        provenance: session.provenance(&[
            ("weights", weights.name()),
            ("target", args.target.name()),
            ("kernels", kernels_text),
        ]),
    };
    c::emit(plan, &options).map_err(|error| session.failure(error))
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

/// A random input and what the reference makes of it.
fn self_test(session: &Session, plan: &Plan) -> Result<c::SelfTest, Failure> {
    let port = &plan.network.input;
    let input = Random::new(1).input(port);
    let output = reference::run(&session.graph()?, &inputs::tensor(port, &input));
    let expected = output.map_err(|error| session.failure(error))?.to_f32().to_vec();
    Ok(c::SelfTest { input: inputs::bytes(port, &input), expected })
}

fn emit_rust(args: &Build, session: &Session, plan: &Plan) -> Result<Files, Failure> {
    let name = name(args);
    let type_name = naming::type_name(Path::new(&format!("{name}.onnx")));
    let stem = c::prefix(&name).to_ascii_lowercase();
    rust::files(plan, &type_name, &stem, &session.provenance(&[])).map_err(|error| session.failure(error))
}
