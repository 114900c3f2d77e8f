//! `--via rust` from outside: models on the kernels of the Rust runtime, which cargo builds here.

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use mobilenet_compiler::host::Compiler;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let trials = vec![
        trial("bench_names_every_step", bench),
        trial("bench_compares_plans", compare),
        trial("verify_agrees", || verify(None)),
        trial("verify_agrees_on_portable_kernels", || verify(Some("portable"))),
        trial("run_classifies", run),
        trial("without_cargo_there_is_a_hint", without_cargo),
        trial("a_failure_of_cargo_is_told", failing_cargo),
        trial("run_has_no_other_way_without_a_c_compiler", without_cc),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that is ignored where cargo can't build the runtime, or nothing can call it.
fn trial(name: &str, run: fn() -> Result<(), Failed>) -> Trial {
    Trial::ignorable_test(name, move || match absent() {
        None => run().map(|()| Completion::Completed),
        Some(reason) if std::env::var_os("MOBILENET_CROSS").is_some() => Err(reason.into()),
        Some(reason) => Ok(Completion::ignored_with(reason)),
    })
}

fn absent() -> Option<&'static str> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/capi");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    match () {
        () if !checkout.exists() => Some("there is no ../runtime/capi"),
        () if Command::new(cargo).arg("--version").output().is_err() => Some("cargo can't be run"),
        () if Compiler::find().is_err() => Some("there is no C compiler"),
        () => None,
    }
}

fn example(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/classify").join(path).to_string_lossy().into_owned()
}

/// Runs a command on the example with `--via rust`, and asserts the exit status; gives standard output and error.
fn expect(status: i32, set: &[(&str, &str)], command: &str, options: &[&str]) -> Result<(String, String), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_mobilenetc"))
        .args([command, &example("model/fashion_a025_64.onnx"), "--via", "rust"])
        .args(options)
        .env_remove("MOBILENET_ISA")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .envs(set.iter().copied())
        .output()?;
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match output.status.code() {
        Some(code) if code == status => Ok((stdout, stderr)),
        code => Err(format!("{command} {options:?}: {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}").into()),
    }
}

fn holds(text: &str, parts: &[&str]) -> Result<(), Failed> {
    match parts.iter().find(|part| !text.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(format!("no {part:?} in\n{text}").into()),
    }
}

fn bench() -> Result<(), Failed> {
    let (stdout, _) = expect(0, &[], "bench", &["--runs", "2"])?;
    holds(&stdout, &["Rust kernels, built by cargo", "separable", "GMAC/s", "latency"])?;
    let (stdout, _) = expect(0, &[], "bench", &["--runs", "2", "--format", "json"])?;
    let json: serde_json::Value = serde_json::from_str(&stdout)?;
    let steps = json["steps"].as_array().ok_or("no steps")?;
    let timed = steps.iter().all(|step| step["microseconds"].as_f64().is_some_and(|time| time > 0.0));
    match json["via"] == "rust" && steps.len() > 3 && timed {
        true => Ok(()),
        false => Err(stdout.into()),
    }
}

fn compare() -> Result<(), Failed> {
    let (stdout, _) = expect(0, &[], "bench", &["--compare-plans", "--runs", "1", "--format", "json"])?;
    let json: serde_json::Value = serde_json::from_str(&stdout)?;
    match json["via"] == "rust" && json["plans"].as_array().is_some_and(|plans| plans.len() > 3) {
        true => Ok(()),
        false => Err(stdout.into()),
    }
}

fn verify(isa: Option<&str>) -> Result<(), Failed> {
    let forced = isa.map(|isa| ("MOBILENET_ISA", isa));
    let (stdout, _) = expect(0, forced.as_slice(), "verify", &["--samples", "2"])?;
    holds(&stdout, &["Rust kernels, built by cargo, against the f64 reference", "2 of 2"])
}

fn run() -> Result<(), Failed> {
    let (stdout, _) = expect(0, &[], "run", &["--image", &example("pictures/000.png"), "--top", "1"])?;
    holds(&stdout, &["run by Rust kernels, built by cargo", "95.73 %"])
}

fn without_cargo() -> Result<(), Failed> {
    let (_, stderr) = expect(1, &[("CARGO", "no/such/cargo")], "bench", &[])?;
    holds(&stderr, &["no/such/cargo", "install Rust", "--via c"])
}

/// A C compiler does not know cargo's options.
fn failing_cargo() -> Result<(), Failed> {
    let compiler = Compiler::find()?.name();
    let (_, stderr) = expect(1, &[("CARGO", &compiler)], "verify", &[])?;
    holds(&stderr, &["cargo failed to build the Rust runtime", "--package", "--via c"])
}

fn without_cc() -> Result<(), Failed> {
    let (_, stderr) = expect(1, &[("CC", "no/such/cc")], "run", &["--image", &example("pictures/000.png")])?;
    holds(&stderr, &["$CC names \"no/such/cc\""])
}
