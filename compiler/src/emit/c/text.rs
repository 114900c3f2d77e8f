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
    let text = text.replace("$F", &format!("f{lanes}")).replace("$L", &lanes.to_string()).replace("$I", isa.suffix);
    if isa.attribute == "@@PLAIN" { text.replace("$T ", "") } else { text.replace("$T", isa.attribute) }
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
