//! A Zephyr module.

use super::Library;

const MODULE: &str = "\
name: @name@
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
";

const LISTS: &str = "\
if(CONFIG_MOBILENET_@NAME@)
  zephyr_include_directories(${CMAKE_CURRENT_SOURCE_DIR}/..@folder@)
  zephyr_library_named(mobilenet_@name@)
  zephyr_library_sources(@paths@)
endif()
";

const KCONFIG: &str = "\
config MOBILENET_@NAME@
\tbool \"The MobileNet @name@\"
\timply FPU
\thelp
\t  Builds the network and puts its header on the include path.
";

pub(super) fn module(library: &Library) -> String {
    library.expand(MODULE)
}

pub(super) fn lists(library: &Library) -> String {
    let paths = library.sources.iter().map(|source| format!("\n    ${{CMAKE_CURRENT_SOURCE_DIR}}/../{source}"));
    library.expand(&LISTS.replace("@paths@", &paths.collect::<String>()))
}

pub(super) fn kconfig(library: &Library) -> String {
    library.expand(KCONFIG)
}
