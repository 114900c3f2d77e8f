//! Placeholders of the kernel texts: `@@X` is a macro of the model, `@x` a symbol, `@h` the header's name.

/// Spells a text for a prefix.
pub(super) fn expand(text: &str, prefix: &str) -> String {
    let upper = prefix.to_ascii_uppercase();
    text.replace("@@", &format!("{upper}_"))
        .replace("\"@h\"", &format!("\"{prefix}.h\""))
        .replace('@', &format!("{prefix}_"))
}

/// Spells a text for an instruction set: `$I` suffix, `$T` attribute, `$F` vector type, `$L` its lanes.
pub(super) fn instantiate(text: &str, isa: &super::isa::Isa) -> String {
    // Blocks may be 8 wide, so kernels that handle both widths alike use at most 8 lanes.
    let lanes = isa.lanes.min(8);
    let text = text.replace("$F", &format!("@f{lanes}")).replace("$L", &lanes.to_string()).replace("$I", isa.suffix);
    if isa.attribute == "@@PLAIN" { text.replace("$T ", "") } else { text.replace("$T", isa.attribute) }
}

/// Gives the vectors of a kernel text, and what works on them, names of the model: `f8_fma` becomes `@f8_fma`.
pub(super) fn own_vectors(text: &str) -> String {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_a_name) {
        let end = rest[start..].find(|c| !of_a_name(c)).map_or(rest.len(), |length| start + length);
        out += &rest[..start];
        let name = &rest[start..end];
        if ["f1", "f4", "f8", "f16"].contains(&name.split('_').next().unwrap_or_default()) {
            out.push('@');
        }
        out += name;
        rest = &rest[end..];
    }
    out + rest
}

/// So many names, or whatever is made of their numbers, with commas between.
pub(super) fn list(count: usize, name: impl Fn(usize) -> String) -> String {
    (0..count).map(name).collect::<Vec<_>>().join(", ")
}

/// A float as a constant expression.
pub(super) fn float(x: f32) -> String {
    match x {
        x if x == f32::INFINITY => "@@INFINITY".into(),
        x if x == f32::NEG_INFINITY => "-@@INFINITY".into(),
        x if x.is_nan() => "(@@INFINITY - @@INFINITY)".into(),
        x => format!("{x:?}f"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_the_models_own() {
        let text = "static inline f8 f8_fma(f8 a, f16 *b) { return x_f8 + 0.5f + @row4(f4_set(1.0f)); } /* f32 */ typedef x f1";
        let own = "static inline @f8 @f8_fma(@f8 a, @f16 *b) { return x_f8 + 0.5f + @row4(@f4_set(1.0f)); } /* f32 */ typedef x @f1";
        assert_eq!(own_vectors(text), own);
    }
}
