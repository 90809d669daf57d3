//! The audit log. Its chain is checked here, hash by hash, so that the node's own word need not be taken for it.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use nines_access::audit::GENESIS;
use nines_access::{AuditEntry, AuditError, AuditRecord, AuditResult, Digest, verify_chain};
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
    after_help = "Examples:\n  nines audit list\n  nines audit verify\n  nines audit verify --anchor 1042:9f86d081…     the log must still hold this entry\n  nines audit export > audit.ndjson"
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
        /// NUMBER:HASH of an entry, as an earlier check printed it
        #[arg(long, value_name = "NUMBER:HASH")]
        anchor: Option<String>,
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
        Command::Verify { anchor } => {
            let checked = verify(session, anchor.as_deref()).await?;
            session.output.print_text(&checked, shown)?;
            return Ok(if checked.intact { Code::Ok } else { Code::Failed });
        }
    }
    Ok(Code::Ok)
}

async fn verify(session: &Session, anchor: Option<&str>) -> anyhow::Result<Checked> {
    let anchor = anchor.map(read_anchor).transpose()?;
    let (mut count, mut last) = (0, GENESIS);
    let mut is_anchored = anchor.is_none();
    let mut broken = None;
    each_page(session, |page| {
        if broken.is_some() {
            return Ok(());
        }
        let records = page.into_iter().map(record).collect::<anyhow::Result<Vec<_>>>()?;
        is_anchored |= records.iter().any(|record| anchor == Some((record.sequence, record.hash)));
        match verify_chain(count, last, &records) {
            Ok(end) => (count, last) = end,
            Err(AuditError::Broken { sequence }) => broken = Some(sequence),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    })
    .await?;
    let fault = match (broken, is_anchored) {
        (Some(sequence), _) => Some(format!("entry {sequence} is not what was written")),
        (None, false) => {
            Some("the entry of the anchor is not there: the log was cut or written anew".to_owned())
        }
        (None, true) => None,
    };
    Ok(Checked {
        intact: fault.is_none(),
        entries: count,
        anchor: (count > 0).then(|| format!("{count}:{}", last.to_hex())),
        fault,
    })
}

fn read_anchor(text: &str) -> anyhow::Result<(u64, Digest)> {
    let wrong = || format!("`{text}` is no anchor: give NUMBER:HASH as `nines audit verify` printed it");
    let (number, hash) = text.split_once(':').with_context(wrong)?;
    let number = number.parse().ok().with_context(wrong)?;
    Ok((number, Digest::from_hex(hash).with_context(wrong)?))
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
