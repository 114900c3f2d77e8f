//! Pictures and bars made of characters.

use std::env;
use std::io::{self, IsTerminal};

/// What the output can show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Half blocks in 24 greys of the 256-colour palette: two rows of pixels per line.
    Grey,
    /// ASCII characters of different density: two rows of pixels per line, averaged.
    Plain,
}

const DENSITY: &[u8; 10] = b" .:-=+*#%@";

impl Style {
    /// Colours only where a terminal shows them and nobody asked for none (`NO_COLOR`).
    pub fn of_stdout() -> Self {
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        if io::stdout().is_terminal() && !no_color && !dumb { Self::Grey } else { Self::Plain }
    }

    /// The lines of a grey picture `[H, W]`.
    pub fn draw(self, pixels: &[u8], [_, width]: [usize; 2]) -> Vec<String> {
        let rows: Vec<&[u8]> = pixels.chunks(width.max(1)).collect();
        rows.chunks(2).map(|pair| self.line(pair[0], pair.get(1).copied().unwrap_or(pair[0]))).collect()
    }

    fn line(self, upper: &[u8], lower: &[u8]) -> String {
        let pixels = upper.iter().zip(lower);
        match self {
            Self::Grey => {
                let grey = |value: u8| 232 + u32::from(value) * 23 / 255;
                let cells = pixels.map(|(&upper, &lower)| format!("\x1b[38;5;{};48;5;{}m▀", grey(upper), grey(lower)));
                cells.chain(["\x1b[0m".to_owned()]).collect()
            }
            Self::Plain => {
                let density = |value: usize| char::from(DENSITY[value * (DENSITY.len() - 1) / 255]);
                pixels.map(|(&upper, &lower)| density((usize::from(upper) + usize::from(lower)) / 2)).collect()
            }
        }
    }

    /// A bar of `share` (0 to 1) of `width` characters.
    pub fn bar(self, share: f32, width: usize) -> String {
        let filled = (share.clamp(0.0, 1.0) * width as f32).round() as usize;
        match self {
            Self::Grey => "█".repeat(filled),
            Self::Plain => "#".repeat(filled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_of_pixels_make_a_line() {
        let lines = Style::Plain.draw(&[0, 255, 0, 255, 255, 0], [3, 2]);
        assert_eq!(lines, [" @", "@ "]);
        assert_eq!(Style::Grey.draw(&[0, 255], [2, 1]), ["\x1b[38;5;232;48;5;255m▀\x1b[0m"]);
        assert_eq!(Style::Plain.bar(0.5, 4), "##");
        assert_eq!(Style::Grey.bar(f32::NAN, 4), "");
    }
}
