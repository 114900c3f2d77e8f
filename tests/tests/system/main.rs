//! Tests that build and run whole programs. Where a model, compiler or emulator is absent they show as ignored, with the
//! reason.

mod boards;
mod browser;
mod c_cmake;
mod c_codes;
mod c_forms;
mod c_links;
mod c_targets;
mod capi;
mod classes;
mod codes;
mod cross;
mod differential;
mod emitted;
mod family;
mod field_networks;
mod hooks;
mod hot_loops;
mod hygiene;
mod integrations;
mod memory;
mod messages;
mod misuse;
mod names;
mod overrides;
mod real_models;
mod rebuild;
mod report;
mod rows;
mod self_test;
mod targets;
mod two_models;
mod used_folders;

use libtest_mimic::{Arguments, Completion, Trial};
use std::path::Path;
use std::process::ExitCode;

/// Why a test ends early.
enum Stop {
    /// What it needs is absent.
    Absent(String),
    /// It failed.
    Failed(String),
}

impl Stop {
    fn message(self) -> String {
        match self {
            Self::Absent(text) | Self::Failed(text) => text,
        }
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

impl From<mobilenet_compiler::Error> for Stop {
    fn from(error: mobilenet_compiler::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Whether this machine is said to have every tool, so that only the models beside the checkout may be absent.
fn complete() -> bool {
    std::env::var_os("MOBILENET_CROSS").is_some()
}

/// A test that may find out that what it needs is absent.
fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<(), Stop> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match run() {
        Ok(()) => Ok(Completion::Completed),
        Err(Stop::Absent(reason)) if complete() && !reason.contains("../shared") => Err(reason.into()),
        Err(Stop::Absent(reason)) => Ok(Completion::ignored_with(reason)),
        Err(Stop::Failed(message)) => Err(message.into()),
    })
}

/// Where generated programs are built.
fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn main() -> ExitCode {
    let trials = [
        boards::trials(),
        browser::trials(),
        c_cmake::trials(),
        c_forms::trials(),
        c_links::trials(),
        c_targets::trials(),
        classes::trials(),
        c_codes::trials(),
        capi::trials(),
        cross::trials(),
        differential::trials(),
        field_networks::trials(),
        codes::trials(),
        family::trials(),
        hooks::trials(),
        hot_loops::trials(),
        hygiene::trials(),
        integrations::trials(),
        memory::trials(),
        messages::trials(),
        misuse::trials(),
        names::trials(),
        overrides::trials(),
        real_models::trials(),
        rebuild::trials(),
        report::trials(),
        rows::trials(),
        self_test::trials(),
        targets::trials(),
        two_models::trials(),
        used_folders::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
