//! Standard output: buffered, coloured on request, quiet when its reader has gone.

use crate::color::Color;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

/// Standard output.
pub struct Terminal {
    out: BufWriter<Stdout>,
    color: bool,
}

impl Terminal {
    /// Opens standard output.
    pub fn new(color: Color) -> Self {
        let stdout = io::stdout();
        let color = color.enabled(stdout.is_terminal());
        Self { out: BufWriter::new(stdout), color }
    }

    /// Text in a style, if this terminal has styles.
    pub fn paint<T: fmt::Display>(&self, style: Style, text: T) -> Painted<T> {
        Painted { style: self.color.then_some(style), text }
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The styles in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Headings and results.
    Bold,
    /// Asides.
    Dim,
    /// Something holds.
    Good,
    /// Something does not.
    Bad,
    /// Bars.
    Bar,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Bar => "36",
        }
    }
}

/// Text in a style.
pub struct Painted<T> {
    style: Option<Style>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            None => self.text.fmt(f),
            Some(style) => {
                write!(f, "\x1b[{}m", style.code())?;
                self.text.fmt(f)?;
                f.write_str("\x1b[0m")
            }
        }
    }
}
