//! The audit log. Its chain is checked here, hash by hash, so that the node's own word need not be taken for it.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use nines_access::anchor::{Check, Checked as Found, read_anchors};
use nines_access::{Anchor, AuditEntry, AuditRecord, AuditResult, Digest};
use nines_api::AuditResponse;
use nines_model::Timestamp;
use serde::Serialize;

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::{self, style};
use crate::table::Table;

/// The most entries that the API gives at a time.
const PAGE: u32 = 1_000;
const SHOWN: usize = 50;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines audit list\n  nines audit verify\n  nines audit verify --anchor 1042:9f86d081…     the log must still hold this entry\n  nines audit verify --anchors /mnt/elsewhere/nines.anchors\n  nines audit export > audit.ndjson"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The newest entries
    List,
    /// Check the whole chain, and print its end to be kept elsewhere
    Verify {
        /// NUMBER:HASH of an entry, as an earlier check printed it; may be given several times
        #[arg(long, value_name = "NUMBER:HASH")]
        anchor: Vec<Anchor>,
        /// The file that `nines serve --audit-anchors` writes
        #[arg(long, value_name = "FILE")]
        anchors: Option<PathBuf>,
    },
    /// Every entry as a line of JSON
    Export,
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    intact: bool,
    entries: u64,
    /// `NUMBER:HASH` of the last entry: keep it where nobody who can write the log can write.
    anchor: Option<String>,
    /// Those given that the log still holds.
    anchors_held: usize,
    /// What is wrong.
    fault: Option<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::List => {
            let mut newest: Vec<nines_api::AuditRecord> = Vec::new();
            each_page(session, |page| {
                newest.extend(page);
                newest.drain(..newest.len().saturating_sub(SHOWN));
                Ok(())
            })
            .await?;
            session
                .output
                .print(&AuditResponse { entries: newest, next_after: None, next_before: None }, list)?;
        }
        Command::Export => {
            each_page(session, |page| {
                let mut text = String::new();
                for entry in page {
                    text.push_str(&serde_json::to_string(&entry)?);
                    text.push('\n');
                }
                output::write(&text)
            })
            .await?;
        }
        Command::Verify { anchor: mut anchors, anchors: file } => {
            if let Some(file) = file {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read anchors from {}", file.display()))?;
                let read = read_anchors(&text).map_err(|fault| anyhow!("{}, {fault}", file.display()))?;
                anchors.extend(read);
            }
            let checked = verify(session, anchors).await?;
            session.output.print_text(&checked, shown)?;
            return Ok(if checked.intact { Code::Ok } else { Code::Failed });
        }
    }
    Ok(Code::Ok)
}

async fn verify(session: &Session, anchors: Vec<Anchor>) -> anyhow::Result<Checked> {
    let mut check = Check::new(anchors);
    each_page(session, |page| {
        check.take(&page.into_iter().map(record).collect::<anyhow::Result<Vec<_>>>()?);
        Ok(())
    })
    .await?;
    let Found { entries, end, anchors_held, fault } = check.end();
    Ok(Checked {
        intact: fault.is_none(),
        entries,
        anchor: end.map(|end| end.to_string()),
        anchors_held,
        fault: fault.map(|fault| fault.to_string()),
    })
}

async fn each_page(
    session: &Session,
    mut take: impl FnMut(Vec<nines_api::AuditRecord>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let page = session.client.audit(after, PAGE).await?;
        take(page.entries)?;
        match page.next_after {
            Some(next) if next > after => after = next,
            Some(_) => bail!("the node gives the same entries again and again"),
            None => return Ok(()),
        }
    }
}

/// As it was hashed.
fn record(entry: nines_api::AuditRecord) -> anyhow::Result<AuditRecord> {
    let unreadable = || format!("entry {} cannot be read", entry.sequence);
    Ok(AuditRecord {
        sequence: entry.sequence,
        hash: Digest::from_hex(&entry.hash).with_context(unreadable)?,
        entry: AuditEntry {
            at: Timestamp::parse_rfc3339(&entry.at).ok().with_context(unreadable)?,
            actor: entry.actor.clone(),
            via: entry.via.clone(),
            action: entry.action.clone(),
            resource: entry.resource.clone(),
            result: AuditResult::parse(&entry.result).with_context(unreadable)?,
            request_id: entry.request_id.clone(),
            address: entry.address.clone(),
            details: entry.details.clone(),
        },
    })
}

fn shown(checked: &Checked) -> String {
    let mut text = match &checked.fault {
        None => format!(
            "{}  {} entries, each with the hash of the one before\n",
            style::green("intact"),
            checked.entries
        ),
        Some(fault) => format!("{}  {fault}\n", style::red("broken")),
    };
    if let Some(anchor) = checked.anchor.as_ref().filter(|_| checked.intact) {
        text.push_str(&format!("anchor  {anchor}\n"));
        if checked.anchors_held > 0 {
            text.push_str(&format!("held    {} anchors of before\n", checked.anchors_held));
        }
    }
    text
}

fn list(answer: &AuditResponse) -> Table {
    let mut table = Table::new(["#", "time", "who", "what", "on", "result", "from", "details"]).right(&[0]);
    for entry in &answer.entries {
        let result = match entry.result.as_str() {
            "denied" => style::red("denied"),
            "failed" => style::yellow("failed"),
            other => other.to_owned(),
        };
        table.row([
            entry.sequence.to_string(),
            short_time(&entry.at),
            entry.actor.clone(),
            entry.action.clone(),
            entry.resource.clone(),
            result,
            entry.address.clone(),
            entry.details.clone(),
        ]);
    }
    table
}
