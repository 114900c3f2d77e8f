//! The summary as JSON.

use super::{Buffer, Layer, Report, Step, Warning};
use crate::network::{FeatureMap, Port};
use serde_json::{Value, json};

impl Report {
    /// The same facts as the text, for programs. `width_multiplier` is null where there is none.
    pub fn to_json(&self) -> Value {
        let types = self.facts.layer_types.iter().map(|of_type| {
            let paper = self
                .paper_share(of_type)
                .map(|(mult_adds, weights)| json!({"mult_adds_percent": mult_adds, "weights_percent": weights}));
            json!({
                "type": of_type.name,
                "mult_adds": of_type.mult_adds,
                "mult_adds_share": of_type.mult_adds_share,
                "weights": of_type.weights,
                "weights_share": of_type.weights_share,
                "paper": paper,
            })
        });
        let mut report = json!({
            "name": self.name,
            "width_multiplier": self.facts.width_multiplier,
            "resolution": self.facts.resolution,
            "batch": self.batch,
            "mult_adds": self.facts.mult_adds,
            "parameters": self.facts.parameters,
            "weight_bytes": self.weight_bytes,
            "arena_bytes": self.arena_bytes,
            "input": port(&self.input),
            "outputs": self.outputs.iter().map(port).collect::<Vec<_>>(),
            "layers": self.layers.iter().map(layer).collect::<Vec<_>>(),
            "layer_types": types.collect::<Vec<_>>(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "buffers": self.buffers.iter().map(buffer).collect::<Vec<_>>(),
            "warnings": self.warnings.iter().map(warning).collect::<Vec<_>>(),
            "measured": self.measured.as_ref().map(|measured| measured.to_json(self)),
        });
        if let [output] = &self.outputs[..] {
            report["output"] = port(output);
        }
        report
    }
}

fn layer(layer: &Layer) -> Value {
    json!({
        "stage": layer.stage,
        "block": layer.block,
        "part": layer.part,
        "type": layer.label,
        "node": layer.name,
        "input": map(&layer.input),
        "output": map(&layer.output),
        "stride": layer.stride,
        "mult_adds": layer.mult_adds,
        "parameters": layer.parameters,
        "step": layer.step,
        "weight_bytes": layer.weight_bytes,
        "activation_bytes": layer.activation_bytes,
        "pads": layer.pads,
        "epilogue": layer.epilogue,
        "origin": layer.origin,
        "note": layer.note,
        "reason": layer.reason,
    })
}

fn step(step: &Step) -> Value {
    json!({
        "label": step.label,
        "stages": step.stages,
        "mult_adds": step.mult_adds,
        "weight_bytes": step.weight_bytes,
        "output_bytes": step.output_bytes,
        "reason": step.reason,
    })
}

fn buffer(buffer: &Buffer) -> Value {
    json!({
        "holds": buffer.holds.name(),
        "bytes": [buffer.bytes.start, buffer.bytes.end],
        "steps": buffer.steps,
        "stages": buffer.stages,
        "shape": buffer.shape,
        "nodes": buffer.nodes,
    })
}

fn warning(warning: &Warning) -> Value {
    json!({
        "kind": warning.kind.name(),
        "stages": warning.stages,
        "message": warning.message,
        "hint": warning.hint,
    })
}

/// `[H, W, C]`
pub(super) fn map(map: &FeatureMap) -> Value {
    json!([map.height, map.width, map.channels])
}

fn port(port: &Port) -> Value {
    json!({"name": port.name, "dtype": port.dtype.name(), "shape": port.shape, "layout": port.axes()})
}
