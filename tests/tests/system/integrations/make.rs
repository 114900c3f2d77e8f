use super::{MAIN, emit, empty, loads, write};
use crate::Stop;
use crate::emitted::{FORMS, needs};
use mobilenet_compiler::emit::c::{Project, WeightStorage};
use mobilenet_tests::program::check;
use std::fs;
use std::path::Path;
use std::process::Command;

pub fn host() -> Result<(), Stop> {
    needs(&["make", "gcc", "clang"])?;
    for (name, weights) in FORMS {
        let folder = empty(&format!("make-{name}"))?;
        emit(&folder.join("net"), weights, Project::Make)?;
        write(&folder, &[("main.c", MAIN)])?;
        make(&folder.join("net"), &["install", "CC=gcc", "CFLAGS=-O1", "PREFIX=/usr", "DESTDIR=../root"])?;
        let mut link = Command::new("gcc");
        link.args(["-Iroot/usr/include", "-o", "program", "main.c", "-Lroot/usr/lib", "-lnet", "-D", loads(weights)]);
        check(link.current_dir(&folder))?;
        check(Command::new(folder.join("program")).arg(folder.join("root/usr/share/net/net.bin")))?;
        make(&folder.join("net"), &["clean"])?;
        // Another compiler, from another folder, which alone is written to.
        make(&folder, &["-f", "net/Makefile", "CC=clang"])?;
        if !contains(&folder.join("net.o"), b"clang version")? || folder.join("net/net.o").exists() {
            return Err(Stop::Failed(format!("{} was not built by clang, or elsewhere", folder.display())));
        }
    }
    Ok(())
}

pub fn arm() -> Result<(), Stop> {
    needs(&["make", "arm-none-eabi-gcc"])?;
    let folder = empty("make-arm")?;
    emit(&folder, WeightStorage::Incbin, Project::Make)?;
    let makefile = fs::read_to_string(folder.join("Makefile")).map_err(|e| e.to_string())?;
    let flags = makefile.lines().find_map(|line| line.split_once("CFLAGS=\"")?.1.strip_suffix('"'));
    let flags = flags.ok_or_else(|| "no example of CFLAGS".to_owned())?;
    make(&folder, &["CROSS_COMPILE=arm-none-eabi-", &format!("CFLAGS={flags}")])?;
    let attributes = check(Command::new("arm-none-eabi-readelf").arg("-A").arg(folder.join("net.o")))?;
    if !attributes.contains("Tag_ABI_VFP_args: VFP registers") {
        return Err(Stop::Failed(format!("{flags} gives {attributes}")));
    }
    let headers = check(Command::new("arm-none-eabi-objdump").arg("-f").arg(folder.join("libnet.a")))?;
    if headers.matches("elf32-littlearm").count() == 3 { Ok(()) } else { Err(Stop::Failed(headers)) }
}

fn make(folder: &Path, arguments: &[&str]) -> Result<(), Stop> {
    let mut command = Command::new("make");
    for name in ["CC", "AR", "CFLAGS", "CPPFLAGS", "CROSS_COMPILE", "PREFIX", "DESTDIR", "MAKEFLAGS"] {
        command.env_remove(name);
    }
    check(command.args(arguments).current_dir(folder))?;
    Ok(())
}

fn contains(path: &Path, bytes: &[u8]) -> Result<bool, Stop> {
    let file = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(file.windows(bytes.len()).any(|window| window == bytes))
}
