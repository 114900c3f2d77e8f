//! What runs a model here: emitted C where there is a C compiler, else the reference.

use crate::failure::Failure;
use crate::inputs;
use crate::session::Session;
use mobilenet_compiler::graph::Graph;
use mobilenet_compiler::host::{Compiled, Compiler, HostError};
use mobilenet_compiler::network::Port;
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::{Problem, reference};

/// The C compiler that was asked for, or the first that can be run.
pub fn compiler(command: Option<&str>) -> Result<Compiler, Failure> {
    let named = |command| {
        Compiler::named(command).ok_or_else(|| Failure::Other(Problem::new(format!("can't run {command:?}"))))
    };
    match command {
        Some(command) => named(command),
        None => Compiler::find().map_err(|error| host_failure(&error)),
    }
}

/// Something that went wrong between the emitted code and this machine.
pub fn host_failure(error: &HostError) -> Failure {
    let problem = Problem::new(error.to_string());
    Failure::Other(match error {
        HostError::NoCompiler => problem.hint("install gcc or clang, or name a compiler with --cc"),
        HostError::Refused { .. } => problem.hint("the emitted C is meant for C99 compilers; --cc names another"),
        _ => problem,
    })
}

/// Runs a model.
pub enum Engine {
    /// Emitted C, built here.
    Compiled(Box<Compiled>),
    /// The graph as it stands in the file.
    Reference(Box<Graph>),
}

impl Engine {
    /// Builds the emitted C; without a C compiler takes the reference. The text says which it is.
    pub fn new(session: &Session, plan: &Plan, cc: Option<&str>) -> Result<(Self, String), Failure> {
        match Compiler::find() {
            Err(HostError::NoCompiler) if cc.is_none() => {
                let words = "the reference interpreter, for want of a C compiler".to_string();
                Ok((Self::Reference(Box::new(session.graph()?)), words))
            }
            _ => {
                let compiler = compiler(cc)?;
                let compiled = compiler.compile(plan).map_err(|error| host_failure(&error))?;
                Ok((Self::Compiled(Box::new(compiled)), format!("emitted C, built by {}", compiler.name())))
            }
        }
    }

    /// One inference on values in the input's own order.
    pub fn run(&mut self, session: &Session, port: &Port, values: &[f32]) -> Result<Vec<f32>, Failure> {
        match self {
            Self::Compiled(compiled) => {
                compiled.run(&inputs::bytes(port, values)).map_err(|error| host_failure(&error))
            }
            Self::Reference(graph) => {
                let output =
                    reference::run(graph, &inputs::tensor(port, values)).map_err(|error| session.failure(error))?;
                Ok(output.to_f32().to_vec())
            }
        }
    }
}
