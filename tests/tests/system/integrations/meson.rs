use super::{MAIN, emit, empty, loads, write};
use crate::Stop;
use crate::emitted::{FORMS, needs};
use mobilenet_compiler::emit::c::Project;
use mobilenet_tests::program::check;
use std::path::Path;
use std::process::Command;

const APP: &str = r#"project('app', 'c', 'cpp', default_options: ['cpp_std=c++17'])
net = dependency('net')
foreach name, source : {'in_c': 'main.c', 'in_cxx': 'main.cpp'}
  program = executable(name, source, dependencies: net,
    c_args: '-DDEFINITION', cpp_args: '-DDEFINITION')
  test(name, program, args: meson.current_source_dir() / 'subprojects/net/net.bin')
endforeach
"#;

pub fn subproject() -> Result<(), Stop> {
    needs(&["meson", "ninja", "gcc", "g++"])?;
    for (name, weights) in FORMS {
        let folder = empty(&format!("meson subproject {name}"))?;
        emit(&folder.join("subprojects/net"), weights, Project::Meson)?;
        let build = APP.replace("DEFINITION", loads(weights));
        write(&folder, &[("meson.build", &build), ("main.c", MAIN), ("main.cpp", MAIN)])?;
        meson(&folder, &["setup", "build"])?;
        meson(&folder, &["test", "-C", "build"])?;
    }
    Ok(())
}

pub fn alone() -> Result<(), Stop> {
    needs(&["meson", "ninja", "gcc"])?;
    for (name, weights) in FORMS {
        let folder = empty(&format!("meson alone {name}"))?;
        emit(&folder, weights, Project::Meson)?;
        let prefix = folder.join("prefix");
        meson(&folder, &["setup", "build", "--libdir=lib", &format!("--prefix={}", prefix.display())])?;
        meson(&folder, &["install", "-C", "build"])?;
        if !prefix.join("lib/pkgconfig/net.pc").exists() {
            return Err(Stop::Failed("no lib/pkgconfig/net.pc".into()));
        }
        write(&prefix, &[("main.c", MAIN)])?;
        let mut link = Command::new("gcc");
        link.args(["-Iinclude", "-o", "program", "main.c", "-Llib", "-lnet", "-D", loads(weights)]);
        check(link.current_dir(&prefix))?;
        check(Command::new(prefix.join("program")).arg(prefix.join("share/net/net.bin")))?;
    }
    Ok(())
}

fn meson(folder: &Path, arguments: &[&str]) -> Result<(), Stop> {
    check(Command::new("meson").args(arguments).current_dir(folder).env_remove("DESTDIR"))?;
    Ok(())
}
