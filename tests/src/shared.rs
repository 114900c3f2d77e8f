//! The real models, their images and their expected outputs, which lie beside the checkout in `../shared`.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `../shared` beside the workspace, or why the tests that need it can't run.
///
/// # Errors
/// Says which folder is absent.
pub fn shared() -> Result<PathBuf, String> {
    let folder = workspace().join("../shared");
    if folder.join("models").is_dir() {
        folder.canonicalize().map_err(|e| e.to_string())
    } else {
        Err("../shared/models is absent".into())
    }
}

/// Element type of a model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
}

/// A real model and what it must give.
#[derive(Debug, Clone)]
pub struct RealModel {
    /// Its name, the file's stem.
    pub name: String,
    /// The ONNX file.
    pub path: PathBuf,
    /// Whether it computes in 8-bit integers.
    pub quantised: bool,
    /// Element type of the input.
    pub element: Element,
    /// Names of the images.
    pub rows: Vec<String>,
    description: Value,
    folder: PathBuf,
}

/// All models of `../shared/models`, by name.
///
/// # Errors
/// Says what is absent or can't be read.
pub fn models() -> Result<Vec<RealModel>, String> {
    described(&shared()?.join("models"))
}

/// The models that a folder has descriptions of, by name.
///
/// # Errors
/// Says what is absent or can't be read.
pub fn described(folder: &Path) -> Result<Vec<RealModel>, String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| read_model(folder, path)).collect()
}

/// The models that compute in floats.
///
/// # Errors
/// As [`models`].
pub fn float_models() -> Result<Vec<RealModel>, String> {
    Ok(models()?.into_iter().filter(|model| !model.quantised).collect())
}

fn read_model(folder: &Path, path: &Path) -> Result<RealModel, String> {
    let text = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let description: Value = serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let field = |pointer: &str| {
        description.pointer(pointer).and_then(Value::as_str).ok_or(format!("{}: no {pointer}", path.display()))
    };
    let name = field("/name")?.to_owned();
    let element = match field("/input/dtype")? {
        "FLOAT" => Element::F32,
        "UINT8" => Element::U8,
        "INT8" => Element::I8,
        other => return Err(format!("{}: input of {other}", path.display())),
    };
    let rows = description.pointer("/expected/rows").and_then(Value::as_array).into_iter().flatten();
    Ok(RealModel {
        quantised: ["qdq", "qop", "ortdyn"].iter().any(|kind| name.contains(kind)),
        path: folder.join(field("/file")?),
        element,
        rows: rows.filter_map(|row| Some(row.as_str()?.to_owned())).collect(),
        folder: folder.to_owned(),
        name,
        description,
    })
}

impl RealModel {
    /// What is expected for each image: a row per output.
    ///
    /// # Errors
    /// Says what can't be read.
    pub fn expected(&self) -> Result<Vec<Vec<Vec<f64>>>, String> {
        let expected = &self.description["expected"];
        let names = self.description["outputs"].as_array().into_iter().flatten();
        let several = names.filter_map(|output| expected["files"][output["name"].as_str()?].as_str());
        let files: Vec<&str> = expected["file"].as_str().into_iter().chain(several).collect();
        let mut rows = vec![Vec::new(); self.rows.len()];
        for file in &files {
            let found = read_npy(&self.folder.join(file))?;
            if found.len() != rows.len() {
                return Err(format!("{file}: {} rows", found.len()));
            }
            rows.iter_mut().zip(found).for_each(|(row, output)| row.push(output));
        }
        if files.is_empty() { Err(format!("{}: no expected file", self.name)) } else { Ok(rows) }
    }

    /// The bytes of the input made from an image, as the model wants them: its layout, element type and scaling.
    ///
    /// # Errors
    /// Says what can't be read or is unknown here.
    pub fn input(&self, row: &str) -> Result<Vec<u8>, String> {
        let description = &self.description;
        let [resolution, nchw, preprocessing, images] =
            ["/resolution", "/input/layout", "/preprocessing", "/images"].map(|p| description.pointer(p));
        let path = match (images.and_then(Value::as_str), resolution.and_then(Value::as_u64)) {
            (Some(pattern), _) => self.folder.join(pattern.replace("ROW", row)),
            (None, Some(resolution)) => self.folder.join(format!("../images/rgb{resolution}/{row}.png")),
            (None, None) => return Err("no resolution".into()),
        };
        let image = image::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let (pixels, channels) = match preprocessing.and_then(Value::as_str) {
            Some(text) if text.contains("one channel") => (image.to_luma8().into_raw(), 1),
            _ => (image.to_rgb8().into_raw(), 3),
        };
        let ordered: Vec<u8> = if nchw.and_then(Value::as_str) == Some("NCHW") {
            (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels).copied()).collect()
        } else {
            pixels
        };
        let mapped = |scale: &dyn Fn(usize, f32) -> f32| {
            let plane = ordered.len() / channels;
            let channel =
                |at: usize| if nchw.and_then(Value::as_str) == Some("NCHW") { at / plane } else { at % channels };
            ordered.iter().enumerate().flat_map(|(at, &x)| scale(channel(at), f32::from(x)).to_le_bytes()).collect()
        };
        let floats = |scale: fn(f32) -> f32| mapped(&|_, x| scale(x));
        match preprocessing.and_then(Value::as_str) {
            Some("x/127.5-1, RGB, float32") => Ok(floats(|x| x / 127.5 - 1.0)),
            Some("x/255, RGB, float32") => Ok(floats(|x| x / 255.0)),
            Some("(x-127)/128, RGB, float32") => Ok(floats(|x| (x - 127.0) / 128.0)),
            Some("x as float32, 0 to 255, RGB") => Ok(floats(|x| x)),
            Some(text) if text.starts_with("x/255*9-7, one channel") => Ok(floats(|x| x / 255.0 * 9.0 - 7.0)),
            Some(text) if text.starts_with("(x/255-mean)/std, mean 0.485,0.456,0.406, std 0.229,0.224,0.225, RGB") => {
                let (mean, std) = ([0.485f32, 0.456, 0.406], [0.229f32, 0.224, 0.225]);
                Ok(mapped(&|channel, x| (x / 255.0 - mean[channel]) / std[channel]))
            }
            Some("raw uint8 RGB" | "uint8 RGB as it is") => Ok(ordered),
            other => Err(format!("preprocessing {other:?} is unknown")),
        }
    }
}

/// A `.npy` file of little-endian floats, as rows along its first axis.
fn read_npy(path: &Path) -> Result<Vec<Vec<f64>>, String> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse_npy(&bytes).ok_or(format!("{} is no .npy file of float rows", path.display()))
}

/// Version 1.0 of the format: magic, version, header length, a Python dictionary, the data.
fn parse_npy(bytes: &[u8]) -> Option<Vec<Vec<f64>>> {
    let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?;
    let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
    let header = std::str::from_utf8(rest.get(2..2 + length)?).ok()?;
    let data = rest.get(2 + length..)?;
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let shape: Vec<usize> = shape.split(',').map_while(|n| n.trim().parse().ok()).collect();
    let [rows, rest @ ..] = &shape[..] else { return None };
    let columns: usize = rest.iter().product();
    if header.contains("'fortran_order': True")
        || !header.contains("'<f4'")
        || data.len() != rows * columns * 4
        || columns == 0
    {
        return None;
    }
    let values: Vec<f64> = floats(data).collect();
    Some(values.chunks(columns).map(<[f64]>::to_vec).collect())
}

/// Little-endian f32 values.
pub fn floats(bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
    bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_numpy_file() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.bytes());
        file.extend(1.5f32.to_le_bytes());
        file.extend((-2.0f32).to_le_bytes());
        assert_eq!(parse_npy(&file), Some(vec![vec![1.5], vec![-2.0]]));
        file.pop();
        assert_eq!(parse_npy(&file), None);
    }
}
