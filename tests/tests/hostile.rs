//! Files made to harm: they give errors, or compile to something harmless; nothing panics, nothing outside the model's
//! folder is read.

use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::onnx::author::{Author, Node, Storage};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::small;
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

mod hostile {
    use super::*;

    #[test]
    fn truncated_files_are_refused() {
        let bytes = small::tiny_v1(1).to_bytes();
        for length in (0..bytes.len()).step_by(97).chain(bytes.len() - 40..bytes.len()) {
            // Cut between two fields a protobuf message is another, smaller message: it may even be a model.
            let _ = attempt(&bytes[..length]);
        }
        assert!(attempt(&bytes[..bytes.len() / 2]).is_err());
        assert!(attempt(&[]).is_err());
        assert!(attempt(&bytes).is_ok());
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let bytes = small::tiny_bytes().to_bytes();
        for at in (0..bytes.len()).step_by(13) {
            for flip in [0xff, 0x80, 0x01] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let _ = attempt(&damaged);
            }
        }
    }

    #[test]
    fn oversized_dimensions_are_refused() {
        for dims in [vec![i64::MAX, i64::MAX], vec![1 << 31, 1 << 31, 1 << 31], vec![-1, 4], vec![1 << 40]] {
            let mut author = small::tiny_v1(1);
            let weights = &mut author.message().graph.mut_or_insert_default().initializer[0];
            weights.dims = dims.clone();
            let said = refused(&author);
            assert!(said.contains("c1"), "{dims:?}: {said}");
        }
    }

    #[test]
    fn a_huge_input_is_refused() {
        let author = Author::new("huge", 13)
            .input("x", DType::F32, [1.into(), 3.into(), (1i64 << 31).into(), (1i64 << 31).into()])
            .initializer("w", &Tensor::f32([8, 3, 3, 3], vec![0.1; 216]), Storage::Raw)
            .node(Node::new("Conv", ["x", "w"], ["y"]))
            .output("y", DType::F32, [1.into(), 8.into(), "h".into(), "w".into()]);
        refused(&author);
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
            let mut author = small::tiny_v1(1);
            externalise(&mut author, location);
            let path = inside.join("net.onnx");
            fs::write(&path, author.to_bytes()).expect("a file");
            let said = Model::read(&path).expect_err(location).to_string();
            assert!(said.contains("external data"), "{location}: {said}");
        }
    }

    #[test]
    fn external_data_must_hold_the_tensor() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("short.bin"), [0; 100]).expect("a file");
        let mut author = small::tiny_v1(1);
        externalise(&mut author, "short.bin");
        let path = folder.path().join("net.onnx");
        fs::write(&path, author.to_bytes()).expect("a file");
        let said = Model::read(&path).expect_err("too short").to_string();
        assert!(said.contains("short.bin"), "{said}");
    }

    /// Moves the first initialiser's data to a side file that is not written.
    fn externalise(author: &mut Author, location: &str) {
        let donor = Author::new("", 13).initializer("w", &Tensor::f32([1], vec![0.0]), Storage::External("f".into()));
        let mut donor = donor;
        let mut entry = donor.message().graph.mut_or_insert_default().initializer[0].external_data[0].clone();
        let weights = &mut author.message().graph.mut_or_insert_default().initializer[0];
        let kind = donor.message().graph.mut_or_insert_default().initializer[0].data_location;
        entry.value = location.into();
        weights.external_data = vec![entry];
        weights.raw_data.clear();
        weights.data_location = kind;
    }
}
