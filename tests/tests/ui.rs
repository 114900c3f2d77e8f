//! What `mobilenet_model!` says of broken models and arguments. (What it accepts, `user_crates` runs.)

use mobilenet_compiler::onnx::author::Storage;
use mobilenet_tests::fixture;
use std::fs;
use std::path::Path;

/// The programs name models by a path relative to the crate that trybuild makes of them: `../ui-models/net.onnx`.
#[test]
fn ui() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp/ is in the target folder");
    let models = target.join("tests/trybuild/ui-models");
    // What an earlier version of this test left there would be suggested too.
    let _ = fs::remove_dir_all(&models);
    fs::create_dir_all(&models).expect("a folder for the models");
    let write = |name: &str, bytes: &[u8]| fs::write(models.join(name), bytes).expect("a model");
    let net = fixture::plain(1, Storage::Raw).to_bytes();
    write("net.onnx", &net);
    write("labels.txt", b"cat\ndog\n");
    write("truncated.onnx", &net[..net.len() / 2]);
    write("product.onnx", &fixture::product().to_bytes());
    let external = fixture::plain(1, Storage::External("missing.bin".into()));
    write("external.onnx", &external.to_bytes());

    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
