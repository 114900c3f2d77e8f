//! For build scripts: a model compiled to a Rust file in `OUT_DIR`.

use std::env;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Error, Problem};
use crate::diagnostic::{Extent, Spelling};
use crate::emit::{Provenance, rust};
use crate::locate::locate;
use crate::naming::{check_type_name, type_name};
use crate::onnx::Model;
use crate::options::{ChannelOrder, InputType, Labels, Layout, Normalise, Optimise, Options, PortType};
use crate::text::printable;

/// Compiles a model in a build script, for crates that would rather not use the macro.
///
/// ```no_run
/// // build.rs
/// mobilenet_compiler::Build::new("models/net.onnx").name("Classifier").compile();
/// ```
///
/// writes `net.rs` and its weights, `net.bin`, to `OUT_DIR`; the crate takes what `mobilenet_model!` would have given it with
///
/// ```ignore
/// include!(concat!(env!("OUT_DIR"), "/net.rs"));
/// ```
#[derive(Debug, Clone)]
pub struct Build {
    model: String,
    labels: Option<String>,
    options: Options,
}

impl Build {
    /// Compiles the model at this path, relative to the crate's `Cargo.toml`.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), labels: None, options: Options::default() }
    }

    /// Name of the public type; the file's stem in CamelCase by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Input height and width, `[H, W]`, instead of the model's own.
    #[must_use]
    pub fn resolution(mut self, resolution: [usize; 2]) -> Self {
        self.options.resolution = Some(resolution);
        self
    }

    /// Images per inference instead of the model's own batch.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.options.batch = Some(batch);
        self
    }

    /// Element type of the input instead of the model's f32.
    #[must_use]
    pub fn input(mut self, input: InputType) -> Self {
        self.options.input = Some(input);
        self
    }

    /// Folds `(pixel - mean) / std` into the model, of pixels from 0 to 1, or of bytes with
    /// [`input`](Self::input). One value each serves all channels.
    #[must_use]
    pub fn normalise(mut self, mean: &[f32], std: &[f32]) -> Self {
        self.options.normalise = Some(Normalise { mean: mean.to_vec(), std: std.to_vec() });
        self
    }

    /// As [`normalise`](Self::normalise).
    #[must_use]
    pub fn normalize(self, mean: &[f32], std: &[f32]) -> Self {
        self.normalise(mean, std)
    }

    /// Order of the input's axes instead of the model's own.
    #[must_use]
    pub fn input_layout(mut self, layout: Layout) -> Self {
        self.options.input_layout = Some(layout);
        self
    }

    /// Order of the colours in the caller's pixels, where it is not the model's.
    #[must_use]
    pub fn channel_order(mut self, order: ChannelOrder) -> Self {
        self.options.channel_order = Some(order);
        self
    }

    /// Element type of input and outputs where the compiler has f32.
    #[must_use]
    pub fn ports(mut self, ports: PortType) -> Self {
        self.options.ports = Some(ports);
        self
    }

    /// Ends the network at these values of the model, in this order, instead of its own outputs.
    #[must_use]
    pub fn output<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.options.output = names.into_iter().map(Into::into).collect();
        self
    }

    /// One channel of grey instead of the model's several.
    #[must_use]
    pub fn grey(mut self) -> Self {
        self.options.grey = true;
        self
    }

    /// As [`grey`](Self::grey).
    #[must_use]
    pub fn gray(self) -> Self {
        self.grey()
    }

    /// Probabilities: a softmax behind a model that does not end in one.
    #[must_use]
    pub fn softmax(mut self) -> Self {
        self.options.softmax = true;
        self
    }

    /// Names the classes in a constant `LABELS`: from a UTF-8 file with a line per class, relative to the crate's `Cargo.toml`.
    #[must_use]
    pub fn labels(mut self, file: impl Into<String>) -> Self {
        self.labels = Some(file.into());
        self
    }

    /// Gives the type a function `top_k` that returns this many classes, and the constant `TOP_K`.
    #[must_use]
    pub fn top_k(mut self, k: usize) -> Self {
        self.options.top_k = Some(k);
        self
    }

    /// What is preferred where memory and time can't both be had.
    #[must_use]
    pub fn optimise(mut self, optimise: Optimise) -> Self {
        self.options.optimise = Some(optimise);
        self
    }

    /// As [`optimise`](Self::optimise).
    #[must_use]
    pub fn optimize(self, optimise: Optimise) -> Self {
        self.optimise(optimise)
    }

    /// Bytes of the arena at most. A model that needs more is refused, with the least that it needs.
    #[must_use]
    pub fn max_arena(mut self, bytes: usize) -> Self {
        self.options.max_arena = Some(bytes);
        self
    }

    /// Writes the files and tells Cargo what they depend on. Where that fails, tells Cargo why and ends the process.
    pub fn compile(self) {
        if let Err(error) = self.try_compile() {
            let message = error.render(Spelling::Build, Extent::Short);
            for line in format!("{}: {message}", printable(&self.model)).lines() {
                println!("cargo::error={line}");
            }
            std::process::exit(1);
        }
    }

    /// Writes the files, tells Cargo what they depend on, and returns the path of the Rust file.
    ///
    /// # Errors
    /// Everything that keeps the model from being compiled, or the files from being written.
    pub fn try_compile(&self) -> Result<PathBuf, Error> {
        let variable = |name: &str| {
            let missing =
                || Problem::new(format!("{name} is not set")).hint("`Build` is for build scripts that Cargo runs");
            env::var_os(name).map(PathBuf::from).ok_or_else(missing)
        };
        let base = variable("CARGO_MANIFEST_DIR")?;
        println!("cargo::rerun-if-changed={}", base.join(&self.model).display());
        let model = Model::read(locate(&base, &self.model)?)?;
        for file in &model.files {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        for warning in model.warnings() {
            println!("cargo::warning={}: {}", printable(&self.model), warning.to_string().replace('\n', ";"));
        }
        let mut options = self.options.clone();
        if let Some(labels) = &self.labels {
            let path = base.join(labels);
            println!("cargo::rerun-if-changed={}", path.display());
            options.labels = Some(Labels::read(&path)?);
        }
        self.write(&model, &options, &variable("OUT_DIR")?)
    }

    fn write(&self, model: &Model, options: &Options, folder: &Path) -> Result<PathBuf, Error> {
        let path = Path::new(&self.model);
        let name = options.name.clone().unwrap_or_else(|| type_name(path));
        check_type_name(&name)?;
        let stem = file_stem(path);
        let provenance = Provenance {
            model: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: model.sha256(),
            opset: model.opset(),
            options: options.to_string(),
        };
        let files = rust::files(&crate::compile(model, options)?, &name, &stem, &provenance)?;
        files.write_to(folder).map_err(|error| Problem::new(format!("can't write the emitted code: {error}")))?;
        Ok(folder.join(format!("{stem}.rs")))
    }
}

/// The model's stem, with `_` for everything but ASCII letters, digits, `_` and `-`.
fn file_stem(model: &Path) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let stem: String = model.file_stem().unwrap_or_default().to_string_lossy().chars().map(harmless).collect();
    if stem.is_empty() { "_".into() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_harmless() {
        for (model, stem) in
            [("a/net-1_0.25.onnx", "net-1_0_25"), ("my net\".onnx", "my_net_"), ("..", "_"), ("é", "_")]
        {
            assert_eq!(file_stem(Path::new(model)), stem);
        }
    }
}
