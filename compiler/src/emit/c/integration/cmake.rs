//! `CMakeLists.txt`.

use super::Library;

const HEAD: &str = r#"cmake_minimum_required(VERSION 3.13)
project(@name@ LANGUAGES @languages@)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(@name@ STATIC @sources@)
add_library(@name@::@name@ ALIAS @name@)
target_include_directories(@name@ PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}@folder@>)
set_target_properties(@name@ PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
"#;

const ASSEMBLER: &str = r#"set_source_files_properties(@assembly@ PROPERTIES OBJECT_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/@data@")
"#;

const INSTALL: &str = r#"
string(COMPARE EQUAL "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}" @NAME@_ALONE)
option(@NAME@_INSTALL "Install the library @name@ and its CMake package" ${@NAME@_ALONE})
if(@NAME@_INSTALL)
  include(GNUInstallDirs)
  install(TARGETS @name@ EXPORT @name@
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES @headers@ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT @name@ NAMESPACE @name@:: FILE @name@Config.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/@name@)
"#;

const DATA: &str = "  install(FILES @data@ DESTINATION ${CMAKE_INSTALL_DATADIR}/@name@)\n";

/// Finds the static library of the runtime and what its `std` needs. The package of an installed library could not say where
/// that is.
const RUNTIME: &str = r#"
# Built by: cargo build --release -p mobilenet-runtime-capi
find_library(MOBILENET_RUNTIME_LIBRARY NAMES mobilenet_runtime_capi DOC "libmobilenet_runtime_capi.a")
find_path(MOBILENET_RUNTIME_INCLUDE mobilenet_runtime.h DOC "Folder of mobilenet_runtime.h")
if(NOT MOBILENET_RUNTIME_LIBRARY OR NOT MOBILENET_RUNTIME_INCLUDE)
  message(FATAL_ERROR "Name the runtime: -DMOBILENET_RUNTIME_LIBRARY=.../libmobilenet_runtime_capi.a "
    "and -DMOBILENET_RUNTIME_INCLUDE=.../runtime/capi/include")
endif()
target_include_directories(@name@ PRIVATE ${MOBILENET_RUNTIME_INCLUDE})
target_link_libraries(@name@ PUBLIC ${MOBILENET_RUNTIME_LIBRARY})
if(UNIX)
  find_package(Threads REQUIRED)
  target_link_libraries(@name@ PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
endif()
"#;

pub(super) fn lists(library: &Library) -> String {
    let assembly: Vec<_> = library.sources.iter().filter(|source| source.ends_with(".S")).map(String::as_str).collect();
    let mut text = HEAD.replace("@languages@", if library.assembles() { "C ASM" } else { "C" });
    if library.assembles() && library.data.is_some() {
        text += &ASSEMBLER.replace("@assembly@", &assembly.join(" "));
    }
    if library.runtime {
        text += RUNTIME;
        return library.expand(&text);
    }
    text += INSTALL;
    if library.data.is_some() && !library.assembles() {
        text += DATA;
    }
    text += "endif()\n";
    library.expand(&text)
}
