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
