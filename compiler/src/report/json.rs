//! The summary as JSON.

use super::{Layer, Report};
use crate::network::{FeatureMap, Port};
use serde_json::{Value, json};

impl Report {
    /// The same facts as the text, for programs. `width_multiplier` is null where there is none.
    pub fn to_json(&self) -> Value {
        let types = self.facts.layer_types.iter().map(|of_type| {
            json!({
                "type": of_type.name,
                "mult_adds": of_type.mult_adds,
                "mult_adds_share": of_type.mult_adds_share,
                "weights": of_type.weights,
                "weights_share": of_type.weights_share,
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
    })
}

/// `[H, W, C]`
pub(super) fn map(map: &FeatureMap) -> Value {
    json!([map.height, map.width, map.channels])
}

fn port(port: &Port) -> Value {
    json!({"name": port.name, "dtype": port.dtype.name(), "shape": port.shape, "layout": port.axes()})
}
