//! `CMakeLists.txt`.

use super::{COptions, Kernels, WeightStorage};

pub(super) fn cmake(options: &COptions, prefix: &str) -> String {
    let mut sources = vec![format!("{prefix}.c")];
    let mut languages = "C";
    let mut extra = String::new();
    match options.weights {
        WeightStorage::C => sources.push(format!("{prefix}_weights.c")),
        WeightStorage::Bin => {}
        WeightStorage::Incbin => {
            sources.push(format!("{prefix}_weights.S"));
            languages = "C ASM";
            extra = format!(
                "set_source_files_properties({prefix}_weights.S PROPERTIES\n    COMPILE_OPTIONS \"-Wa,-I,${{CMAKE_CURRENT_SOURCE_DIR}}\"\n    \
                 OBJECT_DEPENDS \"${{CMAKE_CURRENT_SOURCE_DIR}}/{prefix}.bin\")\n"
            );
        }
    }
    if options.self_test.is_some() {
        sources.push(format!("{prefix}_test.c"));
    }
    if options.kernels == Kernels::Runtime {
        extra += &RUNTIME.replace("%NAME%", prefix);
    }
    format!(
        "cmake_minimum_required(VERSION 3.13)\nproject({prefix} LANGUAGES {languages})\n\n\
         if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)\n  set(CMAKE_BUILD_TYPE Release)\nendif()\n\n\
         add_library({prefix} STATIC {})\n\
         target_include_directories({prefix} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})\n\
         set_target_properties({prefix} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)\n{extra}",
        sources.join(" ")
    )
}

/// Finds the static library of the runtime and what its `std` needs.
const RUNTIME: &str = "
# Built by: cargo build --release -p mobilenet-runtime-capi
find_library(MOBILENET_RUNTIME_LIBRARY NAMES mobilenet_runtime_capi DOC \"libmobilenet_runtime_capi.a\")
find_path(MOBILENET_RUNTIME_INCLUDE mobilenet_runtime.h DOC \"Folder of mobilenet_runtime.h\")
if(NOT MOBILENET_RUNTIME_LIBRARY OR NOT MOBILENET_RUNTIME_INCLUDE)
  message(FATAL_ERROR \"Name the runtime: -DMOBILENET_RUNTIME_LIBRARY=.../libmobilenet_runtime_capi.a \"
    \"and -DMOBILENET_RUNTIME_INCLUDE=.../runtime/capi/include\")
endif()
target_include_directories(%NAME% PRIVATE ${MOBILENET_RUNTIME_INCLUDE})
target_link_libraries(%NAME% PUBLIC ${MOBILENET_RUNTIME_LIBRARY})
if(UNIX)
  find_package(Threads REQUIRED)
  target_link_libraries(%NAME% PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
endif()
";
