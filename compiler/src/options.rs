//! The options of a compilation: one type for the macro, [`Build`](crate::build_script::Build) and the command line.

mod labels;
mod normalise;

pub use crate::network::Layout;
pub use crate::plan::Optimise;
pub use labels::Labels;
pub use normalise::{MOST_MEAN, MOST_STD, Normalise};

use crate::plan::Goal;
use std::fmt;

/// What the user may choose; everything else follows from the model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Name of the emitted type (CamelCase in Rust) or symbol prefix (snake_case in C); the file's stem by default.
    pub name: Option<String>,
    /// Input height and width, `[H, W]`, instead of the model's own.
    pub resolution: Option<[usize; 2]>,
    /// Batch size instead of the model's own; a symbolic batch is 1 by default.
    pub batch: Option<usize>,
    /// Element type of the input instead of the model's f32. Without [`normalise`](Self::normalise), the model gets the
    /// bytes as the numbers 0..=255.
    pub input: Option<InputType>,
    /// The model gets `(pixel - mean) / std`, where `pixel` is what the caller gives: a float from 0 to 1, or with
    /// [`InputType::U8`] a byte, which counts as `byte / 255`.
    pub normalise: Option<Normalise>,
    /// Order of the input's axes instead of the model's own.
    pub input_layout: Option<Layout>,
    /// Order of the colours in the caller's pixels, where it is not the model's.
    pub channel_order: Option<ChannelOrder>,
    /// One channel instead of the model's several, which all get it.
    pub grey: bool,
    /// Element type of input and outputs where the compiler has f32: of a float16 model the file's own. [`input`](Self::input) goes
    /// before it.
    pub ports: Option<PortType>,
    /// Probabilities: a softmax behind a model that does not end in one.
    pub softmax: bool,
    /// The network ends at these values of the model, in this order, instead of its own outputs.
    pub output: Vec<String>,
    /// Names of the classes.
    pub labels: Option<Labels>,
    /// How many classes the emitted ranking returns; none is emitted by default.
    pub top_k: Option<usize>,
    /// What is preferred where memory and time can't both be had; balanced by default.
    pub optimise: Option<Optimise>,
    /// Bytes of the arena at most.
    pub max_arena: Option<usize>,
}

impl Options {
    /// What is asked of the plan.
    pub fn goal(&self) -> Goal {
        Goal { optimise: self.optimise.unwrap_or_default(), max_arena: self.max_arena }
    }
}

/// Element types that an input may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputType {
    /// Bytes, as cameras give them.
    U8,
}

impl InputType {
    /// As options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
        }
    }
}

/// Element types that ports of floats may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortType {
    /// IEEE binary16. All is computed in f32; what comes out is rounded to the nearest, ties to even.
    F16,
}

impl PortType {
    /// As options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
        }
    }
}

/// Orders of colours that are not the model's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelOrder {
    /// The model's three channels the other way round: blue, green, red for a model of RGB, as OpenCV has pictures.
    Bgr,
}

impl ChannelOrder {
    /// As options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bgr => "bgr",
        }
    }
}

/// As the macro spells them, the name left out: `resolution = [160, 160], batch = 4`; empty for none.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set: bool, name: &str| set.then(|| name.to_string());
        let layout = |layout: Layout| match layout {
            Layout::Nchw => "input_layout = nchw".to_string(),
            Layout::Nhwc => "input_layout = nhwc".to_string(),
        };
        let chosen = [
            self.resolution.map(|[height, width]| format!("resolution = [{height}, {width}]")),
            self.batch.map(|batch| format!("batch = {batch}")),
            self.input.map(|input| format!("input = {}", input.name())),
            self.normalise.as_ref().map(|normalise| format!("normalise = {normalise}")),
            self.input_layout.map(layout),
            self.channel_order.map(|order| format!("channel_order = {}", order.name())),
            flag(self.grey, "grey"),
            self.ports.map(|ports| format!("ports = {}", ports.name())),
            flag(self.softmax, "softmax"),
            match &self.output[..] {
                [] => None,
                [name] => Some(format!("output = {name:?}")),
                names => Some(format!("output = {names:?}")),
            },
            self.labels.as_ref().map(|labels| format!("labels = {:?}", labels.file)),
            self.top_k.map(|k| format!("top_k = {k}")),
            self.optimise.map(|optimise| format!("optimise = {optimise}")),
            self.max_arena.map(|bytes| format!("max_arena = {bytes}")),
        ];
        f.write_str(&chosen.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_print_as_the_macro_spells_them() {
        let mut options = Options { name: Some("Net".into()), ..Options::default() };
        assert_eq!(options.to_string(), "");
        options.batch = Some(4);
        assert_eq!(options.to_string(), "batch = 4");
        options.resolution = Some([160, 128]);
        assert_eq!(options.to_string(), "resolution = [160, 128], batch = 4");
        let options = Options {
            input: Some(InputType::U8),
            normalise: Some(Normalise { mean: vec![0.5], std: vec![0.25, 1.0, 2.0] }),
            input_layout: Some(Layout::Nhwc),
            channel_order: Some(ChannelOrder::Bgr),
            grey: true,
            ports: Some(PortType::F16),
            softmax: true,
            output: vec!["a b".into(), "c".into()],
            labels: Some(Labels { file: "labels.txt".into(), names: vec![] }),
            top_k: Some(5),
            optimise: Some(Optimise::Memory),
            max_arena: Some(65_536),
            ..Options::default()
        };
        let text = "input = u8, normalise = (0.5, [0.25, 1.0, 2.0]), input_layout = nhwc, channel_order = bgr, grey, ports = f16, softmax, \
                    output = [\"a b\", \"c\"], labels = \"labels.txt\", top_k = 5, optimise = memory, max_arena = 65536";
        assert_eq!(options.to_string(), text);
    }
}
