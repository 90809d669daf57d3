use std::process::ExitCode;

use nines_base::ErrorKind;
use nines_client::ClientError;

/// What the shell is told. Part of the interface: scripts match on these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    Ok = 0,
    /// It was tried and failed, or a check found something.
    Failed = 1,
    // 2 is clap's: the command line is wrong.
    /// No node answered.
    Unreachable = 3,
    /// The key is missing, unknown or not strong enough.
    Denied = 4,
    NotFound = 5,
    /// It is on its way, but goes on only when somebody says so: an approval, an answer.
    Waiting = 6,
}

/// The last lines of `nines --help`.
pub const HELP: &str = "0 done · 1 failed, or a check found something · 2 wrong command line · 3 no node answered · \
                        4 key missing or too weak · 5 not found · 6 waits for a person";

impl Code {
    /// By the first error in the chain that knows its kind.
    pub fn of(error: &anyhow::Error) -> Self {
        let Some(client) = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>()) else {
            return Self::Failed;
        };
        match client.kind() {
            ErrorKind::Unauthenticated | ErrorKind::Forbidden => Self::Denied,
            ErrorKind::NotFound => Self::NotFound,
            _ if matches!(client, ClientError::Unreachable { .. }) => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}
