//! Every dependency's licence is one that `deny.toml` allows: what `cargo deny check licenses` asks, without that tool.

use mobilenet_tests::program::{c, check};
use mobilenet_tests::shared::workspace;
use serde_json::Value;
use std::process::Command;

/// The strings of the first array behind `key` in a TOML text.
fn strings<'a>(toml: &'a str, key: &str) -> Vec<&'a str> {
    let array = toml.split_once(key).and_then(|(_, rest)| rest.split_once('[')?.1.split_once(']')).map_or("", |x| x.0);
    array.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression (or the older form with slashes) can be satisfied by the allowed licences.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ");
    // AND binds more tightly than OR; in brackets stands at most one side of an AND.
    let either = |text: &str| text.split(" OR ").any(|licence| allowed.contains(&licence.trim()));
    if let Some((left, right)) = expression.split_once(") AND ") {
        return either(left.trim_start_matches('(')) && either(right.trim_matches(['(', ')']));
    }
    expression.split(" OR ").any(|all| all.split(" AND ").all(|licence| allowed.contains(&licence.trim())))
}

#[test]
fn expressions_are_read() {
    let allowed = ["MIT", "Unicode-3.0"];
    for good in
        ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "MIT AND Unicode-3.0"]
    {
        assert!(satisfied(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR Apache-2.0) AND MIT", "GPL-3.0 OR MIT AND ISC"] {
        assert!(!satisfied(bad, &allowed), "{bad}");
    }
}

#[test]
fn every_licence_is_allowed() {
    let toml = std::fs::read_to_string(workspace().join("deny.toml")).expect("deny.toml");
    let allowed = strings(&toml, "\nallow = ");
    let (excepted, exception) = (strings(&toml, "exceptions = [{ allow = "), "onnx-protobuf");
    assert!(allowed.contains(&"MIT") && excepted == ["MPL-2.0"] && toml.contains(exception));
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version=1", "--offline", "--filter-platform", c::HOST]);
    let text = check(command.current_dir(workspace())).expect("cargo metadata");
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 20);
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        let excepted = name == exception && satisfied(licence, &excepted);
        assert!(excepted || satisfied(licence, &allowed), "{name} is under {licence:?}");
    }
}
