//! What a model is fed of a picture file: turned, grey, fitted. The model returns the top left pixel.
#![cfg(unix)]

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Node, Storage};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A scene of one file's pictures.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A model whose scores are the channels of the pixel in the top left corner.
    fn model(&self, channels: usize, [height, width]: [usize; 2]) -> PathBuf {
        let mut weights = vec![0.0; channels * channels * height * width];
        for channel in 0..channels {
            weights[(channel * channels + channel) * height * width] = 1.0;
        }
        let weights = Tensor::f32([channels, channels, height, width], weights);
        let path = self.path(&format!("corner{channels}.onnx"));
        Author::new("corner", 13)
            .input("x", DType::F32, [1, channels, height, width].map(Into::into))
            .initializer("w", &weights, Storage::Raw)
            .node(Node::new("Conv", ["x", "w"], ["c"]))
            .node(Node::new("Flatten", ["c"], ["y"]))
            .output("y", DType::F32, [1, channels].map(Into::into))
            .write(&path)
            .expect("writable");
        path
    }

    fn run(&self, model: &Path, picture: &Path, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
        command.env_remove("CC").env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).arg("run").arg(model);
        command.arg("--image").arg(picture).args(["--scale", "1/1", "--format", "json"]).args(more);
        command.output().expect("the program starts")
    }

    /// The scores in the order of the classes.
    #[track_caller]
    fn scores(&self, model: &Path, picture: &Path, more: &[&str]) -> Vec<i64> {
        let output = self.run(model, picture, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let top = json["pictures"][0]["outputs"][0]["top"].as_array().expect("classes");
        let mut scores: Vec<_> = top.iter().map(|one| (one["class"].as_u64(), one["score"].as_f64())).collect();
        scores.sort_by_key(|(class, _)| *class);
        scores.into_iter().map(|(_, score)| score.expect("a score").round() as i64).collect()
    }
}

/// OpenCV's users feed flat arrays, which the graph makes an image of: in one order of axes or the other.
#[test]
fn a_flat_input_takes_pictures() {
    let scene = Scene::new();
    let picture = scene.path("corners.png");
    corners(&picture, None);
    for (channels_last, shape) in [(false, [1i64, 3, 4, 6]), (true, [1, 4, 6, 3])] {
        let mut weights = vec![0.0; 3 * 3 * 4 * 6];
        (0..3).for_each(|channel| weights[(channel * 3 + channel) * 24] = 1.0);
        let mut author = Author::new("flat", 13)
            .input("x", DType::F32, [1.into(), 72.into()])
            .initializer("shape", &Tensor::ints(shape.as_slice()), Storage::Raw)
            .initializer("w", &Tensor::f32([3, 3, 4, 6], weights), Storage::Raw)
            .node(Node::new("Reshape", ["x", "shape"], ["i"]));
        if channels_last {
            author = author.node(Node::new("Transpose", ["i"], ["t"]).ints("perm", [0, 3, 1, 2]));
        }
        let image = if channels_last { "t" } else { "i" };
        let author = author.node(Node::new("Conv", [image, "w"], ["c"])).node(Node::new("Flatten", ["c"], ["y"]));
        let model = scene.path("flat.onnx");
        author.output("y", DType::F32, [1.into(), 3.into()]).write(&model).expect("writable");
        assert_eq!(scene.scores(&model, &picture, &[]), CORNERS[0].map(i64::from), "channels last: {channels_last}");
    }
}

/// EXIF data with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// Corners of the stored picture, each of its own colour: top left, top right, bottom left, bottom right.
const CORNERS: [[u8; 3]; 4] = [[250, 20, 30], [10, 200, 40], [60, 70, 230], [9, 8, 7]];

fn corners(path: &Path, orientation: Option<u8>) {
    let mut picture = RgbImage::new(6, 4);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        pixel.0 = CORNERS[usize::from(x >= 3) + 2 * usize::from(y >= 2)];
    }
    let mut encoder = PngEncoder::new(File::create(path).expect("writable"));
    orientation.into_iter().for_each(|orientation| encoder.set_exif_metadata(exif(orientation)).expect("PNG has EXIF"));
    encoder.write_image(&picture, 6, 4, ExtendedColorType::Rgb8).expect("writable");
}

/// TIFF 6.0, tag 274: which corner of the stored picture is at the top left of the scene.
#[test]
fn pictures_are_turned_as_their_exif_data_say() {
    let scene = Scene::new();
    let model = scene.model(3, [4, 6]);
    let path = scene.path("corners.png");
    for (orientation, corner) in [
        (None, 0),
        (Some(1), 0),
        (Some(2), 1),
        (Some(3), 3),
        (Some(4), 2),
        (Some(5), 0),
        (Some(6), 2),
        (Some(7), 3),
        (Some(8), 1),
    ] {
        corners(&path, orientation);
        let found = scene.scores(&model, &path, &["--fit", "stretch"]);
        assert_eq!(found, CORNERS[corner].map(i64::from), "{orientation:?}");
    }
}

#[test]
fn grey_is_that_of_bt_601() {
    let scene = Scene::new();
    let (model, path) = (scene.model(1, [4, 6]), scene.path("corners.png"));
    corners(&path, None);
    assert_eq!(scene.scores(&model, &path, &[]), [90]);
}

#[test]
fn pictures_of_16_bits_and_with_alpha_are_read() {
    let scene = Scene::new();
    let model = scene.model(3, [2, 2]);
    let deep = image::ImageBuffer::<image::Rgb<u16>, _>::from_pixel(2, 2, image::Rgb([0xffff, 0x8080, 0x0101]));
    deep.save(scene.path("deep.png")).expect("writable");
    assert_eq!(scene.scores(&model, &scene.path("deep.png"), &[]), [255, 128, 1]);
    let clear = image::RgbaImage::from_pixel(2, 2, image::Rgba([5, 6, 7, 0]));
    clear.save(scene.path("clear.png")).expect("writable");
    assert_eq!(scene.scores(&model, &scene.path("clear.png"), &[]), [5, 6, 7]);
}

/// As printers have colours; Pillow makes the picture and says what its colours are.
#[test]
fn cmyk_is_read_as_colours() {
    let scene = Scene::new();
    let path = scene.path("cmyk.jpg");
    let make = "
import sys
from PIL import Image
Image.new('RGB', (8, 8), (200, 120, 40)).convert('CMYK').save(sys.argv[1], quality=100)
print(*Image.open(sys.argv[1]).convert('RGB').getpixel((0, 0)))
";
    let made = Command::new("python3").args(["-c", make]).arg(&path).output();
    let Some(made) = made.ok().filter(|made| made.status.success()) else {
        eprintln!("left out: no Pillow");
        return;
    };
    let colours: Vec<i64> =
        String::from_utf8_lossy(&made.stdout).split_whitespace().filter_map(|x| x.parse().ok()).collect();
    let found = scene.scores(&scene.model(3, [8, 8]), &path, &[]);
    assert_eq!(colours.len(), 3);
    assert!(found.iter().zip(&colours).all(|(a, b)| (a - b).abs() <= 2), "{found:?} instead of {colours:?}");
}

#[test]
fn fits_differ_where_the_shape_does() {
    let scene = Scene::new();
    let model = scene.model(3, [4, 4]);
    let path = scene.path("wide.png");
    let wide = RgbImage::from_fn(8, 4, |x, _| image::Rgb([x as u8 * 10, 100, 200]));
    wide.save(&path).expect("writable");
    assert_eq!(scene.scores(&model, &path, &[]), [20, 100, 200]);
    assert_eq!(scene.scores(&model, &path, &["--fit", "crop:4"]), [20, 100, 200]);
    assert_eq!(scene.scores(&model, &path, &["--fit", "pad"]), [0, 0, 0]);
    let stretched = scene.scores(&model, &path, &["--fit", "stretch"]);
    assert!(stretched[0] > 0 && stretched[0] < 10, "{stretched:?}");
    let output = scene.run(&model, &path, &["--fit", "crop:3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a short side of 4 or more"));
}

#[test]
fn a_picture_that_is_too_large_names_itself_and_the_limit() {
    let scene = Scene::new();
    let model = scene.model(1, [4, 4]);
    let path = scene.path("wide.png");
    image::GrayImage::new(20_000, 2).save(&path).expect("writable");
    let output = scene.run(&model, &path, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for part in ["wide.png", "too large", "16384 pixels a side", "20000 x 2"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn folders_of_pictures_give_an_accuracy() {
    let scene = Scene::new();
    let model = scene.model(3, [2, 2]);
    fs::create_dir_all(scene.path("all/2/deeper")).expect("writable");
    for (folder, name, colour) in [
        ("0", "red.png", [200, 0, 0]),
        ("2", "blue.PNG", [0, 0, 200]),
        ("1", "not_green.png", [200, 0, 9]),
        ("2", "x.png", [0, 9, 8]),
    ] {
        fs::create_dir_all(scene.path("all").join(folder)).expect("writable");
        let path = scene.path("all").join(folder).join(name);
        RgbImage::from_pixel(2, 2, image::Rgb(colour))
            .save_with_format(path, image::ImageFormat::Png)
            .expect("writable");
    }
    fs::write(scene.path("all/2/notes.txt"), "no picture").expect("writable");
    let folder = scene.path("all");
    let output = scene.run(&model, &folder, &["--labels-from", "folders", "--top", "2"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["accuracy"], serde_json::json!({ "pictures": 4, "top_1": 2, "top_k": 3, "k": 2 }), "{json}");
    assert_eq!(json["pictures"].as_array().map(Vec::len), Some(4));

    let mut verify = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    verify.env_remove("CC").env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).arg("verify").arg(&model);
    verify.args(["--samples", "1", "--format", "json", "--labels-from", "folders", "--image"]).arg(&folder);
    let output = verify.output().expect("the program starts");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["agrees"], true, "{json}");
    assert_eq!(json["accuracy"]["code"], json["accuracy"]["reference"]);
    assert_eq!(json["accuracy"]["code"]["top_1"], 2);
    assert_eq!(json["inputs"].as_array().map(Vec::len), Some(5));

    fs::create_dir(scene.path("empty")).expect("writable");
    let output = scene.run(&model, &scene.path("empty"), &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no pictures in"));
}

/// The usual evaluation transform of pictures in colours and in grey, whose bytes follow each other in a file.
const PILLOW: &str = "
import sys
from PIL import Image
side, out, paths = int(sys.argv[1]), open(sys.argv[2], 'wb'), sys.argv[3:]
for mode in ['RGB', 'L']:
    for path in paths:
        picture = Image.open(path).convert('RGB').convert(mode)
        (width, height), short = picture.size, side * 256 // 224
        size = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
        left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
        out.write(picture.resize(size, Image.BILINEAR).crop((left, top, left + side, top + side)).tobytes())
";

/// `--fit crop` and grey against Pillow, within a level on average, over the pictures beside the checkout.
#[test]
fn crop_and_grey_are_those_of_pillow() {
    // The size at which ImageNet is evaluated, each seventh pixel of each seventh row; and a small one, whole.
    [(224, 7), (32, 1)].into_iter().for_each(|(side, stride)| compare_with_pillow(side, stride));
}

fn compare_with_pillow(side: usize, stride: usize) {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/images");
    let mut paths = Vec::new();
    for folder in ["rgb320x240", "rgb256", "rgb224", "rgb160"] {
        let entries = fs::read_dir(images.join(folder)).into_iter().flatten().flatten();
        let mut found: Vec<_> =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "png")).collect();
        found.sort();
        paths.extend(found.into_iter().take(3));
    }
    let pillow = Command::new("python3").args(["-c", "import PIL"]).output();
    if paths.is_empty() || !pillow.is_ok_and(|output| output.status.success()) {
        eprintln!("left out: no pictures in ../shared/images, or no Pillow");
        return;
    }
    let scene = Scene::new();
    let expected = scene.path("expected");
    let mut python = Command::new("python3");
    python.args(["-c", PILLOW, &side.to_string()]).arg(&expected).args(&paths);
    assert!(python.status().expect("starts").success());
    let expected = fs::read(expected).expect("written");
    let mut expected = expected.iter();
    for channels in [3, 1] {
        let found = pixels(&scene, channels, [side, stride], &paths);
        let seen = side / stride;
        assert_eq!(found.len(), paths.len());
        let (mut sum, mut most, mut count) = (0.0, 0.0_f64, 0);
        for pixels in &found {
            assert_eq!(pixels.len(), channels * seen * seen);
            let picture = expected.by_ref().take(channels * side * side).collect::<Vec<_>>();
            // The model's planes against Pillow's pixels.
            for at in 0..seen * seen {
                for channel in 0..channels {
                    let (row, column) = (at / seen * stride, at % seen * stride);
                    let level = f64::from(*picture[(row * side + column) * channels + channel]);
                    let apart = (pixels[channel * seen * seen + at] - level).abs();
                    (sum, most, count) = (sum + apart, most.max(apart), count + 1);
                }
            }
        }
        println!(
            "{side} x {side}, {} pictures, {channels} channels: {:.3} levels on average, {most:.2} at most",
            paths.len(),
            sum / f64::from(count)
        );
        assert!(sum / f64::from(count) < 0.5 && most < 2.0, "{channels} channels: {most}");
    }
    assert_eq!(expected.next(), None);
}

/// What a model that returns its input's pixels at a stride is fed of each picture, plane by plane.
fn pixels(scene: &Scene, channels: usize, [side, stride]: [usize; 2], paths: &[PathBuf]) -> Vec<Vec<f64>> {
    let mut weights = vec![0.0; channels * channels];
    weights.iter_mut().step_by(channels + 1).for_each(|weight| *weight = 1.0);
    let seen = side / stride;
    let shape = |side| [1, channels, side, side].map(Into::into);
    let model = scene.path(&format!("identity{channels}-{side}.onnx"));
    Author::new("identity", 13)
        .input("x", DType::F32, shape(side))
        .initializer("w", &Tensor::f32([channels, channels, 1, 1], weights), Storage::Raw)
        .node(Node::new("Conv", ["x", "w"], ["y"]).ints("strides", [stride as i64; 2]))
        .output("y", DType::F32, shape(seen))
        .write(&model)
        .expect("writable");
    let folder = scene.path("all");
    let _ = fs::create_dir(&folder);
    for (i, path) in paths.iter().enumerate() {
        fs::copy(path, folder.join(format!("{i:03}.png"))).expect("a temporary copy");
    }
    let output = scene.run(&model, &folder, &["--fit", "crop", "--top", &(channels * seen * seen).to_string()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let of_picture = |picture: &Value| {
        let mut values = vec![0.0; channels * seen * seen];
        for one in picture["outputs"][0]["top"].as_array().expect("scores") {
            values[one["class"].as_u64().expect("an index") as usize] = one["score"].as_f64().expect("a score");
        }
        values
    };
    json["pictures"].as_array().expect("pictures").iter().map(of_picture).collect()
}
