//! Secrets. A value is read from standard input or a file, never from the command line, where every process could see it.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use nines_api::{
    RevealRequest, RotateRequest, Secret, SecretRequest, SecretRevealed, SecretRotated, SecretsResponse,
};

use super::{Session, short_time};
use crate::exit::Code;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines secret set slack-token < token.txt       then write `token: secret://slack-token` in the channel\n  nines secret rotate hook-signing               the node makes a new value and shows it this once\n  nines secret list\n  nines secret rm slack-token"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep a value, read from standard input, as the newest version of a name
    Set {
        /// Lower-case letters, digits, `-`, `_` and `.`
        name: String,
        /// Read the value from a file instead
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// All secrets, without their values
    List,
    /// Put a new value in place of the one in use; both are good until the next
    Rotate {
        /// Name of the secret
        name: String,
        /// Read the value from a file; without it the node makes one and shows it this once
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show a value; the reason goes into the audit log
    Reveal {
        /// Name of the secret
        name: String,
        /// Why it has to be seen
        #[arg(long)]
        reason: String,
        /// An earlier version [default: the newest]
        #[arg(long)]
        version: Option<u32>,
    },
    /// Remove a secret that no document refers to
    Rm {
        /// Name of the secret
        name: String,
        /// Even if documents refer to it: they are left without
        #[arg(long)]
        force: bool,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    match arguments.command {
        Command::Set { name, file } => {
            let value = value(file)?;
            let kept = client.put_secret(&name, &SecretRequest { value }).await?;
            session.output.print_text(&kept, |kept: &Secret| format!("{}\n", kept.reference))?;
            let version = kept.versions.first().map_or(0, |version| version.version);
            eprintln!("kept as version {version}: write the reference where the value would stand");
        }
        Command::List => session.output.print(&client.secrets().await?, list)?,
        Command::Rotate { name, file } => {
            let value = file.map(|file| self::value(Some(file))).transpose()?;
            let rotated = client.rotate_secret(&name, &RotateRequest { value }).await?;
            session.output.print_text(&rotated, |rotated: &SecretRotated| {
                rotated.value.as_ref().map(|value| format!("{value}\n")).unwrap_or_default()
            })?;
            let shown = if rotated.value.is_some() { "; the value is shown this once" } else { "" };
            let version = rotated.secret.versions.first().map_or(0, |version| version.version);
            eprintln!("version {version} is in use, and the one before it still good{shown}");
        }
        Command::Reveal { name, reason, version } => {
            let shown = client.reveal_secret(&name, &RevealRequest { reason, version }).await?;
            session.output.print_text(&shown, |shown: &SecretRevealed| format!("{}\n", shown.value))?;
        }
        Command::Rm { name, force } => {
            client.delete_secret(&name, force).await?;
            eprintln!("removed {name}");
        }
    }
    Ok(Code::Ok)
}

/// The whole input without the line end that editors and `echo` leave behind.
fn value(file: Option<PathBuf>) -> anyhow::Result<String> {
    let text = match file {
        Some(path) => {
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => {
            let mut input = std::io::stdin();
            if input.is_terminal() {
                eprintln!("Type the value and end with Ctrl-D:");
            }
            let mut text = String::new();
            input.read_to_string(&mut text).context("cannot read the value from standard input")?;
            text
        }
    };
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        bail!("no value given: write it to standard input, or name a file with --file");
    }
    Ok(value.to_owned())
}

fn list(answer: &SecretsResponse) -> Table {
    let mut table = Table::new(["name", "version", "set", "by", "last used", "used by"]).right(&[1]);
    for secret in &answer.secrets {
        let Some(newest) = secret.versions.first() else { continue };
        table.row([
            secret.name.clone(),
            newest.version.to_string(),
            short_time(&newest.created_at),
            newest.created_by.clone(),
            secret.last_used_at.as_deref().map(short_time).unwrap_or_default(),
            secret.used_by.join(", "),
        ]);
    }
    table
}
