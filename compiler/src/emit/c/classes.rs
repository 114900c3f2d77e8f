//! Names of the classes, and their ranking.

use super::source::kernel;
use super::{COptions, Kernels};
use crate::graph::DType;
use crate::plan::Plan;
use std::fmt::Write;

/// For `net.h`; empty where neither was asked for.
pub(super) fn declarations(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.classes.labels.is_none() && plan.classes.top_k.is_none() {
        return text;
    }
    let _ = write!(text, "\n/* Scores of one image. */\n#define @@CLASSES {}\n", plan.class_count());
    if plan.classes.labels.is_some() {
        text +=
            "\n/* The name of a class in UTF-8; NULL where there is no such class. */\nconst char *@label(int i);\n";
    }
    if let Some(k) = plan.classes.top_k {
        let _ = write!(
            text,
            "\n#define @@TOP_K {k}\n\n\
             /* The @@TOP_K best of the @@CLASSES scores of one image: the largest first, equal ones by class, NaN behind\n \
             * every number. */\nvoid @top_k(const @@OUTPUT_TYPE *output, int classes[@@TOP_K]);\n"
        );
    }
    text
}

/// For `net.c`.
pub(super) fn definitions(plan: &Plan, options: &COptions) -> String {
    let mut text = String::new();
    if let Some(labels) = &plan.classes.labels {
        let literals: Vec<String> = labels.iter().map(|label| format!("    {}", literal(label))).collect();
        text += &kernel!("label").replace("%LABELS%", &literals.join(",\n"));
    }
    if plan.classes.top_k.is_some() {
        let halves = plan.network.outputs.first().is_some_and(|output| output.port.dtype == DType::F16);
        // Kernels that read float16 have brought the function along.
        if halves && (options.kernels == Kernels::Runtime || plan.network.input.dtype != DType::F16) {
            text += &kernel!("half").replace("%NAME%", "half");
        }
        text += &if halves { halves_ranked() } else { kernel!("top_k").to_string() };
    }
    text
}

/// The ranking of float16.
fn halves_ranked() -> String {
    kernel!("top_k")
        .replace("above(@@OUTPUT_TYPE a, @@OUTPUT_TYPE b)", "above(float a, float b)")
        .replace("output[i]", "@half(output[i])")
        .replace("output[classes[place - 1]]", "@half(output[classes[place - 1]])")
}

/// A string literal of these bytes, whatever character set the compiler reads: everything but letters, digits, spaces and
/// harmless signs is escaped in octal, which always has three digits.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b" -_.,;:!()[]/'&+*=".contains(&byte) {
            literal.push(char::from(byte));
        } else {
            let _ = write!(literal, "\\{byte:03o}");
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn nothing_leaves_a_literal() {
        assert_eq!(literal("T-shirt/top"), r#""T-shirt/top""#);
        assert_eq!(literal("a\"b\\c?"), r#""a\042b\134c\077""#);
        assert_eq!(literal("é@7%"), r#""\303\251\1007\045""#);
    }
}
