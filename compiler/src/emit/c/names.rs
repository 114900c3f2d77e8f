//! Names that are safe in C: identifiers, file names, comments.

/// Names that would shadow a standard header, be a keyword of C or C++, or meet a name of the emitted code.
const TAKEN: &[&str] = &[
    "alignas",
    "alignof",
    "asm",
    "assert",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "complex",
    "const",
    "continue",
    "ctype",
    "default",
    "delete",
    "do",
    "double",
    "else",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "f1",
    "f16",
    "f4",
    "f8",
    "false",
    "fenv",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "inttypes",
    "iso646",
    "limits",
    "locale",
    "long",
    "main",
    "math",
    "mobilenet_rt",
    "mobilenet_runtime",
    "mutable",
    "namespace",
    "new",
    "operator",
    "private",
    "protected",
    "public",
    "register",
    "restrict",
    "return",
    "setjmp",
    "short",
    "signal",
    "signed",
    "sizeof",
    "static",
    "stdalign",
    "stdarg",
    "stdatomic",
    "stdbool",
    "stddef",
    "stdint",
    "stdio",
    "stdlib",
    "stdnoreturn",
    "string",
    "struct",
    "switch",
    "template",
    "tgmath",
    "this",
    "threads",
    "throw",
    "time",
    "true",
    "try",
    "typedef",
    "typename",
    "uchar",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar",
    "wctype",
    "while",
];

/// The prefix of every symbol: `name` with everything that C does not allow replaced, `net` where nothing is left.
pub fn prefix(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(48) {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if !(c == '_' && (out.is_empty() || out.ends_with('_'))) {
            out.push(c);
        }
    }
    let mut out = out.trim_end_matches('_').to_string();
    if out.is_empty() {
        return "net".into();
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, "net_");
    }
    if TAKEN.binary_search(&out.to_ascii_lowercase().as_str()).is_ok() {
        out.push_str("_net");
    }
    out
}

/// Text that can stand in a comment: one line, printable ASCII, nothing that ends the comment or continues the line.
pub(super) fn comment(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(200) {
        out.push(match c {
            '*' | '\\' | '?' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_identifiers() {
        assert!(TAKEN.is_sorted());
        for (name, expected) in [
            ("mobilenet", "mobilenet"),
            ("MobileNet v1-0.25", "MobileNet_v1_0_25"),
            ("1.0-224", "net_1_0_224"),
            ("__x__", "x"),
            ("", "net"),
            ("日本", "net"),
            ("stdint", "stdint_net"),
            ("Int", "Int_net"),
            ("a\"; system(\"x\");//", "a_system_x"),
        ] {
            assert_eq!(prefix(name), expected, "{name:?}");
        }
    }

    #[test]
    fn comments_cannot_be_left() {
        assert_eq!(comment("a */ int x; /* \\\n??/"), "a _/ int x; /_ ____/");
    }
}
