//! Text of unknown origin in a page.

use crate::text::printable;

/// Text that may stand between tags or in a quoted attribute. What controls, hides or reorders text is spelt out.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_text() {
        assert_eq!(escaped("</script><b a='\"&amp;"), "&lt;/script&gt;&lt;b a=&#39;&quot;&amp;amp;");
        assert_eq!(escaped("a\0b\u{202e}c\n"), "a\\u{0}b\\u{202e}c\\u{a}");
        assert_eq!(escaped("Conv/été_卷積"), "Conv/été_卷積");
    }
}
