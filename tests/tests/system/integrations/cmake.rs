use super::{MAIN, emit, empty, loads, write};
use crate::Stop;
use crate::emitted::{FORMS, needs};
use mobilenet_compiler::emit::c::{Project, WeightStorage};
use mobilenet_tests::program::check;
use std::path::Path;
use std::process::Command;

/// Programs in C and C++; `WHERE` finds the library.
const APP: &str = r#"cmake_minimum_required(VERSION 3.13)
project(app LANGUAGES CXX C)
set(CMAKE_CXX_STANDARD 17)
WHERE
add_executable(in_c main.c)
add_executable(in_cxx main.cpp)
foreach(program in_c in_cxx)
  target_link_libraries(${program} PRIVATE net::net)
  target_compile_definitions(${program} PRIVATE DEFINITION)
endforeach()
"#;

pub fn subdirectory() -> Result<(), Stop> {
    needs(&["cmake", "gcc", "g++"])?;
    for (name, weights) in FORMS {
        let folder = empty(&format!("cmake subdirectory {name}"))?;
        emit(&folder.join("net"), weights, Project::Cmake)?;
        app(&folder, "add_subdirectory(net)", weights, &[])?;
        run(&folder, &folder.join("net/net.bin"))?;
        check(Command::new("cmake").args(["--install", "build", "--prefix", "prefix"]).current_dir(&folder))?;
        if folder.join("prefix/lib/libnet.a").exists() {
            return Err(Stop::Failed("the library is installed with the program that it is a part of".into()));
        }
    }
    Ok(())
}

pub fn package() -> Result<(), Stop> {
    needs(&["cmake", "gcc", "g++"])?;
    for (name, weights) in FORMS {
        let folder = empty(&format!("cmake package {name}"))?;
        let library = folder.join("net");
        emit(&library, weights, Project::Cmake)?;
        build(&library, &["-DCMAKE_INSTALL_LIBDIR=lib"])?;
        let prefix = folder.join("prefix");
        check(Command::new("cmake").args(["--install", "build", "--prefix"]).arg(&prefix).current_dir(&library))?;
        // What is installed needs nothing of the folder it comes from.
        std::fs::remove_dir_all(&library).map_err(|e| e.to_string())?;
        let found = format!("-DCMAKE_PREFIX_PATH={}", prefix.display());
        app(&folder, "find_package(net REQUIRED)", weights, &[&found])?;
        run(&folder, &prefix.join("share/net/net.bin"))?;
    }
    Ok(())
}

fn app(folder: &Path, place: &str, weights: WeightStorage, options: &[&str]) -> Result<(), Stop> {
    let lists = APP.replace("WHERE", place).replace("DEFINITION", loads(weights));
    write(folder, &[("CMakeLists.txt", &lists), ("main.c", MAIN), ("main.cpp", MAIN)])?;
    build(folder, options)
}

fn build(folder: &Path, options: &[&str]) -> Result<(), Stop> {
    check(Command::new("cmake").args(["-S", ".", "-B", "build"]).args(options).current_dir(folder))?;
    check(Command::new("cmake").args(["--build", "build"]).current_dir(folder))?;
    Ok(())
}

fn run(folder: &Path, weights: &Path) -> Result<(), Stop> {
    for program in ["build/in_c", "build/in_cxx"] {
        check(Command::new(folder.join(program)).arg(weights))?;
    }
    Ok(())
}
