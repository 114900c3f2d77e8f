//! Names of classes, from a text file.

use crate::diagnostic::Problem;
use crate::text;
use std::path::Path;

/// A longer name is no label. C compilers need not take string literals beyond 4095 characters.
const MAX_BYTES: usize = 1000;

/// The names of a model's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The file they came from, without its folder.
    pub file: String,
    /// One per class, in the order of the model's output.
    pub names: Vec<String>,
}

impl Labels {
    /// Reads a file of UTF-8 text with a name per line. White space around a name is dropped, as are empty lines at the
    /// end; the names themselves stay as they are written.
    ///
    /// # Errors
    /// Where the file can't be read, is not UTF-8, or a name is longer than 1000 bytes.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let bytes = std::fs::read(path)
            .map_err(|error| Problem::new(format!("can't read the labels {}: {error}", text::path(path))))?;
        let file = text::path(Path::new(path.file_name().unwrap_or_default()));
        Self::parse(file, &bytes)
    }

    /// As [`read`](Self::read), from the file's contents.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(file: String, bytes: &[u8]) -> Result<Self, Problem> {
        let contents = str::from_utf8(bytes).map_err(|error| {
            let line = bytes.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count() + 1;
            Problem::new(format!("the labels in {file} are not UTF-8"))
                .expected("UTF-8", format!("other bytes in line {line}"))
        })?;
        let contents = contents.trim_start_matches('\u{feff}').trim_end();
        let names: Vec<String> = contents.lines().map(|line| line.trim().to_string()).collect();
        if let Some(line) = names.iter().position(|name| name.len() > MAX_BYTES) {
            let message = format!("line {} of {file} is no label", line + 1);
            return Err(Problem::new(message).expected(
                format!("at most {MAX_BYTES} bytes, a class name per line"),
                format!("{} bytes", names[line].len()),
            ));
        }
        Ok(Self { file, names })
    }

    /// Whether they name this many classes.
    ///
    /// # Errors
    /// Where there are more or fewer.
    pub fn check(&self, classes: usize) -> Result<(), Problem> {
        let found = self.names.len();
        if found == classes {
            return Ok(());
        }
        let problem = Problem::new(format!("{} does not name the model's classes", self.file))
            .expected(format!("{classes} lines, one per class"), format!("{found} lines"));
        Err(match found + 1 == classes {
            true => problem
                .hint("models with one more class often have a background class in front: add a first line for it"),
            false => problem.hint("the option labels takes a file with a name per class, in the order of the output"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Vec<String>, Problem> {
        Labels::parse("labels.txt".into(), bytes).map(|labels| labels.names)
    }

    #[test]
    fn one_name_per_line() {
        let names = parse("\u{feff}Katze\r\n\n chat noir \né\t\"\\\n\u{202e}x\x1b\n\n".as_bytes());
        assert_eq!(names.unwrap(), ["Katze", "", "chat noir", "é\t\"\\", "\u{202e}x\x1b"]);
        assert_eq!(parse(b"").unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_no_text_is_refused_by_line() {
        assert!(parse(b"a\nb\xff\n").unwrap_err().to_string().contains("other bytes in line 2"));
        let long = [b"a\n".to_vec(), vec![b'x'; 1001]].concat();
        assert!(parse(&long).unwrap_err().to_string().contains("line 2 of labels.txt"));
        assert!(parse(&[b'x'; 1000]).is_ok());
    }

    #[test]
    fn a_missing_background_class_is_guessed() {
        let labels = Labels::parse("labels.txt".into(), b"a\nb\n").unwrap();
        assert_eq!(labels.check(2), Ok(()));
        assert!(labels.check(3).unwrap_err().hint.unwrap().contains("background"));
        assert!(!labels.check(1).unwrap_err().hint.unwrap().contains("background"));
    }
}
