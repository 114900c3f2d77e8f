//! The bundled pictures, their classes, and what the model must say of them.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// A grey picture and what it shows.
pub struct Picture {
    /// Its file.
    pub name: String,
    /// `[H, W]`, row-major.
    pub pixels: Vec<u8>,
    /// `[H, W]`
    pub size: [usize; 2],
    /// Index of the label.
    pub class: usize,
}

/// All of them.
pub struct Pictures {
    /// In the order of the index.
    pub list: Vec<Picture>,
}

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "pictures", name].iter().collect()
}

fn text(name: &str) -> Result<String, Box<dyn Error>> {
    fs::read_to_string(file(name)).map_err(|error| format!("{}: {error}", file(name).display()).into())
}

impl Pictures {
    /// Reads the index and the PNGs.
    pub fn load() -> Result<Self, Box<dyn Error>> {
        let list = text("index.tsv")?.lines().map(load).collect::<Result<_, _>>()?;
        Ok(Self { list })
    }
}

fn load(entry: &str) -> Result<Picture, Box<dyn Error>> {
    let (name, class) = entry.split_once('\t').ok_or("index.tsv: a line without a tab")?;
    let image = image::open(file(name)).map_err(|error| format!("{name}: {error}"))?.into_luma8();
    let size = [image.height() as usize, image.width() as usize];
    Ok(Picture { name: name.to_owned(), pixels: image.into_raw(), size, class: class.parse()? })
}

/// One row of float32 per picture, from the array in `expected_logits.npy`.
#[cfg(test)]
pub fn expected_logits() -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = fs::read(file("expected_logits.npy"))?;
    let header: [u8; 2] = bytes.get(8..10).ok_or("no header")?.try_into()?;
    let data = bytes.get(10 + usize::from(u16::from_le_bytes(header))..).ok_or("no data")?;
    Ok(data.as_chunks().0.iter().map(|&element| f32::from_le_bytes(element)).collect())
}
