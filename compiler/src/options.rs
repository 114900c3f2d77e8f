//! The options of a compilation: one type for the macro, [`Build`](crate::build::Build) and the command line.

/// What the user may choose; everything else follows from the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Name of the emitted type (CamelCase in Rust) or symbol prefix (snake_case in C); the file's stem by default.
    pub name: Option<String>,
    /// Input height and width, `[H, W]`, instead of the model's own.
    pub resolution: Option<[usize; 2]>,
    /// Batch size instead of the model's own; a symbolic batch is 1 by default.
    pub batch: Option<usize>,
}
