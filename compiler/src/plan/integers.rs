//! What the kernels can't do yet: stages on codes.

use crate::diagnostic::{Error, Problem};
use crate::network::{Network, StageKind};

/// Refuses stages on codes: one problem per kind, naming the first.
pub(super) fn refuse(network: &Network) -> Result<(), Error> {
    let mut problems: Vec<Problem> = Vec::new();
    let on_codes =
        |kind: &StageKind| matches!(kind, StageKind::Integer(_) | StageKind::Quantise | StageKind::Dequantise);
    for stage in network.stages.iter().filter(|stage| on_codes(&stage.kind)) {
        let name = stage.kind.name();
        if problems.iter().any(|problem| problem.op.as_deref() == Some(name)) {
            continue;
        }
        let count = network.stages.iter().filter(|other| other.kind.name() == name).count();
        let count = if count == 1 { "1 stage".into() } else { format!("{count} stages, this is the first") };
        let output = network.maps[stage.output.0 as usize];
        let node = stage.origin.first().unwrap_or(&network.input.name);
        problems.push(
            Problem::new(format!("quantised arithmetic ({count})"))
                .at(node.clone(), name)
                .expected("floating-point operators", format!("{name} of {}", output.element))
                .hint("quantised models can't be compiled yet; use the model's float version"),
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(Error { problems }) }
}
