//! The IR of three small models at each stage, and what is emitted for them.
//!
//! `INSTA_UPDATE=always cargo test -p mobilenet-tests snapshots` blesses what is printed now.

use mobilenet_compiler::emit::Files;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::small;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The version of the compiler.
const VERSION: &str = "0.1.0";

/// Files of numbers are shown as their hash and length; what changes without the compiler's doing is redacted.
fn show(files: &Files) -> String {
    let mut text = String::new();
    for (name, bytes) in files.iter() {
        let _ = writeln!(text, "==> {name}");
        match std::str::from_utf8(bytes) {
            Ok(source) if !name.contains("weights") => text.push_str(&redact(source)),
            _ => {
                let hash: String = Sha256::digest(bytes).iter().take(4).map(|b| format!("{b:02x}")).collect();
                let _ = writeln!(text, "[{} bytes, {hash}]", bytes.len());
            }
        }
    }
    text
}

fn redact(source: &str) -> String {
    let mut text = String::new();
    for line in source.lines() {
        let line = line.replace(VERSION, "[version]");
        match line.split_once("sha256: ") {
            Some((before, _)) => text.push_str(&format!("{before}sha256: [hash]")),
            None => text.push_str(&line),
        }
        text.push('\n');
    }
    text
}

mod snapshots {
    use super::*;

    #[test]
    fn small_models() {
        for (name, author) in small::all() {
            let case = Case::authored(name, &author, &CostModel::default()).expect("a small model compiles");
            let stages = [
                ("graph", case.graph.to_string()),
                ("canonical", case.canonical.to_string()),
                ("network", case.plan.network.to_string()),
                ("plan", case.plan.to_string()),
                ("rust", show(&case.rust().expect("Rust").files)),
                // One set of kernels is enough to review.
                ("c", show(&case.c_for(Target::Generic).expect("C").files)),
            ];
            for (stage, text) in stages {
                insta::assert_snapshot!(format!("{name}_{stage}"), text);
            }
        }
    }
}
