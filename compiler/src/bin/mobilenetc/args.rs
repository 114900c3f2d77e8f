//! The grammar of the command line.

use crate::adapt::{Adapt, Classes, Input, Memory};
use crate::color::Color;
use crate::engine::Tools;
use crate::explore::Explore;
use crate::fit::Fit;
use crate::new::New;
use crate::shipped::Asked;
use crate::values::{asked, divisor, number, percent, resolution, targets};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mobilenet_compiler::Options;
use mobilenet_compiler::diagnostic::Extent;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::options::InputType;
use mobilenet_compiler::quantize::{KeepFloat, Method, Settings};
use std::path::PathBuf;

/// Compiles ONNX MobileNets to shape-static C and Rust.
///
/// Reads a float32 MobileNet as PyTorch, TensorFlow (tf2onnx) and their kin export it, folds everything that is known
/// at compile time, and writes straight-line code with no allocation, no framework and one arena of known size.
#[derive(Debug, Parser)]
#[command(name = "mobilenetc", version, max_term_width = 100, arg_required_else_help = true, after_long_help = ROOT_EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Colour: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        display_order = 900
    )]
    pub color: Color,
    /// Print every problem of a model with every word, however long that is
    #[arg(short, long, global = true, display_order = 901)]
    pub verbose: bool,
    /// Print results, warnings and errors alone: no progress, and nothing of what `build` and `man` write
    #[arg(short, long, global = true, display_order = 902)]
    pub quiet: bool,
}

impl Cli {
    /// How much of a message is printed.
    pub fn extent(&self) -> Extent {
        if self.verbose { Extent::Whole } else { Extent::Short }
    }
}

const ROOT_EXAMPLES: &str = "\
Examples:
  mobilenetc inspect net.onnx                        what it is, layer by layer
  mobilenetc build net.onnx --emit c -o out/         net.h, net.c, net_weights.c, CMakeLists.txt
  mobilenetc run net.onnx --image cat.png --labels labels.txt
  mobilenetc verify net.onnx                         emitted code against an f64 reference
  mobilenetc bench net.onnx                          time per stage, share of the FMA peak
  mobilenetc completions bash                        what a shell needs to complete these words
  mobilenetc new --arch mobilenet-v1 -o net.onnx     an untrained network
  mobilenetc quantize net.onnx --calibrate pictures/ -o net_int8.onnx
  mobilenetc explore --arch mobilenet-v1 --ram 256KB what width and resolution cost, what fits

Exit status:
  0  done
  1  the model can't be compiled, or the results disagree, or a file can't be read or written
  2  the command line is wrong";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what a model is: width, resolution, layers, parameters, mult-adds, memory
    Inspect(Inspect),
    /// Write C or Rust for a model
    Build(Build),
    /// Classify images
    Run(Run),
    /// Compile the emitted C, run it and compare it with the reference
    Verify(Verify),
    /// Time the emitted code stage by stage against this machine's FMA peak
    Bench(Bench),
    /// Make an 8-bit model of a float one, with pictures to calibrate it
    #[command(alias = "quantise")]
    Quantize(Quantize),
    /// Write an untrained network as ONNX
    New(New),
    /// Plan a network over widths and resolutions: mult-adds, parameters, flash and RAM in float and 8 bits
    Explore(Explore),
    /// Print the completions of a shell
    Completions(Completions),
    /// Write the man pages
    Man(Man),
}

/// `completions`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc completions bash > ~/.local/share/bash-completion/completions/mobilenetc
  mobilenetc completions zsh > ~/.zfunc/_mobilenetc            with fpath+=~/.zfunc in front of compinit
  mobilenetc completions fish > ~/.config/fish/completions/mobilenetc.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc man ~/.local/share/man/man1     then: man mobilenetc, man mobilenetc-build")]
pub struct Man {
    /// The folder; what is missing of it is made
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// The model and the options that change what it computes.
#[derive(Debug, Args)]
pub struct Model {
    /// The ONNX file, or - for standard input
    #[arg(value_name = "MODEL")]
    pub path: PathBuf,
    /// Input height and width instead of the model's own, e.g. 160x160
    #[arg(long, value_name = "HxW", value_parser = resolution)]
    pub resolution: Option<[usize; 2]>,
    #[command(flatten)]
    pub adapt: Adapt,
    #[command(flatten)]
    pub memory: Memory,
}

/// `inspect`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc inspect net.onnx
  mobilenetc inspect net.onnx --format json | jq .mult_adds
  mobilenetc inspect net.onnx --stage plan           what runs, where it lies, and why
  mobilenetc inspect net.onnx --memory --target cortex-m7
                                                     what could be chosen: arena and cycles
  mobilenetc inspect net.onnx --resolution 160x160   the same network at another input size
  mobilenetc inspect net.onnx --report net.html      one page: blocks, arena, shares, warnings
  mobilenetc inspect net.onnx --report net.html --measure   with milliseconds and share of this machine's peak")]
pub struct Inspect {
    #[command(flatten)]
    pub model: Model,
    #[command(flatten)]
    pub batch: Batch,
    #[command(flatten)]
    pub input: Input,
    /// Show one stage of the compilation instead of the summary
    #[arg(long, value_enum, conflicts_with_all = ["memory", "report", "measure"])]
    pub stage: Option<Stage>,
    /// Show what there is to choose from, memory against modelled time, and what the arena holds where it is fullest
    #[arg(long = "memory", id = "memory", conflicts_with_all = ["report", "measure"])]
    pub trade_offs: bool,
    /// Processor that plans are made for, as in build --emit c
    #[arg(long, value_parser = targets())]
    pub target: Option<Target>,
    /// Write the summary as a page, which needs nothing but itself
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Time the emitted code on this machine, step by step
    #[arg(long, conflicts_with = "target")]
    pub measure: bool,
    #[command(flatten)]
    pub tools: Tools,
    /// Overwrite a file that mobilenetc did not write
    #[arg(long, requires = "report")]
    pub force: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Images per inference.
#[derive(Debug, Args)]
pub struct Batch {
    /// Images per inference instead of the model's own number (1 where that is symbolic)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
}

/// The stages of a compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The typed graph as imported
    Graph,
    /// The graph after all rewrites
    Canonical,
    /// The stages of the family, with what was fused and why
    Network,
    /// Kernels, tiles and arena offsets, with reasons
    Plan,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// `build`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc build net.onnx --emit c --name net -o out/
  mobilenetc build net.onnx --target cortex-m7 -o out/
  mobilenetc build net.onnx --weights bin -o out/   net.bin, loaded by net_load()
  mobilenetc build net.onnx --self-test -o out/     with net_self_test() and a test program
  mobilenetc build net.onnx --kernels runtime -o out/   to be linked with mobilenet-runtime-capi
  mobilenetc build net.onnx --input u8 --normalise 0.5,0.5 --input-layout nhwc -o out/
                                                    takes camera bytes as they come
  mobilenetc build net.onnx --labels labels.txt --top-k 5 -o out/
                                                    with net_label() and net_top_k()
  mobilenetc build net.onnx --project arduino -o ~/Arduino/libraries/net
  mobilenetc build net.onnx --emit rust -o src/     what mobilenet_model!() expands to

Nothing is written unless everything can be.")]
pub struct Build {
    #[command(flatten)]
    pub model: Model,
    #[command(flatten)]
    pub batch: Batch,
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub classes: Classes,
    /// Language to write
    #[arg(long, value_enum, default_value_t)]
    pub emit: Language,
    /// Prefix of every C symbol or name of the Rust type; the file's stem by default
    #[arg(long)]
    pub name: Option<String>,
    /// Folder to write into; made if missing
    #[arg(id = "folder", short = 'o', long = "out-dir", value_name = "DIR")]
    pub output: PathBuf,
    /// How C gets at the weights; by default source up to 4 MiB, above incbin, or bin for generic C
    #[arg(long, value_enum)]
    pub weights: Option<Weights>,
    /// Also emit a self-test with an embedded input and its expected output (C)
    #[arg(long)]
    pub self_test: bool,
    /// Call NET_STAGE_BEGIN(i) and NET_STAGE_END(i), macros you may define, around each step (C)
    #[arg(long)]
    pub stage_hooks: bool,
    /// Processor that the C code is written for; auto by default
    #[arg(long, value_parser = targets())]
    pub target: Option<Target>,
    /// Whose kernels the C code runs on; inline by default
    #[arg(long, value_enum)]
    pub kernels: Option<Kernels>,
    /// Build systems that get their files beside the C code; cmake by default
    #[arg(long, value_enum, value_name = "SYSTEMS", value_delimiter = ',')]
    pub project: Option<Vec<Project>>,
    /// Overwrite files of these names that mobilenetc did not write
    #[arg(long)]
    pub force: bool,
}

impl Build {
    /// The kernels asked for, or those of the default.
    pub fn kernels(&self) -> Kernels {
        self.kernels.unwrap_or_default()
    }

    /// The build systems asked for, or that of the default.
    pub fn projects(&self) -> &[Project] {
        self.project.as_deref().unwrap_or(&[Project::Cmake])
    }
}

/// Languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Language {
    /// C99
    #[default]
    C,
    /// Rust, on the mobilenet-runtime crate
    Rust,
}

/// Forms of the weights in C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Weights {
    /// A translation unit of its own, NAME_weights.c
    Source,
    /// NAME.bin, handed to NAME_load() at run time
    Bin,
    /// NAME.bin, included by the assembler through NAME_weights.S
    Incbin,
}

/// Whose kernels emitted C runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Kernels {
    /// Those that are written into NAME.c
    #[default]
    Inline,
    /// Those of the static library mobilenet-runtime-capi, bit for bit as in Rust
    Runtime,
}

/// Build systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Project {
    /// CMakeLists.txt, for add_subdirectory() and find_package()
    Cmake,
    /// meson.build, alone or as a subproject
    Meson,
    /// Makefile
    Make,
    /// library.properties, with the code in src/
    Arduino,
    /// A module in zephyr/
    Zephyr,
    /// None of them
    None,
}

/// `run`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc run net.onnx --image cat.png --labels labels.txt
  mobilenetc run net.onnx --image *.png --labels labels.txt --top 3
  mobilenetc run net.onnx --image cat.png --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  mobilenetc run net.onnx --image cat.png --scale 1/255
  mobilenetc run net.onnx --image photos/ --fit crop --labels labels.txt --labels-from folders
                                                    photos/cat/1.jpg ...: the accuracy

A float model is fed (pixel / 255 - mean) / std, by default with 0.5 and 0.5, which maps 0..255 to -1..1; with \
--scale it is fed pixel * scale, and with --normalise pixel / 255. A model with a byte input is fed the pixels themselves (less 128 if they are signed).

Pictures are PNG or JPEG, turned as their EXIF data say. One that is not the model's size is brought to it as --fit says, \
by linear interpolation with half-pixel centres, over an area when it shrinks. A model with one input channel sees \
the luma of ITU-R BT.601.")]
pub struct Run {
    #[command(flatten)]
    pub model: Model,
    #[command(flatten)]
    pub input: Input,
    /// Pictures (PNG or JPEG), or folders of them
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub image: Vec<PathBuf>,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub normalize: Normalize,
    /// Classes to show
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
    #[command(flatten)]
    pub tools: Tools,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How pixels become the model's input.
#[derive(Debug, Args)]
pub struct Normalize {
    /// Mean per channel of the pixels scaled to 0..1, or one for all
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', allow_hyphen_values = true, value_parser = number)]
    pub mean: Option<Vec<f32>>,
    /// Standard deviation per channel of the pixels scaled to 0..1, or one for all
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', value_parser = divisor)]
    pub std: Option<Vec<f32>>,
    /// Factor on the pixels' 0..255 instead of mean and deviation, e.g. 1/255
    #[arg(long, value_name = "FACTOR", conflicts_with_all = ["mean", "std"], value_parser = number)]
    pub scale: Option<f32>,
    /// How a picture of another shape is brought to the model's: cover, `crop[:SIDE]`, stretch or pad
    ///
    /// cover cuts it to the model's aspect ratio around the centre and resizes that. crop resizes the short side to SIDE, by
    /// default 256/224 of the model's, and cuts out the centre, as ImageNet's pictures are evaluated. stretch resizes height
    /// and width independently. pad resizes to fit inside, black around it.
    #[arg(long, value_name = "HOW", default_value_t, value_parser = Fit::parse)]
    pub fit: Fit,
}

/// The right answers to pictures.
#[derive(Debug, Args)]
pub struct Answers {
    /// Names of the classes, one per line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Where the right class of a picture stands: in the name of its folder. Shows the accuracy
    ///
    /// A folder has the name of a class in --labels, or its number; or there are as many folders as classes, which have
    /// their order.
    #[arg(long, value_enum, value_name = "WHERE", requires = "image")]
    pub labels_from: Option<LabelsFrom>,
}

/// Where the right class of a picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LabelsFrom {
    /// The name of its folder
    Folders,
}

/// `verify`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc verify net.onnx
  mobilenetc verify net.onnx --samples 100 --seed 7
  mobilenetc verify net.onnx --image cat.png --cc clang
  mobilenetc verify net.onnx --via rust          the kernels that mobilenet_model!() runs on
  mobilenetc verify net.onnx --target cortex-m4  what is emitted for that target, under QEMU
  mobilenetc verify net.onnx --target all        every target whose compiler and emulator are here
  mobilenetc verify net.onnx --input u8 --normalise 0.5,0.5
  mobilenetc verify net.onnx --input batch.npy   float32 or bytes, in the model's own layout

The reference runs the graph as it stands in the file, with what the options put in front and behind, before any \
rewrite, and accumulates in f64. The outputs must \
agree within 1e-4 of the largest magnitude of their row; the exit status is 1 when they don't.")]
pub struct Verify {
    #[command(flatten)]
    pub model: Model,
    #[command(flatten)]
    pub batch: Batch,
    /// Element type of the input instead of the model's float (u8), or inputs as a NumPy file of one or more inferences
    #[arg(long, value_name = "u8|FILE.npy")]
    pub input: Vec<PathBuf>,
    /// Pictures or folders of them as inputs, prepared as `run` does
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub image: Vec<PathBuf>,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub normalize: Normalize,
    /// Verify what is emitted for a target, on this machine or under an emulator; `all` for every target whose tools are here
    #[arg(long, value_name = "TARGET|all", value_parser = asked(), hide_possible_values = true, conflicts_with_all = ["labels", "labels_from"])]
    pub target: Option<Asked>,
    /// Random inputs to try
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub samples: u32,
    /// Seed of the random inputs
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub tools: Tools,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `bench`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc bench net.onnx
  mobilenetc bench net.onnx --runs 500 --cc clang
  mobilenetc bench net.onnx --via rust               the kernels that mobilenet_model!() runs on
  taskset -c 1 mobilenetc bench net.onnx             pinned to one core
  mobilenetc bench net.onnx --compare-plans          was the cost model right?

The peak is that of a loop of independent multiply-adds in registers, timed between the runs in the same process, so \
a share of it stays comparable when the clock drifts.")]
pub struct Bench {
    #[command(flatten)]
    pub model: Model,
    #[command(flatten)]
    pub batch: Batch,
    #[command(flatten)]
    pub input: Input,
    /// Time the chosen plan against others: whole maps, deeper and shallower streams, other row blocks, fused or split
    #[arg(long)]
    pub compare_plans: bool,
    /// Timed inferences; as many as fit in two seconds by default, with --compare-plans one second per plan
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: Option<u32>,
    #[command(flatten)]
    pub tools: Tools,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Model {
    /// The options of the compilation.
    pub fn options(&self, batch: Option<u32>, input: Option<InputType>) -> Options {
        let batch = batch.map(|n| n as usize);
        let mut options = Options { resolution: self.resolution, batch, input, ..Options::default() };
        self.adapt.apply(&mut options);
        self.memory.apply(&mut options);
        options
    }
}

impl Verify {
    /// The element type that `--input` names, and the files.
    pub fn input(&self) -> (Option<InputType>, impl Iterator<Item = &PathBuf>) {
        let is_type = |path: &&PathBuf| path.as_os_str() == InputType::U8.name();
        (self.input.iter().find(is_type).map(|_| InputType::U8), self.input.iter().filter(move |path| !is_type(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn grammar_is_consistent() {
        Cli::command().debug_assert();
    }
}

/// `quantize`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc quantize net.onnx --calibrate pictures/ -o net_int8.onnx
  mobilenetc quantize net.onnx --calibrate batch.npy -o net_int8.onnx
  mobilenetc quantize net.onnx --calibrate some/ --evaluate others/ --labels labels.txt --labels-from folders -o net_int8.onnx

Weights get a scale per channel, maps of features one scale and zero point each. What is written is ONNX with \
QuantizeLinear and DequantizeLinear, for onnxruntime and its kin as well as for mobilenetc. \
Pictures are prepared as `run` does. The accuracy is measured with every picture of --evaluate, or of --calibrate without it.")]
pub struct Quantize {
    #[command(flatten)]
    pub model: Model,
    /// Pictures (PNG or JPEG), folders of them, or NumPy files of inferences, of the kind that the model will see
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub calibrate: Vec<PathBuf>,
    /// The file to write
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub out: PathBuf,
    /// How the ranges of values follow from what the pictures give
    #[arg(long, value_enum, default_value_t)]
    pub method: CalibrationMethod,
    /// Percent of the values that --method percentile keeps inside the range
    #[arg(long, value_name = "PERCENT", default_value_t = 99.99, value_parser = percent)]
    pub percentile: f64,
    /// Scale channels so that each uses the range of its map (cross-layer equalisation)
    ///
    /// A channel that reaches ReLU6's cap on a picture keeps its scale; others are scaled up to the cap at most.
    #[arg(long, alias = "equalize")]
    pub equalise: bool,
    /// Let biases make up for the mean error of their channel
    #[arg(long)]
    pub bias_correction: bool,
    /// Keep layers in float: auto for those that hurt most, or their names, separated by commas
    #[arg(long, value_name = "auto|NAMES", value_delimiter = ',')]
    pub keep_float: Vec<String>,
    /// Pictures that calibrate at most, taken evenly from all
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,
    /// Pictures to compare both models on, instead of those that calibrate
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub evaluate: Vec<PathBuf>,
    /// Names of the classes, one per line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Where the right class of a picture stands: in the name of its folder. Shows the accuracy
    #[arg(long, value_enum, value_name = "WHERE")]
    pub labels_from: Option<LabelsFrom>,
    #[command(flatten)]
    pub normalize: Normalize,
    /// Output format of the report
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How ranges follow from values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CalibrationMethod {
    /// From the smallest to the largest
    #[default]
    Minmax,
    /// All but a share of the values, --percentile
    Percentile,
    /// Whose codes lose the least information (Kullback and Leibler)
    Entropy,
}

impl Quantize {
    /// For the library.
    pub fn settings(&self) -> Settings {
        let method = match self.method {
            CalibrationMethod::Minmax => Method::MinMax,
            CalibrationMethod::Percentile => Method::Percentile(self.percentile),
            CalibrationMethod::Entropy => Method::Entropy,
        };
        let keep_float = match &self.keep_float[..] {
            [] => KeepFloat::None,
            [auto] if auto == "auto" => KeepFloat::Auto,
            names => KeepFloat::Names(names.to_vec()),
        };
        Settings { method, equalise: self.equalise, bias_correction: self.bias_correction, keep_float }
    }

    /// The options in words.
    pub fn method_words(&self) -> String {
        let method = match self.method {
            CalibrationMethod::Minmax => "minmax".to_string(),
            CalibrationMethod::Percentile => format!("percentile {}", self.percentile),
            CalibrationMethod::Entropy => "entropy".into(),
        };
        let more = [(self.equalise, "equalised"), (self.bias_correction, "biases corrected")];
        let more = more.iter().filter(|(chosen, _)| *chosen).map(|(_, words)| format!(", {words}"));
        method + &more.collect::<String>()
    }
}
