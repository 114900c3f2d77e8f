//! `pictures`: what the C and bare-metal examples classify, from the bundled pictures.

use image::GrayImage;
use image::imageops::{FilterType, resize};
use mobilenet_tests::shared::workspace;
use std::fs;

/// Raw bytes, the first pictures one after another.
const RAW: &str = "examples/cortex-m/pictures.bin";
/// How many pictures that file has.
const COUNT: usize = 6;
/// Their height and width, those of the model's input.
const SIZE: u32 = 64;
/// The first pictures as they are, in PGM files.
const PGM: [&str; 3] = [
    "examples/c-cmake/pictures/ankle_boot.pgm",
    "examples/c-cmake/pictures/pullover.pgm",
    "examples/c-cmake/pictures/trouser.pgm",
];

/// Writes the pictures of all examples.
///
/// # Errors
/// Says what can't be read or written.
pub fn run() -> Result<(), String> {
    let write = |(file, bytes): (&str, _)| fs::write(workspace().join(file), bytes).map_err(|e| format!("{file}: {e}"));
    files()?.into_iter().try_for_each(write)
}

/// Every file with its bytes.
fn files() -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let pictures: Vec<_> = (0..COUNT).map(picture).collect::<Result<_, _>>()?;
    let mut files: Vec<_> = PGM.into_iter().zip(&pictures).map(|(file, picture)| (file, pgm(picture))).collect();
    let resized = pictures.iter().flat_map(|picture| resize(picture, SIZE, SIZE, FilterType::Triangle).into_raw());
    files.push((RAW, resized.collect()));
    Ok(files)
}

fn picture(index: usize) -> Result<GrayImage, String> {
    let path = workspace().join(format!("examples/classify/pictures/{index:03}.png"));
    Ok(image::open(&path).map_err(|e| format!("{}: {e}", path.display()))?.into_luma8())
}

fn pgm(picture: &GrayImage) -> Vec<u8> {
    let mut bytes = format!("P5\n{} {}\n255\n", picture.width(), picture.height()).into_bytes();
    bytes.extend_from_slice(picture.as_raw());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_have_the_bundled_pictures() {
        for (file, bytes) in files().expect("pictures") {
            let found = fs::read(workspace().join(file)).expect(file);
            assert!(found == bytes, "{file} is not what `cargo run -p xtask -- pictures` writes");
        }
    }
}
