//! Text from files and paths, as it may be printed.

use std::borrow::Cow;
use std::path::Path;

/// Text of unknown origin, fit for terminals and comments: characters that control, hide or reorder text are written as
/// `\u{...}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unprintable(c) {
            true => printed.extend(c.escape_unicode()),
            false => printed.push(c),
        }
    }
    Cow::Owned(printed)
}

/// The same of lines that belong to the text.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// A path, fit for terminals.
pub fn path(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// Controls of C0 and C1, marks of zero width, what changes the direction of text, and tags.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `most` characters of a text, its beginning and its end.
pub(crate) fn elided(text: &str, most: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= most {
        return Cow::Borrowed(text);
    }
    let (front, back) = (most * 3 / 4, most - most * 3 / 4 - 3);
    let head: String = text.chars().take(front).collect();
    let tail: String = text.chars().skip(count - back).collect();
    Cow::Owned(format!("{head} … {tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_text_is_printed() {
        assert_eq!(printable("Conv/été_卷積 ä"), "Conv/été_卷積 ä");
        assert_eq!(printable("a\x1b[2Jb\r\n\u{9b}"), "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{9b}");
        assert_eq!(
            printable("a\u{202e}b\u{200b}c\u{2066}\u{feff}\u{e0041}"),
            "a\\u{202e}b\\u{200b}c\\u{2066}\\u{feff}\\u{e0041}"
        );
        assert_eq!(printable_lines("a\nb\x07"), "a\nb\\u{7}");
        assert_eq!(path(Path::new("x\x1b/y.onnx")), "x\\u{1b}/y.onnx");
    }

    #[test]
    fn long_text_keeps_its_ends() {
        let text: String = ('a'..='z').cycle().take(100).collect();
        let short = elided(&text, 40);
        assert_eq!(short.chars().count(), 40);
        assert!(short.starts_with("abcdef") && short.ends_with(&text[94..]), "{short}");
        assert_eq!(elided("short", 40), "short");
    }
}
