//! `examples/c-cmake`, built as its README says, elsewhere, with strict compilers.

use crate::emitted::needs;
use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_tests::program::check;
use mobilenet_tests::shared::workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// What the build compiles the emitted code and the example with.
const STRICT: &str = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror";
/// Sanitizers that end the program at what they find.
const SANITIZED: &str = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Werror";

pub fn trials() -> Vec<Trial> {
    vec![
        trial("c_cmake::gcc_and_makefiles", || classifies("strict gcc", "gcc", "Unix Makefiles", "make", STRICT)),
        trial("c_cmake::clang_and_ninja", || classifies("strict clang", "clang", "Ninja", "ninja", STRICT)),
        trial("c_cmake::sanitizers", || classifies("sanitized", "gcc", "Unix Makefiles", "make", SANITIZED)),
        trial("c_cmake::edits_compile_the_model_again", || {
            edits("Unix Makefiles", "make")?;
            edits("Ninja", "ninja")
        }),
        trial("c_cmake::configuring_says_what_is_wrong", misconfigured),
    ]
}

fn classifies(folder: &str, compiler: &str, generator: &str, tool: &str, flags: &str) -> Result<(), Stop> {
    needs(&["cmake", tool, compiler])?;
    let example = Example::new(folder)?;
    let flags = [format!("-DCMAKE_C_COMPILER={compiler}"), format!("-DCMAKE_C_FLAGS={flags}")];
    example.configure(generator, &flags)?;
    example.build()?;
    check(example.cmake().args(["--build", "build", "--target", "test"]))?;
    answers(&example)?;
    other_pictures(&example)?;
    bad_files(&example)
}

/// The bundled pictures get the classes that their index gives, all in one run.
fn answers(example: &Example) -> Result<(), Stop> {
    let pictures = ["pictures/ankle_boot.pgm", "pictures/pullover.pgm", "pictures/trouser.pgm"];
    let (status, said, _) = example.classify(&pictures)?;
    let lines: Vec<_> = said.lines().collect();
    let best = lines.chunks(4).map(|lines| lines.get(1).and_then(|line| line.split_once("%  ")).map(|(_, name)| name));
    let right = best.eq(["ankle boot", "pullover", "trouser"].map(Some));
    if status == 0 && right { Ok(()) } else { Err(Stop::Failed(format!("{status}: {said}"))) }
}

/// The same picture in other spellings gets the same answer; one with borders left and right is cropped to it.
fn other_pictures(example: &Example) -> Result<(), Stop> {
    let file = example.read("pictures/ankle_boot.pgm")?;
    let pixels = file.strip_prefix(b"P5\n28 28\n255\n").ok_or_else(|| "another header".to_owned())?;
    let answer = |name: &str, header: &str, pixels: &[u8]| -> Result<String, Stop> {
        let path = example.write(name, &[header.as_bytes(), pixels].concat())?;
        let (status, said, wrong) = example.classify(&[&path])?;
        let (_, answer) = said.split_once('\n').filter(|_| status == 0).ok_or(format!("{name}: {wrong}"))?;
        Ok(answer.into())
    };
    let expected = answer("same.pgm", "P5\n28 28\n255\n", pixels)?;
    let repeated = |times: usize| pixels.iter().flat_map(|&pixel| vec![pixel; times]).collect::<Vec<_>>();
    let wide: Vec<_> = pixels.chunks(28).flat_map(|row| [&[255; 11], row, &[255; 11]].concat()).collect();
    let tall = [vec![255; 28 * 7], pixels.to_vec(), vec![255; 28 * 7]].concat();
    let twice: Vec<_> = repeated(2).chunks(56).flat_map(|row| [row, row].concat()).collect();
    for (name, header, pixels) in [
        ("colour.ppm", "P6 28 28 255 ", &repeated(3)),
        ("deep.pgm", "P5 28 28 65535 ", &repeated(2)),
        ("commented.pgm", "P5 # by a camera\n#\n28\r\n28 # that comments\n 255\n", &pixels.to_vec()),
        ("wide.pgm", "P5 50 28 255\n", &wide),
        ("tall.pgm", "P5 28 42 255\n", &tall),
    ] {
        let found = answer(name, header, pixels)?;
        if found != expected {
            return Err(Stop::Failed(format!("{name}: {found}instead of\n{expected}")));
        }
    }
    let found = answer("large.pgm", "P5 56 56 255\n", &twice)?;
    if found.lines().next().is_some_and(|line| line.ends_with("%  ankle boot")) {
        Ok(())
    } else {
        Err(Stop::Failed(found))
    }
}

/// Each fails with a message that names it, and the pictures beside it are classified all the same.
fn bad_files(example: &Example) -> Result<(), Stop> {
    let good = example.read("pictures/trouser.pgm")?;
    let cut = good.get(..good.len() - 1).unwrap_or_default();
    let files: [(&str, &[u8], &str); 13] = [
        ("cut.pgm", cut, "ends before"),
        ("cut_pixel.ppm", b"P6 1 1 255 ab", "ends before"),
        ("cut_sample.pgm", b"P5 1 1 256 a", "ends before"),
        ("no_pixels.pgm", b"P5 16384 16384 255 ", "ends before"),
        ("bright.pgm", b"P5 1 1 9 a", "exceeds"),
        ("empty.pgm", b"", "no binary PGM or PPM"),
        ("text.pgm", b"P2 1 1 255 7", "no binary PGM or PPM"),
        ("picture.png", b"\x89PNG\r\n\x1a\n", "no binary PGM or PPM"),
        ("header.pgm", b"P5 28", "header"),
        ("negative.pgm", b"P5 -1 28 255 ", "header"),
        ("zero.pgm", b"P5 0 28 255 ", "header"),
        ("huge.pgm", b"P5 99999999999999999999 28 255 ", "header"),
        ("maximum.pgm", b"P5 1 1 65536 ab", "header"),
    ];
    for (name, bytes, message) in files {
        refused(example, &example.write(name, bytes)?, message)?;
    }
    refused(example, "missing.pgm", "")?;
    refused(example, "pictures", "")?;
    match example.classify(&[])? {
        (2, said, wrong) if said.is_empty() && wrong.starts_with("usage: ") => Ok(()),
        found => Err(Stop::Failed(format!("without arguments: {found:?}"))),
    }
}

fn refused(example: &Example, path: &str, message: &str) -> Result<(), Stop> {
    let (status, said, wrong) = example.classify(&[path, "pictures/trouser.pgm"])?;
    let explained = wrong.starts_with(&format!("error: {path}: ")) && wrong.contains(message);
    if status == 1 && explained && wrong.lines().count() == 1 && said.contains("%  trouser") {
        Ok(())
    } else {
        Err(Stop::Failed(format!("{path}: {status}, {said}{wrong}")))
    }
}

/// An edited model, file of labels or list of options is compiled again; nothing is where nothing has changed.
fn edits(generator: &str, tool: &str) -> Result<(), Stop> {
    needs(&["cmake", tool, "cc"])?;
    let example = Example::new(&format!("edits {tool}"))?;
    example.configure(generator, &[])?;
    let build = |what: &str, compiles: bool| -> Result<String, Stop> {
        // Make compares modification times: a second's resolution must suffice.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let before = example.emitted().ok();
        example.build()?;
        if (before == example.emitted().ok()) == compiles {
            return Err(Stop::Failed(format!("{tool}, {what}: the model was compiled: {}", !compiles)));
        }
        let (status, said, wrong) = example.classify(&["pictures/ankle_boot.pgm"])?;
        if status == 0 { Ok(said) } else { Err(Stop::Failed(format!("{tool}, {what}: {status}, {wrong}"))) }
    };
    build("at first", true)?;
    build("nothing edited", false)?;
    example.edit("classify/model/fashion_a025_64.onnx", |_| {})?;
    build("the model is newer", true)?;
    example.replace("classify/pictures/labels.txt", "ankle", "high")?;
    let said = build("a label edited", true)?;
    // The model then sees RGB, and the program as it is gives it that.
    example.replace("c-cmake/CMakeLists.txt", "--grey --softmax --top-k 3", "--softmax --top-k 2")?;
    let fewer = build("options edited", true)?;
    build("nothing edited any more", false)?;
    let right = |said: &str, lines| {
        said.lines().count() == lines && said.lines().nth(1).is_some_and(|l| l.ends_with("%  high boot"))
    };
    if right(&said, 4) && right(&fewer, 3) { Ok(()) } else { Err(Stop::Failed(format!("{tool}: {said}{fewer}"))) }
}

fn misconfigured() -> Result<(), Stop> {
    needs(&["cmake", "make", "cc"])?;
    let example = Example::new("misconfigured")?;
    let fails = |command: &mut Command, part: &str| {
        let (status, said, wrong) = run(command)?;
        // CMake breaks lines where it likes.
        let text = [said, wrong].concat().split_whitespace().collect::<Vec<_>>().join(" ");
        if status != 0 && text.contains(part) { Ok(()) } else { Err(Stop::Failed(format!("{status}: {text}"))) }
    };
    fails(
        example.cmake().args(["-S", ".", "-B", "build", "-DMOBILENETC=/absent/mobilenetc"]),
        "cargo install --path compiler",
    )?;
    fails(example.cmake().arg("."), "Build in a folder of its own")?;
    example.edit("classify/model/fashion_a025_64.onnx", |bytes| bytes.truncate(1000))?;
    example.configure("Unix Makefiles", &[])?;
    fails(example.cmake().args(["--build", "build"]), "cut short")
}

/// A copy of the example and of what it uses, in a path with blanks.
struct Example(PathBuf);

impl Example {
    fn new(name: &str) -> Result<Self, Stop> {
        let folder = scratch().join("c-cmake").join(name);
        let _ = fs::remove_dir_all(&folder);
        let files = [
            "c-cmake/CMakeLists.txt",
            "c-cmake/main.c",
            "c-cmake/picture.c",
            "c-cmake/picture.h",
            "c-cmake/pictures/ankle_boot.pgm",
            "c-cmake/pictures/pullover.pgm",
            "c-cmake/pictures/trouser.pgm",
            "classify/model/fashion_a025_64.onnx",
            "classify/pictures/labels.txt",
        ];
        let example = Self(folder);
        for file in files {
            let from = workspace().join("examples").join(file);
            example.store(file, &fs::read(&from).map_err(|e| format!("{}: {e}", from.display()))?)?;
        }
        Ok(example)
    }

    fn store(&self, file: &str, bytes: &[u8]) -> Result<(), Stop> {
        let path = self.0.join(file);
        let stored = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        stored.map_err(|e| Stop::Failed(format!("{}: {e}", path.display())))
    }

    /// Writes a file beside the program's own; its name.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<String, Stop> {
        self.store(&format!("c-cmake/{name}"), bytes)?;
        Ok(name.into())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, Stop> {
        fs::read(self.0.join("c-cmake").join(name)).map_err(|e| Stop::Failed(format!("{name}: {e}")))
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Stop> {
        let mut bytes = fs::read(self.0.join(file)).map_err(|e| format!("{file}: {e}"))?;
        change(&mut bytes);
        self.store(file, &bytes)
    }

    fn replace(&self, file: &str, from: &str, to: &str) -> Result<(), Stop> {
        self.edit(file, |bytes| *bytes = String::from_utf8_lossy(bytes).replace(from, to).into_bytes())
    }

    fn cmake(&self) -> Command {
        let mut command = Command::new("cmake");
        command.current_dir(self.0.join("c-cmake"));
        for name in ["CC", "CFLAGS", "CMAKE_GENERATOR", "CMAKE_BUILD_TYPE", "MAKEFLAGS"] {
            command.env_remove(name);
        }
        command
    }

    fn configure(&self, generator: &str, options: &[String]) -> Result<(), Stop> {
        let compiler = format!("-DMOBILENETC={}", mobilenetc()?.display());
        check(self.cmake().args(["-S", ".", "-B", "build", "-G", generator, &compiler]).args(options))?;
        Ok(())
    }

    fn build(&self) -> Result<(), Stop> {
        check(self.cmake().args(["--build", "build"]))?;
        Ok(())
    }

    /// When the C code was written.
    fn emitted(&self) -> std::io::Result<SystemTime> {
        fs::metadata(self.0.join("c-cmake/build/fashion/fashion.c"))?.modified()
    }

    /// Exit status, output and errors of the program.
    fn classify(&self, pictures: &[&str]) -> Result<(i32, String, String), Stop> {
        let folder = self.0.join("c-cmake");
        run(Command::new(folder.join("build/classify")).args(pictures).current_dir(&folder))
    }
}

fn run(command: &mut Command) -> Result<(i32, String, String), Stop> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{command:?}: {e}"))?;
    let [said, wrong] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((output.status.code().unwrap_or(-1), said, wrong))
}

/// The command line tool, built like these tests.
pub fn mobilenetc() -> Result<PathBuf, Stop> {
    let target = scratch().parent().unwrap_or(Path::new("target"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "-p", "mobilenet-compiler", "--bin", "mobilenetc", "--target-dir"]);
    check(cargo.arg(target).current_dir(workspace()))?;
    Ok(target.join("debug/mobilenetc"))
}
