//! The models of `../shared/family` and its folder `random`, what is put into them and what must come out.

use crate::compare::{deviation, top};
use crate::shared::{RealModel, described, floats, shared};
use std::fs;
use std::path::{Path, PathBuf};

/// A model with inputs and what it must give for them.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its name, the file's stem.
    pub name: String,
    /// The ONNX file.
    pub path: PathBuf,
    /// What is to become of it.
    pub fate: Fate,
    tolerance: f64,
    source: Source,
}

/// What is to become of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It compiles.
    Compiled,
    /// It compiles, to 8-bit integers.
    Quantised,
    /// It has these operators, which are refused.
    Refused(&'static [&'static str]),
}

#[derive(Debug, Clone)]
enum Source {
    Pictures(Box<RealModel>),
    /// Files of raw values: the inputs of two runs, and one file per output.
    Raw {
        input: PathBuf,
        outputs: Vec<PathBuf>,
    },
}

/// One run.
#[derive(Debug, Clone)]
pub struct Row {
    /// The picture's name, or the run's number.
    pub name: String,
    /// Bytes of the input.
    pub input: Vec<u8>,
    /// Values of each output.
    pub outputs: Vec<Vec<f64>>,
}

/// Real models with an operator that is to be refused, by the beginning of their names.
const REFUSED: [(&str, &[&str]); 3] = [
    ("mnv3_224_facedet", &["Resize"]),
    ("mnv3_256_selfieseg", &["Resize"]),
    ("mnv2_a050_128_person_ortdyn", &["DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"]),
];

/// Relative deviation of the real models' outputs.
const TOLERANCE: f64 = 1e-4;

/// Real models and random ones.
///
/// # Errors
/// Says what is absent or can't be read.
pub fn family() -> Result<Vec<Given>, String> {
    let folder = shared()?.join("family");
    let real = described(&folder)?.into_iter().map(|model| {
        let refused = REFUSED.iter().find(|(start, _)| model.name.starts_with(start));
        let fate = match refused {
            Some((_, op)) => Fate::Refused(op),
            None if model.quantised => Fate::Quantised,
            None => Fate::Compiled,
        };
        let (name, path) = (model.name.clone(), model.path.clone());
        Given { name, path, fate, tolerance: TOLERANCE, source: Source::Pictures(Box::new(model)) }
    });
    let mut all: Vec<Given> = real.collect();
    for table in ["index.tsv", "ports.tsv"] {
        all.extend(random(&folder.join("random"), table)?);
    }
    Ok(all)
}

/// The models of a table: name, tier, input, output, tolerance, note.
fn random(folder: &Path, table: &str) -> Result<Vec<Given>, String> {
    let path = folder.join(table);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let line = |line: &str| {
        let [name, _, input, output, tolerance, ..] = line.split('\t').collect::<Vec<_>>()[..] else { return None };
        let shape = input.trim_start_matches("s8:").trim_start_matches("u8:");
        let own = folder.join(format!("{name}.in.bin"));
        let input = if own.is_file() { own } else { folder.join(format!("shared_{shape}.in.bin")) };
        let count = output.split(',').count();
        let file = |k: usize| match count {
            1 => folder.join(format!("{name}.out.bin")),
            _ => folder.join(format!("{name}.out{k}.bin")),
        };
        let quantised = name.starts_with("q_") || name.ends_with("int8");
        Some(Given {
            name: name.into(),
            path: folder.join(format!("{name}.onnx")),
            fate: if quantised { Fate::Quantised } else { Fate::Compiled },
            tolerance: tolerance.parse().ok()?,
            source: Source::Raw { input, outputs: (0..count).map(file).collect() },
        })
    };
    let lines = text.lines().filter(|text| !text.starts_with('#') && !text.is_empty());
    lines.map(|text| line(text).ok_or(format!("{}: {text}", path.display()))).collect()
}

impl Given {
    /// The first rows, at most so many.
    ///
    /// # Errors
    /// Says what can't be read.
    pub fn rows(&self, most: usize) -> Result<Vec<Row>, String> {
        match &self.source {
            Source::Pictures(model) => {
                let expected = model.expected()?;
                let rows = model.rows.iter().zip(expected).take(most);
                rows.map(|(name, outputs)| Ok(Row { name: name.clone(), input: model.input(name)?, outputs })).collect()
            }
            Source::Raw { input, outputs } => {
                let read = |path: &PathBuf| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
                let input = read(input)?;
                let outputs = outputs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                let half = |bytes: &[u8], run: usize| bytes[bytes.len() / 2 * run..][..bytes.len() / 2].to_vec();
                let row = |run: usize| Row {
                    name: format!("run {run}"),
                    input: half(&input, run),
                    outputs: outputs.iter().map(|bytes| floats(&half(bytes, run)).collect()).collect(),
                };
                Ok((0..2).map(row).take(most).collect())
            }
        }
    }

    /// Says how outputs differ from what a row expects, if they do.
    ///
    /// # Errors
    /// A sentence with the figures.
    pub fn agree(&self, row: &Row, found: &[Vec<f64>]) -> Result<(), String> {
        if found.len() != row.outputs.len() {
            return Err(format!("{}, {}: {} outputs, not {}", self.name, row.name, found.len(), row.outputs.len()));
        }
        for (at, (expected, found)) in row.outputs.iter().zip(found).enumerate() {
            let off = deviation(expected, found);
            let (wanted, got) = (top(expected), top(found));
            if off > self.tolerance || wanted != got {
                let told =
                    format!("off by {off:.2e} of the largest magnitude, top class {got:?} instead of {wanted:?}");
                return Err(format!("{}, {}, output {at}: {told}", self.name, row.name));
            }
        }
        Ok(())
    }
}
