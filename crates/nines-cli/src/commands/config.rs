//! Settings: where each comes from, and what a file would change.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use nines_api::{ConfigResponse, ConfigSetting};
use nines_server::{Config, DEFAULT, FileFault};
use serde::Serialize;

use super::Session;
use crate::exit::Code;
use crate::output::{Format, style};
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines config show                  each setting of the running node, and the flag, variable or line that it comes from\n  nines config check nines.toml      each mistake at its place, and what the file would change on the running node"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every setting of the running node, secrets redacted, and where it comes from
    Show {
        /// Only what is not a default
        #[arg(long)]
        changed: bool,
    },
    /// Read a file as a node would; nothing is changed
    Check {
        /// A configuration file (TOML)
        file: PathBuf,
    },
}

pub async fn run(
    arguments: Arguments,
    output: Format,
    session: impl Fn() -> anyhow::Result<Session>,
) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Show { changed } => {
            let mut answer = session()?.client.config().await?;
            answer.settings.retain(|setting| !changed || setting.origin != DEFAULT);
            output.print(&answer, shown)?;
            Ok(Code::Ok)
        }
        Command::Check { file } => {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let config = match Config::from_text(&file, &text) {
                Ok(config) => config,
                Err(faults) => return Ok(told(&faults, &file)),
            };
            config.check()?;
            let running = match session() {
                Ok(session) => session.client.config().await.map_err(anyhow::Error::from),
                Err(error) => Err(error),
            };
            let changes = match running {
                Ok(running) => Some(changes(&config, &running)),
                Err(error) => {
                    eprintln!("the file is good; what it would change is not known: {error}");
                    None
                }
            };
            output.print_text(&Checked { good: true, changes }, listed)?;
            Ok(Code::Ok)
        }
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    good: bool,
    /// `None`: no node was asked.
    changes: Option<Vec<Change>>,
}

/// A setting that the file would change.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    key: String,
    now: Option<String>,
    then: Option<String>,
    /// The flag or variable that wins over the file, so that nothing changes.
    kept_by: Option<String>,
    /// All of them: the file is read when the node starts.
    needs_restart: bool,
}

/// What would be other after a restart with this file in place of the one before.
fn changes(config: &Config, running: &ConfigResponse) -> Vec<Change> {
    let mut changes = Vec::new();
    for setting in config.settings() {
        let Some(now) = running.settings.iter().find(|now| now.key == setting.key) else { continue };
        if now.value == setting.value {
            continue;
        }
        let kept_by = Some(&now.origin).filter(|origin| origin.starts_with(['-', '$'])).cloned();
        // What the file does not speak of is not changed by it where something else decides.
        if kept_by.is_some() && setting.origin == DEFAULT {
            continue;
        }
        changes.push(Change {
            key: setting.key.to_owned(),
            now: now.value.clone(),
            then: setting.value,
            needs_restart: kept_by.is_none(),
            kept_by,
        });
    }
    changes
}

fn told(faults: &[FileFault], file: &Path) -> Code {
    for fault in faults {
        let place = format!("{}:{}:{}:", file.display(), fault.line, fault.column);
        eprintln!("{place} {} {}", style::red("error:"), fault.message);
        if let Some(hint) = &fault.hint {
            eprintln!("{:width$} {hint}", "", width = place.len());
        }
    }
    Code::Failed
}

fn listed(checked: &Checked) -> String {
    let Some(changes) = &checked.changes else { return String::new() };
    if changes.is_empty() {
        return "the file is good and changes nothing\n".to_owned();
    }
    let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not set)".to_owned());
    let mut table = Table::new(["setting", "now", "with this file", ""]);
    for change in changes {
        let when = match &change.kept_by {
            Some(origin) => format!("stays: {origin} wins over the file"),
            None => "at the next start".to_owned(),
        };
        table.row([change.key.clone(), word(&change.now), word(&change.then), when]);
    }
    table.render()
}

fn shown(answer: &ConfigResponse) -> Table {
    let mut table = Table::new(["setting", "value", "from"]);
    for ConfigSetting { key, value, origin } in &answer.settings {
        let value = value.clone().unwrap_or_else(|| "(not set)".to_owned());
        table.row([key.clone(), value, origin.clone()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_what_the_file_leaves_out_goes_back_to_the_default() {
        let setting = |key: &str, value: &str, origin: &str| ConfigSetting {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            origin: origin.to_owned(),
        };
        let running = ConfigResponse {
            settings: vec![
                setting("listen", "127.0.0.1:1", "--listen"),
                setting("otlp_grpc", "127.0.0.1:2", "old.toml:1"),
                setting("otlp_http", "127.0.0.1:3", "$NINES_OTLP_HTTP"),
                setting("data", "./nines-data", "default"),
            ],
        };
        let file = Path::new("new.toml");
        let config = Config::from_text(file, "listen = \"127.0.0.1:9\"\ndata = \"/srv\"\n").unwrap();
        let found: Vec<_> = changes(&config, &running)
            .into_iter()
            .map(|change| (change.key, change.then.unwrap_or_default(), change.kept_by.unwrap_or_default()))
            .collect();
        let expected = [
            ("data", "/srv", ""),
            ("listen", "127.0.0.1:9", "--listen"),
            ("otlp_grpc", "127.0.0.1:4317", ""),
        ];
        assert_eq!(found, expected.map(|(key, then, by)| (key.to_owned(), then.to_owned(), by.to_owned())));
    }
}
