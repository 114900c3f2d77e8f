//! The grid of widths and resolutions from the command line.

use serde_json::Value;
use std::process::Command;

/// Runs and asserts the exit status; gives standard output and standard error.
#[track_caller]
fn expect(status: i32, args: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    let output = command.env_remove("NO_COLOR").args(args).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (stdout, stderr)
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&expect(0, &[args, &["--format", "json"]].concat()).0).expect("JSON")
}

const GRID: [&str; 9] =
    ["explore", "--arch", "mobilenet-v1", "--alpha", "0.5,0.25", "--resolution", "64,32", "--classes", "10"];

/// Each column is what `inspect` says of the network that `new` writes, for the same target.
#[test]
fn the_grid_is_what_is_built() {
    let grid = json(&GRID);
    let points = grid["points"].as_array().expect("points");
    let at = |point: &Value| (point["width_multiplier"].as_f64(), point["resolution"].as_u64());
    let expected = [(0.5, 64), (0.5, 32), (0.25, 64), (0.25, 32)].map(|(alpha, n)| (Some(alpha), Some(n)));
    assert_eq!(points.iter().map(at).collect::<Vec<_>>(), expected);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("net.onnx").into_os_string().into_string().expect("UTF-8");
    let new =
        ["new", "--arch", "mobilenet-v1", "--alpha", "0.25", "--resolution", "64", "--classes", "10", "-o", &path];
    for (name, bits) in [("f32", &[][..]), ("int8", &["--int8"])] {
        expect(0, &[&new[..], bits].concat());
        let net = json(&["inspect", &path]);
        let point = &points[2];
        assert_eq!(point["mult_adds"], net["mult_adds"]);
        assert_eq!(point[name]["flash_bytes"], net["weight_bytes"], "{name}");
        assert_eq!(point[name]["arena_bytes"], net["arena_bytes"], "{name}");
    }
}

#[test]
fn what_fits_is_marked() {
    let limits = ["--flash", "300KB", "--ram", "1MB"];
    let grid = json(&[&GRID[..], &limits].concat());
    let fits = |point: &Value, bits: &str| point[bits]["fits"].as_bool().expect("said");
    for point in grid["points"].as_array().expect("points") {
        for bits in ["f32", "int8"] {
            let within = point[bits]["flash_bytes"].as_u64().expect("bytes") <= 300 * 1024;
            assert_eq!(fits(point, bits), within, "{point}");
        }
    }
    assert!(!fits(&grid["points"][2], "f32") && fits(&grid["points"][2], "int8"));
    let (text, _) = expect(0, &[&GRID[..], &limits].concat());
    assert!(text.lines().any(|line| line.trim_start().starts_with("0.25") && line.ends_with("  int8")), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("0.5") && line.ends_with("  none")), "{text}");
}

#[test]
fn csv_has_a_line_per_network() {
    let (csv, _) = expect(0, &[&GRID[..], &["--format", "csv"]].concat());
    let columns = |line: &str| line.split(',').count();
    assert_eq!(csv.lines().map(columns).collect::<Vec<_>>(), [10; 5]);
    assert!(csv.lines().nth(1).is_some_and(|line| line.starts_with("0.5,64,")), "{csv}");
}

#[test]
fn what_can_t_be_explored_is_refused() {
    let (_, stderr) = expect(2, &["explore", "--arch", "vgg-16"]);
    assert!(stderr.contains("vgg-16 has no widths"), "{stderr}");
    let (_, stderr) = expect(2, &["explore", "--arch", "mobilenet-v1", "--alpha", "0", "--resolution", "32"]);
    assert!(stderr.contains("α 0"), "{stderr}");
    for bad in [["--alpha", "a"], ["--resolution", "0"], ["--ram", "0"], ["--flash", "1GB"], ["--target", "z80"]] {
        expect(2, &["explore", "--arch", "mobilenet-v1", bad[0], bad[1]]);
    }
    expect(2, &["explore"]);
}
