//! The compiler's heart: a depthwise convolution and the pointwise one that consumes it become one stage.

use super::{Epilogue, MapId, Stage, StageKind};
use std::collections::BTreeMap;

/// Name of the rewrite.
pub const NAME: &str = "fuse-separable";
/// Why it is done.
pub const RATIONALE: &str = "a pointwise convolution needs a depthwise result only one pixel at a time: computed block of rows by block of rows, \
    the result stays in cache and its feature map never exists whole";

/// Fuses every depthwise stage whose result only a pointwise stage reads; the others' notes say why not.
pub(super) fn fuse(stages: Vec<Stage>) -> Vec<Stage> {
    let mut readers: BTreeMap<MapId, Vec<usize>> = BTreeMap::new();
    for (at, stage) in stages.iter().enumerate() {
        stage.inputs.iter().for_each(|&map| readers.entry(map).or_default().push(at));
    }
    let plain = |stage: &Stage| stage.epilogue == Epilogue::from(stage.epilogue.activation);
    let reader_of = |stage: &Stage| -> Result<usize, String> {
        let readers = readers.get(&stage.output).map_or(&[][..], Vec::as_slice);
        let &[at] = readers else {
            return Err(match readers.len() {
                0 => "it is the model's last stage".into(),
                many => format!("{many} stages read its result"),
            });
        };
        let reader = &stages[at];
        match reader.kind {
            StageKind::Pointwise(_) if plain(reader) => Ok(at),
            _ => Err(format!(
                "its result is read by {} {:?}, not by a pointwise convolution",
                reader.kind.name(),
                reader.origin.first().map_or("", String::as_str)
            )),
        }
    };
    let partners: Vec<Option<Result<usize, String>>> = stages
        .iter()
        .map(|stage| (matches!(stage.kind, StageKind::Depthwise(_)) && plain(stage)).then(|| reader_of(stage)))
        .collect();
    let mut rest: Vec<Option<Stage>> = stages.into_iter().map(Some).collect();
    let mut fused = Vec::with_capacity(rest.len());
    for (at, partner) in partners.into_iter().enumerate() {
        let Some(mut first) = rest[at].take() else { continue };
        match (first.kind, partner) {
            (StageKind::Depthwise(depthwise), Some(Ok(partner))) => {
                let Some(Stage { kind: StageKind::Pointwise(pointwise), output, origin, epilogue, .. }) =
                    rest[partner].take()
                else {
                    continue;
                };
                let [rows, columns] = depthwise.window.kernel;
                let note = format!(
                    "depthwise {rows}x{columns} fused into the pointwise convolution that alone reads it: its map never exists whole"
                );
                first.origin.extend(origin);
                let activation = first.epilogue.activation;
                let kind = StageKind::Separable { depthwise, activation, pointwise };
                fused.push(Stage { kind, inputs: first.inputs, output, epilogue, origin: first.origin, note });
            }
            (kind, Some(Err(reason))) => {
                fused.push(Stage { kind, note: format!("depthwise not fused: {reason}"), ..first });
            }
            (kind, _) => fused.push(Stage { kind, ..first }),
        }
    }
    fused
}
