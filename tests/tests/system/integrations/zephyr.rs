use super::{MAIN, emit, empty, loads, write};
use crate::Stop;
use crate::emitted::{FORMS, needs};
use mobilenet_compiler::emit::c::Project;
use mobilenet_tests::program::check;
use std::fs;
use std::path::Path;
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

/// Stands in for Zephyr, whose sources are not here: the commands that the module calls, as its documentation has them.
const APP: &str = r#"cmake_minimum_required(VERSION 3.20)
project(app LANGUAGES C ASM)
function(zephyr_include_directories)
  include_directories(${ARGV})
  set_property(GLOBAL APPEND PROPERTY zephyr_includes ${ARGV})
endfunction()
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
  set_property(GLOBAL APPEND PROPERTY zephyr_libraries ${name})
endmacro()
function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGV})
endfunction()
set(CONFIG_MOBILENET_NET y)
add_subdirectory(net/DIRECTORY)
get_property(libraries GLOBAL PROPERTY zephyr_libraries)
get_property(includes GLOBAL PROPERTY zephyr_includes)
add_executable(program main.c)
target_compile_definitions(program PRIVATE DEFINITION)
target_include_directories(program PRIVATE ${includes})
target_link_libraries(program PRIVATE ${libraries})
"#;

pub fn module() -> Result<(), Stop> {
    needs(&["cmake", "gcc"])?;
    for (name, weights) in FORMS {
        let folder = empty(&format!("zephyr-{name}"))?;
        let module = folder.join("net");
        emit(&module, weights, Project::Zephyr)?;
        let directory = parsed(&module)?;
        let lists = APP.replace("DIRECTORY", &directory).replace("DEFINITION", loads(weights));
        write(&folder, &[("CMakeLists.txt", &lists), ("main.c", MAIN)])?;
        check(Command::new("cmake").args(["-S", ".", "-B", "build"]).current_dir(&folder))?;
        check(Command::new("cmake").args(["--build", "build"]).current_dir(&folder))?;
        check(Command::new(folder.join("build/program")).arg(module.join("net.bin")))?;
    }
    Ok(())
}

/// Checks the keys of `module.yml` and that what they name exists; returns the folder of the CMake file.
fn parsed(module: &Path) -> Result<String, Stop> {
    let text = read(&module.join("zephyr/module.yml"))?;
    let documents = YamlLoader::load_from_str(&text).map_err(|e| e.to_string())?;
    let [root] = &documents[..] else { return Err(Stop::Failed(text)) };
    let keys = |yaml: &Yaml| -> Vec<String> {
        let keys = yaml.as_hash().into_iter().flatten();
        keys.filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect()
    };
    let value = |yaml: &Yaml| yaml.as_str().map(str::to_owned).ok_or_else(|| Stop::Failed(text.clone()));
    if keys(root) != ["name", "build"] || keys(&root["build"]) != ["cmake", "kconfig"] || value(&root["name"])? != "net"
    {
        return Err(Stop::Failed(text));
    }
    let (directory, kconfig) = (value(&root["build"]["cmake"])?, value(&root["build"]["kconfig"])?);
    let kconfig = read(&module.join(kconfig))?;
    let settings: Vec<_> = kconfig.lines().filter(|line| !line.starts_with('#')).collect();
    if settings.starts_with(&["config MOBILENET_NET", "\tbool \"The MobileNet net\""]) {
        Ok(directory)
    } else {
        Err(Stop::Failed(kconfig))
    }
}

fn read(path: &Path) -> Result<String, Stop> {
    Ok(fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?)
}
