//! The C back end: `net.h`, `net.c`, the weights, files for build systems.
//!
//! The output is C99 without libc beyond `<string.h>`, without heap and without variable-length arrays. Only kernels that
//! the plan needs are emitted, their tiles in exactly the sizes it uses.

mod arrays;
mod classes;
mod codes;
mod compact;
mod header;
mod integration;
mod isa;
mod kernels;
mod links;
mod names;
mod needs;
mod outputs;
mod panels;
mod passes;
mod rows;
mod runtime;
mod self_test;
mod source;
mod stem;
mod steps;
mod tables;
mod target;
mod text;
mod tiles;
mod weights;

use crate::diagnostic::{Error, Problem};
use crate::emit::provenance::GENERATED;
use crate::emit::{Files, Provenance};
use crate::graph::DType;
use crate::network::Port;
use crate::plan::{Link, LinkOp, Plan};
pub use integration::Project;
pub use names::{LONGEST_PREFIX, prefix};
pub use target::Target;
pub(super) use weights::MAGIC;

/// Where the weights go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightStorage {
    /// `net_weights.c`, a translation unit.
    #[default]
    Source,
    /// `net.bin`, handed to `net_load` at run time.
    Bin,
    /// `net.bin`, included by `net_weights.S`.
    Incbin,
}

/// Weights beyond this many bytes are not written as text by default: such a unit is over 10 MB and takes compilers, editors
/// and version control long.
const MOST_AS_SOURCE: usize = 4 << 20;

impl WeightStorage {
    /// What suits so many bytes: a translation unit where it stays small, else the assembler, or a file that is loaded where
    /// the target asks for nothing but C.
    pub fn by_size(bytes: usize, target: Target) -> Self {
        match target {
            _ if bytes <= MOST_AS_SOURCE => Self::Source,
            Target::Generic => Self::Bin,
            _ => Self::Incbin,
        }
    }

    /// As the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Bin => "bin",
            Self::Incbin => "incbin",
        }
    }
}

/// Whose kernels the code runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernels {
    /// C kernels in `net.c` itself.
    #[default]
    Inline,
    /// Those of `mobilenet-runtime`, in the static library of `mobilenet-runtime-capi`: the results are those of emitted Rust.
    Runtime,
}

/// One inference for `net_self_test`.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfTest {
    /// The input's elements, little-endian.
    pub input: Vec<u8>,
    /// The output.
    pub expected: Vec<f32>,
}

/// Options of the C back end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct COptions {
    /// Prefix of all names; made a C identifier by [`prefix`].
    pub name: String,
    /// Where the weights go.
    pub weights: WeightStorage,
    /// What the code may rely on; nothing to [`Kernels::Runtime`].
    pub target: Target,
    /// Whose kernels the code runs on.
    pub kernels: Kernels,
    /// Emits `net_test.c`.
    pub self_test: Option<SelfTest>,
    /// Calls `NET_STAGE_BEGIN(i)` and `NET_STAGE_END(i)` around each step.
    pub stage_hooks: bool,
    /// Build systems that get their files.
    pub projects: Vec<Project>,
    /// For the comment at the head of each file.
    pub provenance: Provenance,
}

/// Spells a plan in C.
///
/// # Errors
///
/// A plan whose elements or steps C code can't be written for, or a self-test of the wrong length.
pub fn emit(plan: &Plan, options: &COptions) -> Result<Files, Error> {
    check(plan, options)?;
    let prefix = prefix(&options.name);
    let banner = banner(options);
    let mut files = Files::new();
    supersede(&mut files, &prefix);
    files.insert(format!("{prefix}.h"), header::header(plan, options, &prefix, &banner));
    let source = match options.kernels {
        Kernels::Inline => source::source(plan, options, &prefix, &banner),
        Kernels::Runtime => runtime::source(plan, options, &prefix, &banner),
    };
    files.insert(format!("{prefix}.c"), source);
    let bin = format!("{prefix}.bin");
    match options.weights {
        WeightStorage::Source => {
            files.insert(format!("{prefix}_weights.c"), weights::unit(&prefix, &banner, &plan.weights, options.target));
        }
        WeightStorage::Bin => files.insert(bin, weights::bin(&plan.weights)),
        WeightStorage::Incbin => {
            files.insert(format!("{prefix}_weights.S"), weights::incbin(&prefix, &banner, &plan.weights, &bin));
            files.insert(bin, weights::bin(&plan.weights));
        }
    }
    if let Some(test) = &options.self_test {
        files.insert(format!("{prefix}_test.c"), self_test::unit(plan, test, options, &prefix, &banner));
    }
    Ok(integration::with_projects(files, options, &prefix))
}

fn check(plan: &Plan, options: &COptions) -> Result<(), Error> {
    let mut problems = Vec::new();
    let typed = |what: &str, port: &Port, known: &[DType]| {
        let found = format!("{:?}", port.dtype);
        let known_names = known.iter().map(|dtype| format!("{dtype:?}")).collect::<Vec<_>>().join(" or ");
        let problem = || Problem::new(format!("no C code for the {what}'s element type")).expected(known_names, found);
        (!known.contains(&port.dtype)).then(problem)
    };
    problems.extend(typed("input", &plan.network.input, &[DType::F32, DType::F16, DType::U8, DType::I8]));
    for port in outputs::Outputs::of(plan).ports {
        problems.extend(typed(
            &format!("output {}", port.name),
            port,
            &[DType::F32, DType::F16, DType::I64, DType::U8, DType::I8],
        ));
    }
    let gated = |link: &&Link| link.epilogue.gate.is_some() && !matches!(link.op, LinkOp::Elementwise);
    if options.kernels == Kernels::Inline && plan.links().any(|link| gated(&link)) {
        problems.push(Problem::new("no C kernel multiplies by a gate while it computes something else"));
    }
    problems.extend(target::check(plan, options));
    problems.extend(integration::check(options));
    problems.extend(options.self_test.as_ref().and_then(|test| self_test::check(plan, test)));
    if problems.is_empty() { Ok(()) } else { Err(Error { problems }) }
}

/// Files that this model has under some options: next to those of other options they would be built, or loaded, with them.
fn supersede(files: &mut Files, prefix: &str) {
    for end in ["_weights.c", "_weights.S", "_test.c"] {
        files.supersede(format!("{prefix}{end}"), format!("{OPENING}{GENERATED}"));
    }
    files.supersede(format!("{prefix}.bin"), weights::MAGIC);
}

/// What the first line of text has before it.
const OPENING: &str = "/*\n * ";

/// The comment in front of each file.
fn banner(options: &COptions) -> String {
    format!("{OPENING}{}\n */\n", options.provenance.lines().join("\n * "))
}
