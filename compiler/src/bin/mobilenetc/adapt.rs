//! Options of the command line that change what a model reads and returns.

use crate::failure::Failure;
use crate::values::{normalise, optimise, size};
use clap::{Args, ValueEnum};
use mobilenet_compiler::Options;
use mobilenet_compiler::options::{self, InputType, Labels, Layout, Normalise, Optimise};
use std::path::{Path, PathBuf};

/// What comes in front of the model's own operators, and behind them.
#[derive(Debug, Args)]
pub struct Adapt {
    /// Fold (pixel - mean) / std into the model, of pixels from 0 to 1: MEAN,STD or R,G,B/R,G,B
    ///
    /// The caller then gives pixels from 0 to 1, or with --input u8 bytes from 0 to 255. 0.5,0.5 is one mean and one
    /// standard deviation for all channels; lists per channel stand on either side of a slash, such as
    /// 0.485,0.456,0.406/0.229,0.224,0.225.
    #[arg(
        long,
        alias = "normalize",
        value_name = "MEAN,STD",
        allow_hyphen_values = true,
        value_parser = normalise
    )]
    pub normalise: Option<Normalise>,
    /// Order of the input's axes instead of the model's own
    #[arg(long, value_enum, value_name = "ORDER")]
    pub input_layout: Option<InputLayout>,
    /// Order of the colours in the pixels, where it is not the model's
    #[arg(long, value_enum, value_name = "ORDER")]
    pub channel_order: Option<ChannelOrder>,
    /// One channel of grey instead of the model's several
    #[arg(long, alias = "gray")]
    pub grey: bool,
    /// Element type of input and outputs instead of float, which --input goes before
    #[arg(long, value_enum, value_name = "TYPE")]
    pub ports: Option<Ports>,
    /// End the network at these values of the model, separated by commas, instead of its own outputs
    ///
    /// Any value of the graph will do; `mobilenetc inspect --stage graph` names them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub output: Vec<String>,
    /// Probabilities: a softmax behind a model that does not end in one
    #[arg(long)]
    pub softmax: bool,
}

impl Adapt {
    /// Writes them down.
    pub fn apply(&self, options: &mut Options) {
        options.normalise.clone_from(&self.normalise);
        options.input_layout = self.input_layout.map(|order| match order {
            InputLayout::Nchw => Layout::Nchw,
            InputLayout::Nhwc => Layout::Nhwc,
        });
        options.channel_order = self.channel_order.map(|ChannelOrder::Bgr| options::ChannelOrder::Bgr);
        options.grey = self.grey;
        options.ports = self.ports.map(|Ports::F16| options::PortType::F16);
        options.output.clone_from(&self.output);
        options.softmax = self.softmax;
    }
}

/// How much memory there is, and what it may cost in time.
#[derive(Debug, Args)]
pub struct Memory {
    /// What is preferred where memory and time can't both be had; balanced by default
    ///
    /// memory takes the smallest arena there is, speed the fewest modelled cycles, balanced the smallest arena among plans whose
    /// modelled time is near the best. `mobilenetc inspect --memory` shows what there is to choose from.
    #[arg(long, alias = "optimize", value_name = "FOR", value_parser = optimise())]
    pub optimise: Option<Optimise>,
    /// Bytes of the arena at most, e.g. 65536, 64KB or 1.5MB (of 1024); a model that needs more is refused
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_arena: Option<usize>,
}

impl Memory {
    /// Writes both down.
    pub fn apply(&self, options: &mut Options) {
        options.optimise = self.optimise;
        options.max_arena = self.max_arena;
    }
}

/// What is emitted for the classes.
#[derive(Debug, Args)]
pub struct Classes {
    /// Names of the classes in emitted code: a UTF-8 file with a line per class
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Emit a ranking of the N best classes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub top_k: Option<u32>,
}

impl Classes {
    /// Reads the labels and writes both down.
    pub fn apply(&self, options: &mut Options) -> Result<(), Failure> {
        options.labels = self.labels.as_deref().map(labels).transpose()?;
        options.top_k = self.top_k.map(|k| k as usize);
        Ok(())
    }
}

/// Reads a file of labels.
pub fn labels(path: &Path) -> Result<Labels, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    Labels::parse(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), &bytes).map_err(Failure::Other)
}

/// Orders of axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputLayout {
    /// Channel by channel, as PyTorch has images
    Nchw,
    /// Pixel by pixel, as cameras and TensorFlow have them
    Nhwc,
}

/// Orders of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChannelOrder {
    /// The other way round: blue, green, red for a model of RGB, as OpenCV has pictures
    Bgr,
}

/// Element types of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ports {
    /// IEEE half precision, as 16 bits; all is computed in float
    F16,
}

/// The element type of the input.
#[derive(Debug, Args)]
pub struct Input {
    /// Element type of the input instead of the model's float: u8 takes bytes from 0 to 255
    #[arg(long, value_enum, value_name = "TYPE")]
    pub input: Option<Element>,
}

impl Input {
    /// As the compiler has it.
    pub fn element(&self) -> Option<InputType> {
        self.input.map(|Element::U8| InputType::U8)
    }
}

/// Element types that an input may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Element {
    /// Bytes, as cameras give them
    U8,
}
