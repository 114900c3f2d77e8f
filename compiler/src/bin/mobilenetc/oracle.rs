//! What emitted code is held to: the graph as the file has it in f64, of a quantised model the network by the rules of
//! `docs/quantization.md`.

use crate::failure::Failure;
use crate::inputs;
use crate::session::Session;
use mobilenet_compiler::graph::{Graph, Tensor};
use mobilenet_compiler::network::{Network, Port, StageKind};
use mobilenet_compiler::{quant, reference};

/// Largest difference that counts as agreement between numbers, over the largest magnitude of the row.
const NUMBERS: f64 = 1e-4;

/// The same where numbers become codes again at the end: one quantum of 255, at half the range.
const QUANTUM: f64 = 8e-3;

/// Gives the expected outputs.
pub enum Oracle {
    /// Of a model on numbers.
    Numbers(Box<Graph>),
    /// Of one whose layers are on codes.
    Codes(Box<Network>),
}

impl Oracle {
    pub fn new(session: &Session) -> Result<Self, Failure> {
        let network = session.network()?;
        let on_codes = network.stages.iter().any(|stage| matches!(stage.kind, StageKind::Integer(_)));
        Ok(if on_codes { Self::Codes(Box::new(network)) } else { Self::Numbers(Box::new(session.graph()?)) })
    }

    /// One inference on values in the input's own order.
    pub fn run(&self, session: &Session, port: &Port, values: &[f32]) -> Result<Vec<Tensor>, Failure> {
        let input = inputs::tensor(port, values);
        let outputs = match self {
            Self::Numbers(graph) => reference::run(graph, &input),
            Self::Codes(network) => quant::run(network, &input),
        };
        outputs.map_err(|error| session.failure(error))
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> Vec<String> {
        match self {
            Self::Numbers(graph) => graph.outputs.iter().map(|&output| graph[output].name.clone()).collect(),
            Self::Codes(network) => network.outputs.iter().map(|output| output.port.name.clone()).collect(),
        }
    }

    /// What it computes in.
    pub fn arithmetic(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "the f64 reference",
            Self::Codes(_) => "the exact rules of 8-bit arithmetic",
        }
    }

    /// Largest difference that counts as agreement, over the largest magnitude of a row: none where only codes are computed with.
    pub fn tolerance(&self) -> f64 {
        let Self::Codes(network) = self else { return NUMBERS };
        let between =
            |kind: &StageKind| matches!(kind, StageKind::Quantise | StageKind::Dequantise | StageKind::Import);
        let number = |kind: &StageKind| !matches!(kind, StageKind::Integer(_)) && !between(kind);
        let Some(first) = network.stages.iter().position(|stage| number(&stage.kind)) else {
            let finished = network.outputs.iter().any(|output| !output.finish.is_empty());
            return if finished { NUMBERS } else { 0.0 };
        };
        let quantised = network.stages[first..].iter().any(|stage| matches!(stage.kind, StageKind::Quantise));
        if quantised { QUANTUM } else { NUMBERS }
    }
}
