use clap::{Args, Subcommand, ValueEnum};
use nines_api::{Change, ChangeRequest, ChangesResponse};
use serde_json::Value;

use super::{Session, short_time};
use crate::exit::Code;
use crate::instant;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines change record --kind deploy --service checkout --version 2.4.1 --title 'deploy checkout 2.4.1' \\
    --by lin --undo 'nines deploy checkout --rollback'
  nines change list --service checkout")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record a change
    Record(Record),
    /// Changes, newest first
    List {
        /// Only of this service
        #[arg(long)]
        service: Option<String>,
        /// From this time: RFC 3339, or how long ago
        #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
        start: Option<String>,
        /// Before this time: RFC 3339, or how long ago
        #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
        end: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Record {
    /// What was done, in a line
    #[arg(long)]
    title: String,
    /// What was changed
    #[arg(long, value_enum)]
    kind: Kind,
    /// Service that was changed
    #[arg(long)]
    service: String,
    /// Version that runs now
    #[arg(long)]
    version: Option<String>,
    /// Who did it
    #[arg(long)]
    by: Option<String>,
    /// How to take it back: a command or a link
    #[arg(long)]
    undo: Option<String>,
    /// When: RFC 3339, or how long ago [default: now]
    #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// Anything else, by field name; may be repeated
    #[arg(long = "attribute", value_parser = attribute, value_name = "FIELD=VALUE")]
    attributes: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    Deploy,
    FeatureFlag,
    Config,
    Infrastructure,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::FeatureFlag => "feature_flag",
            Self::Config => "config",
            Self::Infrastructure => "infrastructure",
        }
    }
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not FIELD=VALUE")),
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Record(record) => {
            let change = session.client.record_change(&record.into()).await?;
            session.output.print(&change, |change| table(std::slice::from_ref(change)))?;
        }
        Command::List { service, start, end } => {
            let answer = session.client.changes(start.as_deref(), end.as_deref(), service.as_deref()).await?;
            session.output.print(&answer, |answer: &ChangesResponse| table(&answer.changes))?;
        }
    }
    Ok(Code::Ok)
}

impl From<Record> for ChangeRequest {
    fn from(record: Record) -> Self {
        Self {
            title: record.title,
            kind: record.kind.as_str().to_owned(),
            service: record.service,
            version: record.version,
            by: record.by,
            undo: record.undo,
            at: record.at,
            attributes: record
                .attributes
                .into_iter()
                .map(|(name, value)| (name, Value::String(value)))
                .collect(),
        }
    }
}

fn table(changes: &[Change]) -> Table {
    let mut table = Table::new(["at", "kind", "service", "what", "by", "undo", "id"]);
    for change in changes {
        table.row([
            short_time(&change.at),
            change.kind.clone(),
            change.service.clone(),
            change.title.clone(),
            change.by.clone().unwrap_or_default(),
            change.undo.clone().unwrap_or_default(),
            change.id.clone(),
        ]);
    }
    table
}
