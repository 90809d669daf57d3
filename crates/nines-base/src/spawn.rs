//! The one way to start a program: by path and arguments, never through a shell, with an environment that is given
//! whole.

use std::ffi::OsStr;

/// A program to run with an empty environment. Arguments are passed as they are: there is no shell to escape from.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub fn program(path: impl AsRef<OsStr>) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(path);
    command.env_clear().kill_on_drop(true);
    command
}
