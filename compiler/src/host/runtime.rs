//! The kernels of the Rust runtime as a static library, which cargo builds.

use super::{HostError, cache};
use crate::emit::Files;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGE: &str = "mobilenet-runtime-capi";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the library is linked with.
pub(super) const NEEDS: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

/// `mobilenet-runtime-capi`, built for this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    pub(super) include: PathBuf,
    pub(super) archive: PathBuf,
}

impl Runtime {
    /// As [`Runtime::build`], under `$XDG_CACHE_HOME`, or `.cache` in the user's home.
    ///
    /// # Errors
    ///
    /// As [`Runtime::build`], or there is no such folder.
    pub fn cached() -> Result<Self, HostError> {
        let absent = || std::io::Error::other("no home folder to build the runtime in: set XDG_CACHE_HOME");
        Self::build(&cache::home().ok_or_else(absent)?)
    }

    /// Has cargo (or `$CARGO`) build the library under this folder; it does nothing where that is up to date. The source
    /// is the checkout that this compiler was built in, or else the published crate of the same version.
    ///
    /// # Errors
    ///
    /// [`HostError::NoCargo`], or what cargo or the file system reports.
    pub fn build(folder: &Path) -> Result<Self, HostError> {
        let manifest = manifest(Path::new(env!("CARGO_MANIFEST_DIR")));
        let folder = folder.join(format!("runtime-{VERSION}-{}", key(&manifest)));
        let mut files = Files::new();
        files.insert("Cargo.toml", manifest);
        files.insert("lib.rs", "");
        files.write_to(&folder)?;
        let cargo = std::env::var_os("CARGO").filter(|cargo| !cargo.is_empty()).unwrap_or_else(|| "cargo".into());
        let output = Command::new(&cargo)
            .args(["build", "--quiet", "--release", "--package", PACKAGE, "--target-dir", "target"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|_| HostError::NoCargo { command: cargo.to_string_lossy().into_owned() })?;
        let built = output.status.success().then(|| artifact(&String::from_utf8_lossy(&output.stdout)));
        let failed = || HostError::Cargo { output: String::from_utf8_lossy(&output.stderr).into_owned() };
        built.flatten().ok_or_else(failed)
    }
}

/// A crate whose one dependency is the library's.
fn manifest(compiler: &Path) -> String {
    let checkout = compiler.with_file_name("runtime").join("capi");
    let path = match checkout.join("Cargo.toml").is_file() {
        true => format!(", path = {:?}", checkout.to_string_lossy()),
        false => String::new(),
    };
    format!(
        "[package]\nname = \"mobilenetc-runtime\"\nversion = \"{VERSION}\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[dependencies]\n{PACKAGE} = {{ version = \"={VERSION}\"{path} }}\n\n[workspace]\n"
    )
}

/// Keeps apart what different sources are built from.
fn key(manifest: &str) -> String {
    Sha256::digest(manifest).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The library among the messages of cargo, one JSON object per line.
fn artifact(messages: &str) -> Option<Runtime> {
    let name = PACKAGE.replace('-', "_");
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_library =
        |message: &Value| message["reason"] == "compiler-artifact" && message["target"]["name"] == name.as_str();
    let message = messages.into_iter().find(of_library)?;
    let include = Path::new(message["manifest_path"].as_str()?).with_file_name("include");
    Some(Runtime { include, archive: message["filenames"][0].as_str()?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Compiler;
    use crate::plan::testing::mobilenet_v1;
    use crate::plan::{CostModel, plan};

    #[test]
    fn code_calls_the_library_if_there_is_one() {
        let Ok(plain) = Compiler::find() else { return };
        let runtime = Runtime { include: "include".into(), archive: "lib.a".into() };
        let plan = plan(mobilenet_v1(0.25, 32, 10), &CostModel::default()).unwrap();
        for (compiler, calls) in [(plain.clone(), false), (plain.with_runtime(runtime), true)] {
            let files = compiler.emit(&plan, true).unwrap();
            let source = String::from_utf8_lossy(files.get("net.c").unwrap()).into_owned();
            assert_eq!(source.contains("mobilenet_rt_begin"), calls, "{}", compiler.product());
            assert!(source.contains("NET_STAGE_BEGIN"));
        }
    }

    #[test]
    fn the_source_is_the_checkout_or_the_published_crate() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = folder.path().join("compiler");
        let published = format!("mobilenet-runtime-capi = {{ version = \"={VERSION}\" }}");
        assert!(manifest(&compiler).contains(&published));
        let capi = folder.path().join("runtime/capi");
        std::fs::create_dir_all(&capi).unwrap();
        std::fs::write(capi.join("Cargo.toml"), "").unwrap();
        let within = manifest(&compiler);
        assert!(within.contains(&format!(", path = {:?} }}", capi.to_str().unwrap())), "{within}");
        assert_ne!(key(&within), key(&manifest(Path::new("/elsewhere/compiler"))));
    }

    #[test]
    fn cargo_says_where_the_library_is() {
        let other = r#"{"reason":"compiler-artifact","target":{"name":"mobilenet_runtime"},"filenames":["/t/a.rlib"]}"#;
        let ours = r#"{"reason":"compiler-artifact","manifest_path":"/s/capi/Cargo.toml",
            "target":{"name":"mobilenet_runtime_capi"},"filenames":["/t/release/lib.a"]}"#
            .replace('\n', "");
        let found = artifact(&format!("{other}\n{ours}\n{{\"reason\":\"build-finished\"}}\n"));
        assert_eq!(found, Some(Runtime { include: "/s/capi/include".into(), archive: "/t/release/lib.a".into() }));
        assert_eq!(artifact(&format!("warning\n{other}")), None);
    }
}
