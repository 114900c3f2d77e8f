use super::{emit, empty, write};
use crate::Stop;
use crate::emitted::needs;
use mobilenet_compiler::emit::c::{Project, WeightStorage};
use mobilenet_tests::program::board::{M4, START};
use mobilenet_tests::program::check;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What stands in for an Arduino core: it calls the sketch once and ends with its result.
const CORE: &str = r#"#include <Arduino.h>
#include <stdlib.h>
int result;
int main()
{
    setup();
    loop();
    exit(result);
}
"#;

const ARDUINO_H: &str = "#pragma once\nvoid setup();\nvoid loop();\nextern int result;\n";

const SKETCH: &str = r#"#include <Arduino.h>
#include <net.h>

static net_arena arena;

void setup() {}

void loop()
{
    result = net_self_test(&arena);
}
"#;

/// The categories that Arduino knows.
const CATEGORIES: [&str; 9] = [
    "Communication",
    "Data Processing",
    "Data Storage",
    "Device Control",
    "Display",
    "Other",
    "Sensors",
    "Signal Input/Output",
    "Timing",
];

/// Builds the library and a sketch as Arduino does, for a board with a Cortex-M4, and runs them.
pub fn library() -> Result<(), Stop> {
    needs(&["arm-none-eabi-gcc", "arm-none-eabi-g++"])?;
    for (name, weights) in [("source", WeightStorage::Source), ("incbin", WeightStorage::Incbin)] {
        let folder = empty(&format!("arduino-{name}"))?;
        emit(&folder.join("libraries/net"), weights, Project::Arduino)?;
        properties(&folder.join("libraries/net"))?;
        write(&folder, &[("Arduino.h", ARDUINO_H), ("core.cpp", CORE), ("sketch.ino.cpp", SKETCH)])?;
        let script = M4.script();
        write(&folder, &[("qemu.ld", &script), ("start.c", START)])?;
        build(&folder)?;
        if needs(&["qemu-system-arm"]).is_ok() {
            let [emulator, arguments @ ..] = M4.emulator();
            let mut emulator = Command::new(emulator);
            emulator.args(arguments).args(["-semihosting", "-kernel", "program"]);
            check(emulator.current_dir(&folder))?;
        }
    }
    Ok(())
}

/// Required fields are there, and what they name.
fn properties(library: &Path) -> Result<(), Stop> {
    let text = fs::read_to_string(library.join("library.properties")).map_err(|e| e.to_string())?;
    let field = |name: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let found = lines.filter_map(|line| line.split_once('=')).find(|(key, _)| *key == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty()).ok_or(format!("no {name} in {text}"))
    };
    for name in ["version", "author", "maintainer", "sentence", "paragraph", "url", "architectures"] {
        field(name)?;
    }
    let right = field("name")? == "net" && CATEGORIES.contains(&field("category")?);
    if right && library.join("src").join(field("includes")?).exists() { Ok(()) } else { Err(Stop::Failed(text)) }
}

fn build(folder: &Path) -> Result<(), Stop> {
    let mut objects = vec![];
    let mut compile = |compiler: &str, standard: &[&str], source: String| -> Result<(), Stop> {
        let object = format!("{}.o", source.replace('/', "_"));
        let mut command = Command::new(compiler);
        command.args(M4.flags).arg("-Os").args(standard).args([
            "-I.",
            "-Ilibraries/net/src",
            "-c",
            "-o",
            &object,
            &source,
        ]);
        check(command.current_dir(folder))?;
        objects.push(object);
        Ok(())
    };
    let cxx = ["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror"];
    for source in ["core.cpp", "sketch.ino.cpp"] {
        compile("arm-none-eabi-g++", &cxx, source.into())?;
    }
    compile("arm-none-eabi-gcc", &[], "start.c".into())?;
    for entry in fs::read_dir(folder.join("libraries/net/src")).map_err(|e| e.to_string())? {
        let file = entry.map_err(|e| e.to_string())?.file_name().to_string_lossy().into_owned();
        let source = format!("libraries/net/src/{file}");
        match file.rsplit('.').next() {
            Some("c") => compile("arm-none-eabi-gcc", &["-std=gnu11"], source)?,
            Some("S") => compile("arm-none-eabi-gcc", &["-x", "assembler-with-cpp"], source)?,
            _ => {}
        }
    }
    let mut link = Command::new("arm-none-eabi-g++");
    link.args(M4.flags).args(["--specs=rdimon.specs", "-T", "qemu.ld", "-o", "program"]).args(&objects);
    check(link.current_dir(folder))?;
    Ok(())
}
