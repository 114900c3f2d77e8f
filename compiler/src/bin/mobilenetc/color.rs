//! When to use colour.

use clap::ValueEnum;
use std::ffi::OsString;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// The same choice for clap's own messages.
    pub fn for_clap(self) -> clap::ColorChoice {
        match self {
            Self::Auto => clap::ColorChoice::Auto,
            Self::Always => clap::ColorChoice::Always,
            Self::Never => clap::ColorChoice::Never,
        }
    }

    /// Whether to colour a stream, given whether it is a terminal.
    pub fn enabled(self, is_terminal: bool) -> bool {
        match self {
            Self::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// What `--color` says, before the command line is known to be well formed.
pub fn early_color(args: impl Iterator<Item = OsString>) -> Color {
    let args: Vec<OsString> = args.collect();
    let value = args.iter().enumerate().find_map(|(i, arg)| match arg.to_str()? {
        "--color" => args.get(i + 1)?.to_str(),
        arg => arg.strip_prefix("--color="),
    });
    value.and_then(|value| Color::from_str(value, false).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_found_before_parsing() {
        let find = |args: &[&str]| early_color(args.iter().map(OsString::from));
        assert_eq!(find(&["x", "--color", "never"]), Color::Never);
        assert_eq!(find(&["x", "--color=always", "--bad"]), Color::Always);
        assert_eq!(find(&["x", "--color"]), Color::Auto);
    }
}
