//! Files for build systems, which make a library of the emitted folder.

mod arduino;
mod cmake;
mod make;
mod meson;
mod zephyr;

use super::{COptions, Kernels};
use crate::diagnostic::Problem;
use crate::emit::Files;

/// A build system that gets its files beside the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// `CMakeLists.txt`, for `add_subdirectory` and for an installed package.
    Cmake,
    /// `meson.build`, alone or as a subproject.
    Meson,
    /// A `Makefile` for GNU make.
    Make,
    /// `library.properties`; the code goes into the folder `src`.
    Arduino,
    /// A module: `zephyr/module.yml`, `zephyr/CMakeLists.txt`, `zephyr/Kconfig`.
    Zephyr,
}

/// Target names that CMake or Meson keep for themselves.
const RESERVED: &[&str] = &[
    "all",
    "all_build",
    "benchmark",
    "clean",
    "dist",
    "edit_cache",
    "help",
    "install",
    "package",
    "package_source",
    "preinstall",
    "rebuild_cache",
    "run_tests",
    "test",
    "uninstall",
    "zero_check",
];

/// What a build system has to know. Paths are relative to the project's files.
struct Library {
    /// The prefix of the symbols, unless build systems reserve that word.
    name: String,
    /// Empty or `/src`.
    folder: &'static str,
    sources: Vec<String>,
    headers: Vec<String>,
    /// Whether the code runs on the static library of the runtime.
    runtime: bool,
    /// The file of weights.
    data: Option<String>,
    /// The first lines of each file.
    comment: String,
}

/// The build systems that can't find the runtime's library.
pub(super) fn check(options: &COptions) -> impl Iterator<Item = Problem> {
    let lost = |project: &&Project| !matches!(project, Project::Cmake | Project::Make);
    let runtime = options.kernels == Kernels::Runtime;
    options.projects.iter().filter(lost).filter(move |_| runtime).map(|project| {
        Problem::new("code on the kernels of the runtime has no files for this build system")
            .expected("CMake or make", format!("{project:?}"))
            .hint("leave it out, or choose --kernels inline")
    })
}

/// Adds the files of the chosen build systems to the code, moved to where they want it.
pub(super) fn with_projects(code: Files, options: &COptions, prefix: &str) -> Files {
    let arduino = options.projects.contains(&Project::Arduino);
    let mut files = if arduino { code.below("src") } else { code };
    let library = Library::new(&files, options, prefix, if arduino { "/src" } else { "" });
    for project in &options.projects {
        match project {
            Project::Cmake => files.insert("CMakeLists.txt", cmake::lists(&library)),
            Project::Meson => files.insert("meson.build", meson::build(&library)),
            Project::Make => files.insert("Makefile", make::makefile(&library)),
            Project::Arduino => files.insert("library.properties", arduino::properties(&library)),
            Project::Zephyr => {
                files.insert("zephyr/module.yml", zephyr::module(&library));
                files.insert("zephyr/CMakeLists.txt", zephyr::lists(&library));
                files.insert("zephyr/Kconfig", zephyr::kconfig(&library));
            }
        }
    }
    files
}

impl Library {
    fn new(files: &Files, options: &COptions, prefix: &str, folder: &'static str) -> Self {
        let ending = |ends: &[&str]| -> Vec<String> {
            let names = files.iter().map(|(name, _)| name);
            names.filter(|name| ends.iter().any(|end| name.ends_with(end))).map(str::to_owned).collect()
        };
        let reserved = RESERVED.contains(&prefix.to_ascii_lowercase().as_str());
        Self {
            name: if reserved { format!("{prefix}_net") } else { prefix.to_owned() },
            folder,
            sources: ending(&[".c", ".S"]),
            headers: ending(&[".h"]),
            runtime: options.kernels == Kernels::Runtime,
            data: ending(&[".bin"]).pop(),
            comment: options.provenance.lines().iter().map(|line| format!("# {line}\n")).collect(),
        }
    }

    /// Whether a source is for the assembler.
    fn assembles(&self) -> bool {
        self.sources.iter().any(|source| source.ends_with(".S"))
    }

    /// Spells a text: `@name@`, `@NAME@`, `@folder@`, `@sources@`, `@headers@`, `@data@`, `@version@`; lists are separated by
    /// blanks.
    fn expand(&self, text: &str) -> String {
        let text = text
            .replace("@name@", &self.name)
            .replace("@NAME@", &self.name.to_ascii_uppercase())
            .replace("@folder@", self.folder)
            .replace("@sources@", &self.sources.join(" "))
            .replace("@headers@", &self.headers.join(" "))
            .replace("@data@", self.data.as_deref().unwrap_or_default())
            .replace("@version@", env!("CARGO_PKG_VERSION"));
        format!("{}{text}", self.comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Project; 5] = [Project::Cmake, Project::Meson, Project::Make, Project::Arduino, Project::Zephyr];

    fn files(projects: &[Project], prefix: &str) -> Files {
        let code = [".h", ".c", "_weights.S", ".bin"].map(|end| (format!("{prefix}{end}"), Vec::new()));
        let options = COptions { projects: projects.to_vec(), ..COptions::default() };
        with_projects(code.into_iter().collect(), &options, prefix)
    }

    fn names(files: &Files) -> Vec<&str> {
        files.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_project_adds_its_files() {
        let code = ["net.bin", "net.c", "net.h", "net_weights.S"];
        assert_eq!(names(&files(&[], "net")), code);
        assert_eq!(names(&files(&[Project::Make], "net")), [&["Makefile"], &code[..]].concat());
        let everything = files(&ALL, "net");
        let expected = [
            "CMakeLists.txt",
            "Makefile",
            "library.properties",
            "meson.build",
            "src/net.bin",
            "src/net.c",
            "src/net.h",
            "src/net_weights.S",
            "zephyr/CMakeLists.txt",
            "zephyr/Kconfig",
            "zephyr/module.yml",
        ];
        assert_eq!(names(&everything), expected);
    }

    #[test]
    fn texts_are_spelled_out_and_name_the_sources() {
        for (name, contents) in files(&ALL, "net").iter().filter(|(name, _)| !name.starts_with("src/")) {
            let text = std::str::from_utf8(contents).unwrap();
            assert!(text.starts_with("# Generated by mobilenet-compiler"), "{name}: {text}");
            for placeholder in ["@name@", "@NAME@", "@folder@", "@sources@", "@headers@", "@data@", "@version@"] {
                assert!(!text.contains(placeholder), "{name}: {text}");
            }
        }
    }

    #[test]
    fn the_runtime_is_for_cmake_and_make() {
        let options = COptions { projects: ALL.to_vec(), kernels: Kernels::Runtime, ..COptions::default() };
        assert_eq!(check(&options).count(), 3);
        assert_eq!(check(&COptions { kernels: Kernels::Inline, ..options }).count(), 0);
    }

    #[test]
    fn reserved_words_name_no_library() {
        assert!(RESERVED.is_sorted());
        let test = files(&[Project::Cmake], "Test");
        let text = std::str::from_utf8(test.get("CMakeLists.txt").unwrap()).unwrap();
        assert!(text.contains("add_library(Test_net STATIC Test.c Test_weights.S)"), "{text}");
    }
}
