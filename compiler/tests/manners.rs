//! How the command line treats the machine it runs on: compilers, caches, temporary folders, files of others.
#![cfg(unix)]

use nix::pty::{Winsize, openpty};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn fashion() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/classify/model/fashion_a025_64.onnx")
}

/// The program with a cache of its own.
fn mobilenetc(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mobilenetc"));
    command.env_remove("CC").env_remove("NO_COLOR").env("XDG_CACHE_HOME", folder.join("cache"));
    command
}

fn said(output: &Output) -> String {
    // Long lines are broken where it suits the terminal.
    let text = String::from_utf8_lossy(&output.stderr);
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn fails(command: &mut Command, parts: &[&str]) {
    let output = command.output().expect("the program starts");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A script in place of a compiler.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("cc.sh");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("one's own file");
    path
}

fn picture() -> PathBuf {
    fashion().with_file_name("../pictures/000.png")
}

#[test]
fn a_useless_compiler_is_named_with_what_named_it() {
    let folder = folder();
    let (model, picture) = (fashion(), picture());
    let run: Vec<_> = [Path::new("run"), &model, Path::new("--image"), &picture].map(Path::to_path_buf).to_vec();
    let verify: Vec<_> = [Path::new("verify"), &model].map(Path::to_path_buf).to_vec();
    for arguments in [run, verify] {
        let with_cc = |cc: &str| {
            let mut command = mobilenetc(folder.path());
            command.env("CC", cc).args(&arguments);
            command
        };
        fails(&mut with_cc("false"), &["$CC names \"false\"", "no C compiler", "status: 1", "unset CC"]);
        fails(&mut with_cc("no-such-cc"), &["$CC names \"no-such-cc\"", "is not there"]);
        fails(mobilenetc(folder.path()).args(&arguments).args(["--cc", "false"]), &["--cc names \"false\""]);
        let elsewhere = script(folder.path(), "[ \"$1\" = -dumpmachine ] && echo arm-none-eabi; exit 0");
        let elsewhere = elsewhere.to_str().expect("UTF-8");
        fails(&mut with_cc(elsewhere), &["$CC names", "compiles for arm-none-eabi, not for this machine"]);
    }
}

/// The second `run`, `verify` and `bench` of a model compile nothing.
#[test]
fn what_was_built_is_kept() {
    if Command::new("cc").arg("--version").output().is_err() {
        return;
    }
    let folder = folder();
    let log = folder.path().join("log");
    let cc = script(
        folder.path(),
        &format!("case \"$*\" in *-shared*) echo built >> '{}';; esac; exec cc \"$@\" -O0", log.display()),
    );
    let mut built = 0;
    for (more, fresh) in [
        (&["verify", "--samples", "1"][..], 1),
        (&["verify", "--samples", "2"], 0),
        (&["bench", "--runs", "1"], 1),
        (&["bench", "--runs", "1"], 0),
        (&["verify", "--samples", "1", "--resolution", "32x32"], 1),
    ] {
        let mut command = mobilenetc(folder.path());
        command.arg(more[0]).arg(fashion()).args(&more[1..]).arg("--cc").arg(&cc);
        let output = command.output().expect("the program starts");
        assert!(output.status.success(), "{more:?}: {}", said(&output));
        built += fresh;
        let found = fs::read_to_string(&log).expect("the script ran").lines().count();
        assert_eq!(found, built, "{more:?}");
    }
    let kept = fs::read_dir(folder.path().join("cache/mobilenetc/code")).expect("the cache").count();
    assert_eq!(kept, 3);
}

/// What a command writes to standard error where that is a terminal; standard output is a pipe.
fn on_a_terminal(mut command: Command) -> String {
    let size = Winsize { ws_row: 24, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).expect("a pseudo-terminal");
    command.env("TERM", "xterm").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(terminal.slave);
    let child = command.spawn().expect("the program starts");
    // Its end of the terminal; with the child's, the last one is closed.
    drop(command);
    let shown = std::thread::spawn(move || {
        let (mut shown, mut master) = (Vec::new(), File::from(terminal.master));
        // Linux ends a terminal that nobody writes to any more with an error.
        let _ = master.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let output = child.wait_with_output().expect("ends");
    let shown = shown.join().expect("reads to the end");
    assert!(output.status.success(), "{shown}");
    assert!(!output.stdout.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stdout));
    shown
}

/// Whatever takes longer than a second says what it is at, to people alone.
#[test]
fn what_takes_long_shows_progress_on_terminals_alone() {
    if Command::new("cc").arg("--version").output().is_err() {
        return;
    }
    let pictures = picture().with_file_name("");
    let pictures = pictures.to_str().expect("UTF-8");
    for (arguments, messages) in [
        (&["run", "--image", pictures, "--format", "json"][..], &["cc.sh compiles", "classifying"][..]),
        (&["verify", "--samples", "40"], &["cc.sh compiles", "comparing with the reference"]),
        (&["bench"], &["cc.sh compiles", "with clocks", "measuring"]),
        (&["bench", "--compare-plans", "--runs", "1"], &["building plans", "plans in turn"]),
    ] {
        let folder = folder();
        let cc = script(folder.path(), "exec cc \"$@\" -O0");
        let command = || {
            let mut command = mobilenetc(folder.path());
            command.arg(arguments[0]).arg(fashion()).args(&arguments[1..]).arg("--cc").arg(&cc);
            command
        };
        let shown = on_a_terminal(command());
        for message in messages {
            assert!(shown.contains(message), "{arguments:?}: no {message:?} in {shown:?}");
        }
        let output = command().output().expect("the program starts");
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn an_interrupted_build_leaves_no_temporary_folder() {
    let folder = folder();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).expect("writable");
    let cc = script(folder.path(), "case \"$*\" in *-shared*) sleep 5;; esac; exit 0");
    let mut command = mobilenetc(folder.path());
    command.arg("verify").arg(fashion()).arg("--cc").arg(&cc).env("TMPDIR", &temporary);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let there = || fs::read_dir(&temporary).expect("readable").count();
    let start = Instant::now();
    while there() == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is built");
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert_eq!(there(), 0);
}

#[test]
fn a_temporary_folder_that_is_missing_is_named() {
    let folder = folder();
    let mut command = mobilenetc(folder.path());
    command.arg("verify").arg(fashion()).env("TMPDIR", "/no/such/folder");
    fails(&mut command, &["temporary folder in /no/such/folder", "No such file", "TMPDIR"]);
}

#[test]
fn a_model_comes_from_standard_input() {
    let folder = folder();
    let piped = |arguments: &[&str]| {
        let mut command = mobilenetc(folder.path());
        command.args(arguments).stdin(File::open(fashion()).expect("readable")).current_dir(folder.path());
        command.output().expect("the program starts")
    };
    let output = piped(&["inspect", "-", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["width_multiplier"], 0.25);
    assert!(piped(&["build", "-", "-o", "out", "--name", "piped"]).status.success());
    let header = fs::read_to_string(folder.path().join("out/piped.h")).expect("written");
    assert!(header.contains("model: standard input"), "{header}");
    let mut nothing = mobilenetc(folder.path());
    fails(nothing.args(["inspect", "-"]).stdin(Stdio::null()), &["standard input can't be compiled"]);
}

#[test]
fn files_of_others_are_overwritten_on_demand_alone() {
    let folder = folder();
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("writable");
    fs::write(out.join("CMakeLists.txt"), "project(mine)").expect("writable");
    let build = || {
        let mut command = mobilenetc(folder.path());
        command.arg("build").arg(fashion()).args(["--name", "net", "-o"]).arg(&out);
        command
    };
    fails(&mut build(), &["CMakeLists.txt would be overwritten", "--force"]);
    assert_eq!(fs::read_dir(&out).expect("readable").count(), 1);
    assert!(build().args(["--project", "none"]).status().expect("starts").success());
    assert_eq!(fs::read_to_string(out.join("CMakeLists.txt")).expect("there"), "project(mine)");
    assert!(build().arg("--force").status().expect("starts").success());
    assert!(build().args(["--self-test", "--weights", "bin"]).status().expect("starts").success());
}

/// Where a firmware engineer reads it, and a Rust developer.
#[test]
fn emitted_files_state_what_the_input_is() {
    let folder = folder();
    let emitted = |file: &str, more: &[&str]| {
        let out = folder.path().join("out");
        let mut command = mobilenetc(folder.path());
        let done = command.arg("build").arg(fashion()).args(["--name", "net", "-o"]).arg(&out).args(more).output();
        assert!(done.expect("starts").status.success(), "{more:?}");
        fs::read_to_string(out.join(file)).expect("written")
    };
    let bytes = ["--input", "u8", "--normalise", "0.5,0.25", "--input-layout", "nhwc"];
    for (file, more) in [("net.h", &[][..]), ("net.rs", &["--emit", "rust"])] {
        let plain = emitted(file, more);
        for part in ["NCHW: channel by channel", "red, green, blue", "normalised by the caller"] {
            assert!(plain.contains(part), "{part}: {plain}");
        }
        let folded = emitted(file, &[more, &bytes].concat());
        for part in ["NHWC: row by row", "bytes from 0 to 255", "(byte / 255 - 0.5) / 0.25 is part of the model"] {
            assert!(folded.contains(part), "{part}: {folded}");
        }
    }
}

#[test]
fn what_can_be_read_is_counted_before_the_problems() {
    use mobilenet_compiler::graph::{DType, Tensor};
    use mobilenet_compiler::onnx::author::{Author, Node, Storage};
    let folder = folder();
    let path = folder.path().join("odd.onnx");
    Author::new("odd", 13)
        .input("x", DType::F32, [1, 3, 8, 8].map(Into::into))
        .initializer("w", &Tensor::f32([4, 3, 3, 3], vec![0.5; 108]), Storage::Raw)
        .node(Node::new("Conv", ["x", "w"], ["a"]).ints("pads", [1; 4]))
        .node(Node::new("Frobnicate", ["a"], ["y"]))
        .output("y", DType::F32, [1, 4, 8, 8].map(Into::into))
        .write(&path)
        .expect("writable");
    let inspect =
        |more: &[&str]| mobilenetc(folder.path()).arg("inspect").arg(&path).args(more).output().expect("starts");
    let output = inspect(&[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("6,912") && text.contains("108") && said(&output).contains("Frobnicate"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&inspect(&["--format", "json"]).stdout).expect("JSON");
    assert_eq!((&json["mult_adds"], &json["opset"], &json["parameters"]), (&6912.into(), &13.into(), &108.into()));
    assert_eq!(json["problems"][0]["operator"], "Frobnicate", "{json}");
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn a_mean_of_bytes_is_refused_with_the_one_that_was_meant() {
    let folder = folder();
    for (command, meant) in [
        (&["inspect", "--normalise", "127.5,0.5"][..], "127.5/255"),
        (&["run", "--mean", "123.675,116.28,103.53", "--image", "a.png"], "--mean 123.675/255"),
        (&["run", "--std", "58.4", "--image", "a.png"], "--std 58.4/255"),
    ] {
        let mut mobilenetc = mobilenetc(folder.path());
        let output = mobilenetc.arg(command[0]).arg(fashion()).args(&command[1..]).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(said(&output).contains(meant), "{}", said(&output));
    }
}

#[test]
fn what_is_assumed_of_the_pixels_stands_at_the_result() {
    let folder = folder();
    let shown = |more: &[&str]| {
        let mut command = mobilenetc(folder.path());
        let output =
            command.arg("run").arg(fashion()).arg("--image").arg(picture()).args(more).output().expect("starts");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let line = |text: &str| text.lines().find(|line| line.contains("000.png")).unwrap_or_default().to_owned();
    assert!(line(&shown(&[])).contains("assumed to be fed (pixel / 255 - 0.5) / 0.5"), "{}", shown(&[]));
    assert!(!line(&shown(&["--mean", "0.5"])).contains("assumed"));
}
