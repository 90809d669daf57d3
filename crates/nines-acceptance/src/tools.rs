use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};

/// The root of this repository.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the crate lies in the workspace")
}

/// The folder of public data sets and benchmarks beside the repository, if this machine has it.
pub fn shared_folder() -> Option<PathBuf> {
    let folder =
        std::env::var_os("NINES_SHARED").map_or_else(|| workspace_root().join("../shared"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Runs a program to its end and gives its standard output; an exit code other than 0 is an error with its standard error.
pub async fn run_tool(
    program: impl AsRef<std::ffi::OsStr>,
    arguments: &[&str],
    folder: &Path,
) -> anyhow::Result<String> {
    let name = program.as_ref().to_string_lossy().into_owned();
    let output = nines_base::spawn::program(program.as_ref())
        .envs(std::env::vars_os())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("{name} could not be started"))?;
    if !output.status.success() {
        bail!(
            "{name} {arguments:?} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("output is not UTF-8")
}
