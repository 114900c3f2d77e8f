//! The benchmark networks: MobileNet V1, V2 and V3 of any width and resolution with seeded random weights, batch norm
//! kept, and any ONNX file.

mod v1;
mod v2;
mod v3;
mod writer;

use anyhow::{Context, Result};
use mobilenet_compiler::{Options, compile, onnx};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
pub use writer::Random;

/// Which network: `1.0-224`, `0.25-96-2`, `v2-1.0-224`, `v3-1.0-224` (V3 large), or the path of an ONNX file.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// A network with random weights.
    Made {
        /// Which body.
        family: Family,
        /// Width multiplier α.
        alpha: f64,
        /// Input height and width.
        resolution: usize,
        /// Classes.
        classes: usize,
    },
    /// A file; one image in, `[N, C, H, W]`, one output.
    File(PathBuf),
}

/// The bodies that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// arXiv 1704.04861, Table 1.
    V1,
    /// arXiv 1801.04381, Table 2.
    V2,
    /// arXiv 1905.02244, Table 1: V3 large.
    V3,
}

/// A network as its contenders need it.
pub struct Network {
    /// As printed, and as its folder is called.
    pub name: String,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// Height, width and channels of the input.
    pub image: [usize; 3],
    /// Elements of the output.
    pub outputs: usize,
    /// Mult-adds of convolutions and dense layers, without biases.
    pub mult_adds: u64,
}

impl FromStr for Spec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with(".onnx") {
            return Ok(Self::File(text.into()));
        }
        let hint = || {
            format!(
                "{text:?} is no .onnx file and not [v2-|v3-]α-resolution[-classes], such as 0.25-96-2 or v2-1.0-224"
            )
        };
        let mut parts = text.split('-').peekable();
        let family = match parts.peek() {
            Some(&"v2") => Family::V2,
            Some(&"v3") => Family::V3,
            _ => Family::V1,
        };
        if family != Family::V1 {
            parts.next();
        }
        let alpha = parts.next().and_then(|p| p.parse().ok()).ok_or_else(hint)?;
        let resolution = parts.next().and_then(|p| p.parse().ok()).ok_or_else(hint)?;
        let classes = parts.next().map_or(Ok(1000), |p| p.parse().map_err(|_| hint()))?;
        Ok(Self::Made { family, alpha, resolution, classes })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&path.file_stem().unwrap_or_default().to_string_lossy()),
            Self::Made { family, alpha, resolution, classes } => {
                f.write_str(match family {
                    Family::V1 => "",
                    Family::V2 => "v2-",
                    Family::V3 => "v3-",
                })?;
                write!(f, "{alpha:?}-{resolution}")?;
                if *classes != 1000 { write!(f, "-{classes}") } else { Ok(()) }
            }
        }
    }
}

impl Spec {
    /// The network as an ONNX file; of one that is made, the same bytes for the same specification.
    pub fn onnx(&self) -> Result<Vec<u8>> {
        match self {
            Self::File(path) => std::fs::read(path).with_context(|| path.display().to_string()),
            Self::Made { family, alpha, resolution, classes } => Ok(match family {
                Family::V1 => v1::onnx(*alpha, *resolution, *classes),
                Family::V2 => v2::onnx(*alpha, *resolution, *classes),
                Family::V3 => v3::onnx(*alpha, *resolution, *classes),
            }),
        }
    }

    /// The network and what this project's compiler says of it.
    pub fn network(&self) -> Result<Network> {
        let onnx = self.onnx()?;
        let plan = compile(&onnx::Model::decode(onnx.clone(), None)?, &Options::default())?;
        let network = &plan.network;
        let input = network.maps[network.input_map.0 as usize];
        let (_, outputs) = plan.lengths();
        Ok(Network {
            name: self.to_string(),
            image: [input.height, input.width, input.channels],
            outputs,
            mult_adds: network.mult_adds(),
            onnx,
        })
    }
}

/// `channels` times α, a multiple of 8 and no less than nine tenths of it, as the papers' code rounds.
fn divisible(channels: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}
