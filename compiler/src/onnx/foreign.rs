//! Files that people take for ONNX models, known by their first bytes.

use crate::diagnostic::Problem;

/// What a file is, and how to get ONNX from it.
struct Format {
    is: fn(&[u8]) -> bool,
    what: &'static str,
    remedy: &'static str,
}

const TORCH: &str = "load it in Python and export it: torch.onnx.export(model.eval(), example, \"model.onnx\")";
const KERAS: &str = "load it in Python and export it: model.export(\"model.onnx\", format=\"onnx\"), or tf2onnx.convert.from_keras(model)";
const UNPACK: &str = "unpack it, and give the .onnx file in it";

/// The first that fits counts.
const FORMATS: [Format; 24] = [
    Format { is: |b| b.is_empty(), what: "an empty file", remedy: "fetch or export the model again" },
    Format {
        is: is_lfs_pointer,
        what: "a Git LFS pointer, not the model",
        remedy: "fetch the model with git lfs pull",
    },
    Format {
        is: |b| b.get(4..8) == Some(b"TFL3"),
        what: "a TensorFlow Lite model",
        remedy: "convert it: python -m tf2onnx.convert --tflite model.tflite --output model.onnx",
    },
    Format {
        is: |b| b.get(4..8) == Some(b"ORTM"),
        what: "a model in onnxruntime's own format (.ort)",
        remedy: "give the ONNX file that it was made from",
    },
    Format { is: |b| is_zip(b) && has(b, b"model.weights.h5"), what: "a Keras model (.keras)", remedy: KERAS },
    Format {
        is: |b| is_zip(b) && (has(b, b"data.pkl") || has(b, b"/version")),
        what: "a PyTorch file (.pt, .pth)",
        remedy: TORCH,
    },
    Format { is: is_zip, what: "a zip archive", remedy: UNPACK },
    Format {
        is: |b| b.len() > 2 && b[0] == 0x80 && (2..=5).contains(&b[1]),
        what: "a Python pickle, as PyTorch saves (.pt, .pth)",
        remedy: TORCH,
    },
    Format { is: |b| b.starts_with(b"\x89HDF\r\n\x1a\n"), what: "an HDF5 file, as Keras saves (.h5)", remedy: KERAS },
    Format {
        is: is_safetensors,
        what: "a file of weights alone (.safetensors)",
        remedy: "load them into their network in Python and export that: torch.onnx.export(model.eval(), example, \"model.onnx\")",
    },
    Format {
        is: |b| b.starts_with(&[0x1f, 0x8b]),
        what: "compressed by gzip",
        remedy: "unpack it with gunzip (or tar xzf), and give the .onnx file in it",
    },
    Format {
        is: |b| {
            b.starts_with(b"BZh")
                || b.starts_with(b"\xfd7zXZ\0")
                || b.starts_with(b"\x28\xb5\x2f\xfd")
                || b.starts_with(b"7z\xbc\xaf")
        },
        what: "compressed (bzip2, xz, zstd or 7z)",
        remedy: UNPACK,
    },
    Format { is: |b| b.get(257..262) == Some(b"ustar"), what: "a tar archive", remedy: UNPACK },
    Format {
        is: |b| b.starts_with(b"\x93NUMPY"),
        what: "a NumPy array",
        remedy: "give the ONNX file; arrays are inputs of mobilenetc verify",
    },
    Format {
        is: |b| b.starts_with(b"7767517"),
        what: "an ncnn network (.param)",
        remedy: "give the ONNX file that it was converted from",
    },
    Format {
        is: |b| text(b, b"<?xml") && has(b, b"<net "),
        what: "an OpenVINO network (.xml)",
        remedy: "give the ONNX file that it was converted from",
    },
    Format {
        is: |b| text(b, b"<!doctype html") || text(b, b"<html"),
        what: "a web page: the download gave no model",
        remedy: "fetch the file itself, by its raw or download address",
    },
    Format {
        is: |b| text(b, b"{") && has(b, b"modelTopology"),
        what: "a TensorFlow.js model",
        remedy: "convert it: python -m tf2onnx.convert --tfjs model.json --output model.onnx",
    },
    Format {
        is: |b| text(b, b"{") && has(b, b"opsetImport"),
        what: "an ONNX model in JSON",
        remedy: "save it in ONNX's binary form: onnx.save(onnx.load(\"model.json\", format=\"json\"), \"model.onnx\")",
    },
    Format {
        is: |b| text(b, b"<") && has(b, b"opset_import"),
        what: "an ONNX model as text",
        remedy: "save it in ONNX's binary form: onnx.save(onnx.load(\"model.onnxtxt\", format=\"onnxtxt\"), \"model.onnx\")",
    },
    Format {
        is: |b| text(b, b"[net]"),
        what: "a Darknet network (.cfg)",
        remedy: "export it to ONNX from the framework that trained it",
    },
    Format {
        is: |b| text(b, b"name:") && has(b, b"layer"),
        what: "a Caffe network (.prototxt)",
        remedy: "export it to ONNX from the framework that trained it",
    },
    Format {
        is: |b| b.starts_with(&[8, 1, 18]) && (has(b, b"serve") || has(b, b"saved_model")),
        what: "a TensorFlow SavedModel",
        remedy: "convert its folder: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx",
    },
    Format {
        is: is_graph_def,
        what: "a frozen TensorFlow graph (.pb)",
        remedy: "convert it: python -m tf2onnx.convert --graphdef model.pb --inputs NAME:0 --outputs NAME:0 --output model.onnx",
    },
];

/// The problem of a file of another format.
pub(super) fn foreign(bytes: &[u8]) -> Option<Problem> {
    let format = FORMATS.iter().find(|format| (format.is)(bytes))?;
    Some(problem(format.what, format.remedy))
}

/// The same for what prost can't tell from ONNX by its first bytes, once there turned out to be no graph in it.
pub(super) fn without_graph(bytes: &[u8]) -> Option<Problem> {
    is_core_ml(bytes)
        .then(|| problem("a Core ML model", "give the ONNX file, or export one where the model was trained"))
}

fn problem(what: &str, remedy: &str) -> Problem {
    Problem::new(format!("this is no ONNX model: it is {what}")).hint(remedy)
}

pub(super) fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs")
}

fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// A header of JSON, its length in front.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    rest.starts_with(b"{\"")
        && length <= rest.len() as u64
        && rest.get(length as usize - 1).is_some_and(|&b| matches!(b, b'}' | b' '))
}

/// `GraphDef`: field 1 holds a node, whose field 1 is its name, and field 2 its operator.
fn is_graph_def(bytes: &[u8]) -> bool {
    let node = || {
        let bytes = bytes.strip_prefix(&[0x0a])?;
        let (_, bytes) = varint(bytes)?;
        let (name, bytes) = varint(bytes.strip_prefix(&[0x0a])?)?;
        let bytes = bytes.get(name..)?.strip_prefix(&[0x12])?;
        let (op, bytes) = varint(bytes)?;
        let op = bytes.get(..op)?;
        Some(!op.is_empty() && op.iter().all(u8::is_ascii_alphanumeric))
    };
    node() == Some(true)
}

/// A version, then a description that begins with that of an input.
fn is_core_ml(bytes: &[u8]) -> bool {
    let description = || {
        let bytes = bytes.strip_prefix(&[0x08])?.get(1..)?.strip_prefix(&[0x12])?;
        let (_, bytes) = varint(bytes)?;
        Some(bytes.starts_with(&[0x0a]) || bytes.starts_with(&[0x52]))
    };
    description() == Some(true)
}

/// A length as protobuf writes it, and what follows.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// Text that begins with these words, in small or capital letters.
fn text(bytes: &[u8], begin: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bytes.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin))
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use crate::onnx::Model;
    use crate::onnx::author::Author;

    fn said(bytes: &[u8]) -> String {
        Model::decode(bytes.to_vec(), None).unwrap_err().to_string()
    }

    /// The first bytes of each are those that its format's own document gives.
    #[test]
    fn foreign_files_are_known() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let mut safetensors = 16u64.to_le_bytes().to_vec();
        safetensors.extend(b"{\"w\":{}}        data");
        let graph_def = b"\x0a\x16\x0a\x05input\x12\x0bPlaceholder0\x00";
        let files: [(&[u8], &str, &str); 27] = [
            (b"", "an empty file", "again"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS pointer", "git lfs pull"),
            (b"\x1c\0\0\0TFL3\x14\0 \0", "TensorFlow Lite", "--tflite"),
            (b"\x1c\0\0\0ORTM\x14\0 \0", ".ort", "ONNX file that it was made from"),
            (b"PK\x03\x04\0\0\0\0\0\0config.json\0model.weights.h5", "Keras", "model.export"),
            (b"PK\x03\x04\0\0\0\0\0\0net/data.pkl\0net/data/0", "PyTorch", "torch.onnx.export"),
            (b"PK\x03\x04\0\0\0\0\0\0net.onnx", "zip archive", "unpack"),
            (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "pickle", "torch.onnx.export"),
            (b"\x89HDF\r\n\x1a\n\0\0\0\0", "HDF5", "model.export"),
            (&safetensors, ".safetensors", "torch.onnx.export"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "gzip", "gunzip"),
            (b"BZh91AY&SY", "bzip2", "unpack"),
            (b"\xfd7zXZ\0\0\x04", "xz", "unpack"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd", "unpack"),
            (&tar, "tar archive", "unpack"),
            (b"\x93NUMPY\x01\0v\0", "NumPy", "ONNX file"),
            (b"7767517\n75 83\nInput data 0 1 data", "ncnn", "ONNX file"),
            (b"<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">", "OpenVINO", "ONNX file"),
            (b"\n<!DOCTYPE html>\n<html>", "web page", "raw"),
            (b"{\"format\": \"graph-model\", \"modelTopology\": {}}", "TensorFlow.js", "--tfjs"),
            (b"{\n \"irVersion\": \"8\", \"opsetImport\": []}", "JSON", "onnx.save"),
            (b"<ir_version: 8, opset_import: [\"\" : 13]>\ng (float[1] x)", "as text", "onnx.save"),
            (b"[net]\nbatch=1", "Darknet", "export"),
            (b"name: \"MobileNet\"\nlayer {\n", "Caffe", "export"),
            (b"\x08\x01\x12\x20\x0a\x10\x22\x05serve*\x02v2", "SavedModel", "--saved-model"),
            (graph_def, "frozen TensorFlow graph", "--graphdef"),
            (b"\x08\x04\x12\x06\x0a\x04\x0a\x02in\xa2\x1f\0", "Core ML", "ONNX file"),
        ];
        for (bytes, what, remedy) in files {
            let text = said(bytes);
            assert!(text.starts_with("this is no ONNX model: it is ") && text.contains(what), "{what}: {text}");
            assert!(text.contains("\n    hint: ") && text.contains(remedy), "{what}: {text}");
        }
        // What is none of them is not guessed at.
        let cut = Author::new("net", 13).to_bytes();
        assert!(!said(&cut[..cut.len() - 3]).contains("it is a"));
        assert!(said(&[0xff; 32]).contains("not an ONNX model, or it is cut short"));
    }
}
