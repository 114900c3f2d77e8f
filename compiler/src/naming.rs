//! Names that a model's file gives to what is emitted for it.

use std::path::Path;

use crate::Problem;

/// The Rust type of a model file: its stem in CamelCase, made an identifier. Anything but ASCII letters and digits separates
/// words; an underscore stays between digits. `mobilenet_v1-0.25.onnx` gives `MobilenetV1_0_25`.
///
/// ```
/// use mobilenet_compiler::naming::type_name;
/// use std::path::Path;
///
/// assert_eq!(type_name(Path::new("models/mobilenet_v1-0.25.onnx")), "MobilenetV1_0_25");
/// assert_eq!(type_name(Path::new("224.onnx")), "Model224");
/// ```
pub fn type_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = String::new();
    for word in stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        if name.ends_with(|c: char| c.is_ascii_digit()) && first.starts_with(|c: char| c.is_ascii_digit()) {
            name.push('_');
        }
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    match name.as_str() {
        "" | "Self" => name.push_str("Model"),
        _ if name.starts_with(|c: char| c.is_ascii_digit()) => name.insert_str(0, "Model"),
        _ => {}
    }
    name
}

/// Words that no field may be called: keywords of Rust, C or C++, macros and types of their headers.
const RESERVED: &[&str] = &[
    "abstract",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "async",
    "auto",
    "await",
    "become",
    "bitand",
    "bitor",
    "bool",
    "box",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "compl",
    "const",
    "const_cast",
    "constexpr",
    "continue",
    "crate",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dyn",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "final",
    "float",
    "fn",
    "for",
    "friend",
    "gen",
    "goto",
    "if",
    "impl",
    "in",
    "inline",
    "int",
    "let",
    "linux",
    "long",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "offsetof",
    "operator",
    "or",
    "or_eq",
    "override",
    "priv",
    "private",
    "protected",
    "pub",
    "public",
    "ref",
    "register",
    "reinterpret_cast",
    "restrict",
    "return",
    "self",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "super",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "trait",
    "true",
    "try",
    "type",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsafe",
    "unsigned",
    "unsized",
    "use",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "where",
    "while",
    "xor",
    "xor_eq",
    "yield",
];

/// Fields that hold a model's outputs, named after them: in small letters, anything but ASCII letters and digits separates words
/// by one underscore. Where that gives no name or one that is reserved, `output` stands in front; equal ones get numbers.
///
/// ```
/// let names = ["Identity:0", "class", "StatefulPartitionedCall/scores", "345", "identity.0"];
/// let fields = mobilenet_compiler::naming::fields(names);
/// assert_eq!(fields, ["identity_0", "output_class", "stateful_partitioned_call_scores", "output_345", "identity_0_2"]);
/// ```
pub fn fields<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for name in names {
        let first = field(name);
        let mut unique = first.clone();
        let mut number = 2;
        while fields.contains(&unique) {
            unique = format!("{first}_{number}");
            number += 1;
        }
        fields.push(unique);
    }
    fields
}

fn field(name: &str) -> String {
    const LONGEST: usize = 60;
    let mut field = String::new();
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if (begins || !c.is_ascii_alphanumeric()) && !field.is_empty() && !field.ends_with('_') {
            field.push('_');
        }
        if c.is_ascii_alphanumeric() && field.len() < LONGEST {
            field.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    let field = field.trim_end_matches('_');
    match field {
        "" => "output".into(),
        field if field.starts_with(|c: char| c.is_ascii_digit()) || RESERVED.binary_search(&field).is_ok() => {
            format!("output_{field}")
        }
        field => field.into(),
    }
}

/// Checks a type name that the user chose.
///
/// # Errors
/// A [`Problem`] where it is no Rust identifier that may name a type.
pub fn check_type_name(name: &str) -> Result<(), Problem> {
    if name != "_" && syn::parse_str::<syn::Ident>(name).is_ok() {
        return Ok(());
    }
    Err(Problem::new("the chosen name can't name a type")
        .expected("a Rust identifier, like `Classifier`", format!("{name:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_different_identifiers() {
        assert!(RESERVED.is_sorted());
        let names = ["", "/", "é", "a b", "a/b", "A_B", "self", "int", "9", "__x__", "output"];
        let expected =
            ["output", "output_2", "output_3", "a_b", "a_b_2", "a_b_3", "output_self", "output_int", "output_9", "x"];
        let fields = fields(names);
        assert_eq!(fields[..10], expected);
        assert_eq!(fields[10], "output_4");
        for field in fields {
            assert!(syn::parse_str::<syn::Ident>(&field).is_ok(), "{field}");
        }
    }

    #[test]
    fn every_file_gives_an_identifier() {
        let names = [
            ("net.onnx", "Net"),
            ("dir.d/mnv1_a025_224_in1k.onnx", "Mnv1A025_224In1k"),
            ("my net (copy).onnx", "MyNetCopy"),
            ("self.onnx", "SelfModel"),
            ("ünïcode.onnx", "NCode"),
            ("カエル.onnx", "Model"),
            ("..", "Model"),
            ("a.b.onnx", "AB"),
            ("\"; } fn main() {", "FnMain"),
        ];
        for (path, name) in names {
            assert_eq!(type_name(Path::new(path)), name, "{path}");
            assert_eq!(check_type_name(name), Ok(()));
        }
    }

    #[test]
    fn chosen_names_are_checked() {
        for name in ["", "_", "fn", "Self", "a b", "1a", "A;B"] {
            assert!(check_type_name(name).is_err(), "{name}");
        }
    }
}
