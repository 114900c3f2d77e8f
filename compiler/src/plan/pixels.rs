//! What a model takes for the pixels of a picture, and what its documentation says of them.

use super::Plan;
use crate::graph::DType;
use crate::network::Layout;
use crate::onnx::Model;
use crate::options::{Normalise, Options};

/// What a model takes for the pixels of a picture. The runtime's type of the same name repeats it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Pixels {
    /// Bytes from 0 to 255, which the option folds in.
    Bytes(Option<Normalise>),
    /// Signed bytes: the pixel less 128.
    SignedBytes,
    /// Floats from 0 to 1, which the option folds in.
    Unit(Normalise),
    /// Floats that the model scales with operators of its own.
    Scaled,
    /// Floats that the caller normalises as the model was trained.
    #[default]
    Normalized,
}

impl Pixels {
    /// Those of an input of this type under these options.
    pub fn new(input: DType, options: &Options) -> Self {
        match (input, &options.normalise) {
            (DType::U8, normalise) => Self::Bytes(normalise.clone()),
            (DType::I8, _) => Self::SignedBytes,
            (_, Some(normalise)) => Self::Unit(normalise.clone()),
            (_, None) => Self::Normalized,
        }
    }

    /// The same where a model's first operators scale what it reads.
    #[must_use]
    pub fn scaled_by(self, model: &Model, input: &str) -> Self {
        if self == Self::Normalized && scales_its_input(model, input) { Self::Scaled } else { self }
    }

    /// The name that both sides have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "Bytes",
            Self::SignedBytes => "SignedBytes",
            Self::Unit(_) => "Unit",
            Self::Scaled => "Scaled",
            Self::Normalized => "Normalized",
        }
    }

    /// Whether nothing is left to be said of a picture's pixels.
    pub fn are_folded(&self) -> bool {
        matches!(self, Self::Bytes(_) | Self::SignedBytes | Self::Unit(_))
    }

    /// Range of the values, and what became of the normalisation.
    pub fn describe(&self) -> String {
        match self {
            Self::Bytes(None) => "bytes from 0 to 255, as they are".into(),
            Self::Bytes(Some(_)) | Self::Unit(_) => self.folded(),
            Self::SignedBytes => "signed bytes: the pixel less 128".into(),
            Self::Scaled => "floats that the model scales itself, mostly pixels from 0 to 255".into(),
            Self::Normalized => "floats, normalised by the caller as the model was trained".into(),
        }
    }

    fn folded(&self) -> String {
        let (range, pixel, normalise) = match self {
            Self::Bytes(Some(normalise)) => ("bytes from 0 to 255", "byte / 255", normalise),
            Self::Unit(normalise) => ("floats from 0 to 1", "pixel", normalise),
            _ => return String::new(),
        };
        let list = |values: &[f32]| match values {
            [one] => format!("{one:?}"),
            values => format!("{values:?}"),
        };
        format!("{range}; ({pixel} - {}) / {} is part of the model", list(&normalise.mean), list(&normalise.std))
    }
}

/// Whether arithmetic stands between the input and the first convolution.
fn scales_its_input(model: &Model, input: &str) -> bool {
    let Some(input) = model.graph.inputs.iter().find(|port| port.name == input) else { return false };
    let mut value = &input.name;
    // A chain that goes in circles was refused when the file was read.
    while let Some(node) = model.graph.nodes.iter().find(|node| node.inputs.contains(value)) {
        match node.op_type.as_str() {
            "Cast" | "Transpose" | "Reshape" | "Identity" | "Unsqueeze" | "Squeeze" | "Pad" | "Gather" | "Slice" => {
                let Some(output) = node.outputs.first() else { return false };
                value = output;
            }
            op => return matches!(op, "Sub" | "Mul" | "Div" | "Add" | "BatchNormalization"),
        }
    }
    false
}

/// The order of a picture's elements in words, `channel by channel`.
pub(crate) fn order(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "channel by channel, each row by row",
        Layout::Nhwc => "row by row, the channels of a pixel next to each other",
    }
}

impl Plan {
    /// The plan with what the model's own operators make of its input.
    #[must_use]
    pub fn of_model(mut self, model: &Model) -> Self {
        self.classes.pixels = std::mem::take(&mut self.classes.pixels).scaled_by(model, &self.network.input.name);
        self
    }

    /// What the input is, after options: the order of its elements, of the channels, and their values; nothing of an input that
    /// is no picture.
    pub fn describe_input(&self) -> Option<String> {
        let port = &self.network.input;
        let name = match (port.shape.len(), port.layout) {
            (4, _) => port.axes().to_string(),
            _ => self.network.flat_image()?,
        };
        let channels = self.network.maps.get(self.network.input_map.0 as usize)?.channels;
        let channels = match channels {
            1 => "one channel, grey".to_string(),
            3 => "channels as the model was trained, mostly red, green, blue".to_string(),
            n => format!("{n} channels"),
        };
        Some(format!("{name}: {}; {channels}; {}", order(port.layout), self.classes.pixels.describe()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::InputType;

    #[test]
    fn options_say_what_is_folded_in() {
        let normalise = Normalise { mean: vec![0.5], std: vec![0.25, 0.5, 1.0] };
        let folded = Options { normalise: Some(normalise.clone()), ..Options::default() };
        let of = |dtype, options: &Options| Pixels::new(dtype, options);
        assert_eq!(of(DType::F32, &Options::default()), Pixels::Normalized);
        assert_eq!(of(DType::F32, &folded), Pixels::Unit(normalise));
        assert_eq!(
            of(DType::F32, &folded).describe(),
            "floats from 0 to 1; (pixel - 0.5) / [0.25, 0.5, 1.0] is part of the model"
        );
        let bytes = Options { input: Some(InputType::U8), ..Options::default() };
        assert_eq!(of(DType::U8, &bytes), Pixels::Bytes(None));
        assert!(of(DType::U8, &folded).describe().contains("(byte / 255 - 0.5)"));
        assert!(of(DType::I8, &bytes).are_folded() && !Pixels::Scaled.are_folded());
    }
}
