//! The expansion as a source file, with its weights beside it.

use super::{RustOptions, Weights, expand};
use crate::diagnostic::{Error, Problem};
use crate::emit::{Files, Provenance};
use crate::plan::Plan;
use proc_macro2::Ident;
use quote::quote;

/// `STEM.rs` and `STEM.bin`: a module that defines the public type `name`, and the packed weights it includes.
///
/// # Errors
///
/// A name that can't name a type or a file.
pub fn files(plan: &Plan, name: &str, stem: &str, provenance: &Provenance) -> Result<Files, Error> {
    let name: Ident = syn::parse_str(name).map_err(|_| {
        Problem::new("the name can't name a type").expected("a Rust identifier, like `Classifier`", format!("{name:?}"))
    })?;
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if stem.is_empty() || !stem.chars().all(harmless) {
        let problem = Problem::new("the name can't name a file");
        return Err(problem.expected("ASCII letters, digits, `_` and `-`", format!("{stem:?}")).into());
    }
    let weights = format!("{stem}.bin");
    let options = RustOptions {
        name,
        visibility: quote!(pub),
        attributes: quote!(),
        runtime: quote!(::mobilenet_runtime),
        weights: Weights::Include(weights.clone()),
        tracked: Vec::new(),
    };
    let parsed = syn::parse2(expand(plan, &options))
        .map_err(|error| Problem::new(format!("the emitted code can't be parsed: {error}")))?;
    let mut text = String::new();
    for line in provenance.lines() {
        text.push_str(&format!("// {line}\n"));
    }
    text.push('\n');
    text.push_str(&prettyplease::unparse(&parsed));
    let mut files = Files::new();
    files.insert(format!("{stem}.rs"), text);
    files.insert(weights, plan.weights.clone());
    Ok(files)
}
