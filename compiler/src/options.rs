//! The options of a compilation: one type for the macro, [`Build`](crate::build::Build) and the command line.

use std::fmt;

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

/// As the macro spells them, the name left out: `resolution = [160, 160], batch = 4`; empty for none.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resolution = self.resolution.map(|[height, width]| format!("resolution = [{height}, {width}]"));
        let batch = self.batch.map(|batch| format!("batch = {batch}"));
        let chosen: Vec<_> = [resolution, batch].into_iter().flatten().collect();
        f.write_str(&chosen.join(", "))
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
    }
}
