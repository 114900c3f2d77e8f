//! `mobilenetc new`

use crate::failure::{Failure, plain};
use crate::progress::Progress;
use crate::terminal::{Style, Terminal};
use crate::values::{arch, count};
use clap::Args;
use mobilenet_compiler::arch::{Arch, Spec};
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::report::{Survey, table};
use mobilenet_compiler::{Options, Problem, text};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// `new`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc new --arch mobilenet-v1 --alpha 0.5 --resolution 160 --classes 10 -o net.onnx
  mobilenetc new --arch mobilenet-v3-small -o net.onnx      1000 classes, 224 x 224
  mobilenetc new --arch mobilenet-v1 --alpha 0.25 --resolution 96 --classes 2 --int8 -o net.onnx
                                                            what it costs in 8 bits
  mobilenetc new --arch vgg-16 -o vgg.onnx && mobilenetc inspect vgg.onnx

The weights are drawn at random as for training (He), from the seed: the same command gives the same bytes. The file is \
spelled as torch.onnx.export(dynamo=False) spells such a network, opset 17, batch norm folded.")]
pub struct New {
    #[command(flatten)]
    pub network: Network,
    /// Width multiplier α: channels as a share of the paper's
    #[arg(long, value_name = "α", default_value_t = 1.0)]
    pub alpha: f64,
    /// Rows and columns of the input
    #[arg(long, value_name = "N", default_value_t = 224, value_parser = count)]
    pub resolution: usize,
    /// Seed of the weights
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Spell it in 8 bits (DequantizeLinear, QuantizeLinear), with made-up scales
    #[arg(long)]
    pub int8: bool,
    /// The file to write
    #[arg(short = 'o', long = "out", value_name = "FILE.onnx")]
    pub output: PathBuf,
    /// Overwrite a file that mobilenetc did not write
    #[arg(long)]
    pub force: bool,
}

/// The architecture and what has nothing to do with its size.
#[derive(Debug, Clone, Args)]
pub struct Network {
    /// The network
    #[arg(long, value_name = "NAME", value_parser = arch())]
    pub arch: Arch,
    /// Classes it tells apart
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = count)]
    pub classes: usize,
    /// Channels of the input: 1 for grey pictures
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count)]
    pub input_channels: usize,
}

impl Network {
    /// This network at a width and a resolution.
    pub fn spec(&self, alpha: f64, resolution: usize) -> Spec {
        let (classes, channels) = (self.classes, self.input_channels);
        Spec { alpha, resolution, classes, channels, ..Spec::new(self.arch) }
    }
}

/// Writes an untrained network.
pub fn new(args: &New, terminal: &mut Terminal) -> Result<(), Failure> {
    let spec = Spec { seed: args.seed, int8: args.int8, ..args.network.spec(args.alpha, args.resolution) };
    let progress = Progress::new("drawing weights");
    let bytes = spec.author().map_err(Failure::Usage)?.to_bytes();
    refuse_foreign(args)?;
    progress.say("writing");
    write(&args.output, &bytes)?;
    let size = table::bytes(bytes.len());
    let model = Model::decode(bytes, None).map_err(|error| Failure::Model(args.output.clone(), error))?;
    drop(progress);
    let (mult_adds, parameters) = counts(&model);
    let title = terminal.paint(Style::Bold, text::path(&args.output)).to_string();
    let Spec { arch, alpha, resolution, classes, channels, .. } = spec;
    writeln!(terminal, "{title}  {size}, {}", arch.about())?;
    writeln!(terminal, "\n  width multiplier α   {alpha:?}")?;
    writeln!(terminal, "  resolution           {resolution} x {resolution} x {channels}")?;
    writeln!(terminal, "  classes              {classes}")?;
    writeln!(terminal, "  mult-adds            {}", table::short(mult_adds))?;
    writeln!(terminal, "  parameters           {}", table::short(parameters))?;
    writeln!(terminal, "\n  untrained: its weights are random, of seed {}", args.seed)?;
    Ok(())
}

/// Mult-adds and parameters; of a network that is not compiled as its file has them.
fn counts(model: &Model) -> (u64, u64) {
    match mobilenet_compiler::recognise(model, &Options::default()) {
        Ok(network) => (network.mult_adds(), network.facts().parameters),
        Err(_) => {
            let survey = Survey::new(model);
            (survey.mult_adds().0, survey.parameters())
        }
    }
}

/// The file appears whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let Some(name) = path.file_name() else {
        return Err(Failure::Usage(Problem::new(format!("-o {} names no file", text::path(path)))));
    };
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = Files::from_iter([(name.to_string_lossy().into_owned(), bytes.to_vec())]);
    let written = files.write_to(folder);
    written.map_err(|error| Failure::Other(Problem::new(format!("can't write {}", plain(&error)))))?;
    Ok(())
}

/// A model that someone has trained stays.
fn refuse_foreign(args: &New) -> Result<(), Failure> {
    let mut head = [0; 64];
    let read = File::open(&args.output).and_then(|mut file| file.read(&mut head));
    let ours = |head: &[u8]| head.windows(10).any(|part| part == b"mobilenetc");
    match read {
        Ok(n) if !args.force && !ours(&head[..n]) => {
            let problem = Problem::new(format!("{} would be overwritten", text::path(&args.output)));
            let problem = problem.expected("no file, or a model that mobilenetc wrote", "another one");
            Err(Failure::Other(problem.hint("name another file, or overwrite it with --force")))
        }
        _ => Ok(()),
    }
}
