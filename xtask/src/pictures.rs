//! `pictures`: what the bare-metal examples classify, as raw bytes.

use image::imageops::{FilterType, resize};
use mobilenet_tests::shared::workspace;
use std::fs;

/// How many of the bundled pictures they get.
const COUNT: usize = 6;
/// Height and width of the model's input.
const SIZE: u32 = 64;
const FILE: &str = "examples/cortex-m/pictures.bin";

/// Writes the first bundled pictures, resized for the model, one grey byte per pixel.
///
/// # Errors
/// Says what can't be read or written.
pub fn run() -> Result<(), String> {
    fs::write(workspace().join(FILE), bytes()?).map_err(|e| format!("{FILE}: {e}"))
}

fn bytes() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for index in 0..COUNT {
        let path = workspace().join(format!("examples/classify/pictures/{index:03}.png"));
        let picture = image::open(&path).map_err(|e| format!("{}: {e}", path.display()))?.into_luma8();
        bytes.extend(resize(&picture, SIZE, SIZE, FilterType::Triangle).into_raw());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_have_the_bundled_pictures() {
        let found = fs::read(workspace().join(FILE)).expect(FILE);
        assert!(found == bytes().expect("pictures"), "{FILE} is not what `cargo run -p xtask -- pictures` writes");
    }
}
