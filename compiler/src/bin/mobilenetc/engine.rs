//! What runs a model here: emitted C, on its own kernels or those of the Rust runtime; without a C compiler the reference.

use crate::failure::{Failure, plain};
use crate::inputs;
use crate::oracle::Oracle;
use crate::progress::Progress;
use crate::session::Session;
use clap::{Args, ValueEnum};
use mobilenet_compiler::Problem;
use mobilenet_compiler::host::{Compiled, Compiler, HostError, Runtime};
use mobilenet_compiler::network::Port;
use mobilenet_compiler::plan::Plan;

/// What builds a model here.
#[derive(Debug, Args)]
pub struct Tools {
    /// Whose kernels to run
    #[arg(long, value_enum, default_value_t)]
    pub via: Via,
    /// C compiler that builds the emitted code: a command such as gcc or clang
    #[arg(long, value_name = "COMMAND")]
    pub cc: Option<String>,
}

/// Kernels that a model can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Via {
    /// Those of the emitted C
    #[default]
    C,
    /// Those of the Rust runtime, which cargo builds the first time; emitted C calls them
    Rust,
}

impl Via {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Rust => "rust",
        }
    }
}

impl Tools {
    /// As [`compiler`](Self::compiler), with these kernels.
    pub fn of(&self, via: Via) -> Result<Compiler, Failure> {
        Self { via, cc: self.cc.clone() }.compiler()
    }

    /// The C compiler that was asked for, or the first that can be run, and the kernels.
    pub fn compiler(&self) -> Result<Compiler, Failure> {
        self.find().map_err(|error| host_failure(&error))
    }

    fn find(&self) -> Result<Compiler, HostError> {
        let compiler = match self.cc.as_deref() {
            Some(command) => Compiler::chosen(command, "--cc")?,
            None => Compiler::find()?,
        };
        match self.via {
            Via::C => Ok(compiler.cached()),
            Via::Rust => {
                let _progress = Progress::new("cargo builds the Rust runtime");
                Ok(compiler.cached().with_runtime(Runtime::cached()?))
            }
        }
    }
}

/// Builds a plan, or takes what was built of it before.
pub fn compile(compiler: &Compiler, plan: &Plan) -> Result<Compiled, Failure> {
    let _progress = Progress::new(format!("{} compiles", compiler.name()));
    compiler.compile(plan).map_err(|error| host_failure(&error))
}

/// Something that went wrong between the emitted code and this machine.
pub fn host_failure(error: &HostError) -> Failure {
    let problem = Problem::new(match error {
        HostError::Io(error) => plain(error),
        HostError::Temporary { folder, error } => {
            format!("can't make a temporary folder in {}: {}", folder.display(), plain(error))
        }
        error => error.to_string(),
    });
    Failure::Other(match error {
        HostError::NoCompiler => problem.hint("install gcc or clang, or name a compiler with --cc"),
        HostError::Refused { .. } => problem.hint("the emitted C is meant for C99 compilers; --cc names another"),
        HostError::Unusable { by: "$CC", .. } => {
            problem.hint("unset CC, or name a compiler for this machine with --cc")
        }
        HostError::Unusable { .. } => problem.hint("name a compiler for this machine, such as gcc or clang"),
        HostError::Temporary { .. } => problem.hint("TMPDIR names the folder to use: one that exists"),
        HostError::NoCargo { .. } => problem.hint("install Rust, or take the kernels of emitted C with --via c"),
        HostError::Cargo { .. } => problem.hint("--via c takes the kernels of emitted C, without cargo"),
        _ => problem,
    })
}

/// Runs a model.
pub enum Engine {
    /// Emitted C, built here.
    Compiled(Box<Compiled>),
    /// What emitted code is held to.
    Reference(Oracle),
}

impl Engine {
    /// Builds the emitted C; without a C compiler takes the reference. The text says which it is.
    pub fn new(session: &Session, plan: &Plan, tools: &Tools) -> Result<(Self, String), Failure> {
        match tools.find() {
            Err(HostError::NoCompiler) if tools.via == Via::C => {
                let words = "the reference interpreter, for want of a C compiler".to_string();
                Ok((Self::Reference(Oracle::new(session)?), words))
            }
            Err(error) => Err(host_failure(&error)),
            Ok(compiler) => {
                let compiled = compile(&compiler, plan)?;
                Ok((Self::Compiled(Box::new(compiled)), compiler.product()))
            }
        }
    }

    /// One inference on values in the input's own order, to the values of each output.
    pub fn run(&mut self, session: &Session, port: &Port, values: &[f32]) -> Result<Vec<Vec<f32>>, Failure> {
        match self {
            Self::Compiled(compiled) => {
                compiled.run(&inputs::bytes(port, values)).map_err(|error| host_failure(&error))
            }
            Self::Reference(oracle) => {
                let outputs = oracle.run(session, port, values)?;
                Ok(outputs.iter().map(|output| output.to_f32().to_vec()).collect())
            }
        }
    }
}
