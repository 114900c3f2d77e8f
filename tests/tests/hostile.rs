//! Files made to harm: they give errors, or compile to something harmless; nothing panics, nothing outside the model's
//! folder is read.

use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::onnx::author::Author;
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::{hostile, small};
use std::fs;

fn attempt(bytes: &[u8]) -> Result<(), String> {
    let compiled = Model::decode(bytes.to_vec(), None)
        .and_then(|model| Case::new("net", &model, &CostModel::default()))
        .and_then(|case| Ok((case.rust()?, case.c()?)));
    compiled.map(drop).map_err(|e| e.to_string())
}

fn refused(author: &Author) -> String {
    attempt(&author.to_bytes()).expect_err("a hostile file is refused")
}

mod files {
    use super::*;

    #[test]
    fn truncated_files_are_refused() {
        let bytes = small::tiny_v1(1).to_bytes();
        for part in hostile::truncated() {
            let _ = attempt(&part);
        }
        assert!(attempt(&bytes[..bytes.len() / 2]).is_err());
        assert!(attempt(&[]).is_err());
        assert!(attempt(&bytes).is_ok());
    }

    #[test]
    fn flipped_bytes_never_panic() {
        for damaged in hostile::flipped() {
            let _ = attempt(&damaged);
        }
    }

    #[test]
    fn oversized_dimensions_are_refused() {
        for author in hostile::oversized() {
            let said = refused(&author);
            assert!(said.contains("c1"), "{said}");
        }
    }

    #[test]
    fn a_huge_input_is_refused() {
        refused(&hostile::huge());
    }

    #[test]
    fn external_data_stays_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).expect("a folder");
        let outside = folder.path().join("outside.bin");
        fs::write(&outside, [0; 864]).expect("a file");
        #[cfg(unix)]
        std::os::unix::fs::symlink(&outside, inside.join("link.bin")).expect("a link");
        let absolute = outside.to_str().expect("UTF-8").to_owned();
        for location in ["../outside.bin", "./../outside.bin", &absolute, "link.bin", "missing.bin", "", "."] {
            let path = inside.join("net.onnx");
            fs::write(&path, hostile::external(location).to_bytes()).expect("a file");
            let said = Model::read(&path).expect_err(location).to_string();
            assert!(said.contains("external data"), "{location}: {said}");
        }
    }

    #[test]
    fn external_data_must_hold_the_tensor() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("short.bin"), [0; 100]).expect("a file");
        let path = folder.path().join("net.onnx");
        fs::write(&path, hostile::external("short.bin").to_bytes()).expect("a file");
        let said = Model::read(&path).expect_err("too short").to_string();
        assert!(said.contains("short.bin"), "{said}");
    }
}
