//! Address credit from a terminal: how clients behave, who is blocked, what settings would have done.

use clap::{Args, Subcommand};
use nines_api::{
    CreditAddress, CreditBlock, CreditExplanation, CreditReason, CreditRehearsal, CreditRehearsalRequest,
    CreditReleaseRequest, CreditSettings, CreditStatus,
};

use super::{Session, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::{Table, one_line, printable};

/// Addresses and blocks that a status prints.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines credit set --mode watch --from 'service.name: edge'
  nines credit status
  nines credit explain 203.0.113.7
  nines credit rehearse --since 24h --mode act --list bad-addresses
  nines credit set --mode propose --list bad-addresses --allow 198.51.100.0/24
  nines credit release 203.0.113.7/32")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The settings, the worst addresses with what they did, and who is blocked until when
    Status,
    /// What is known about an address: points by rule, blocks, last requests
    Explain { address: String },
    /// Who would have been blocked over a stored past, and whom it would have hurt; nothing is done
    Rehearse {
        /// From when on
        #[arg(long, value_name = "WHEN", default_value = "24h", value_parser = instant::argument)]
        since: String,
        /// Until when; by default now
        #[arg(long, value_name = "WHEN", value_parser = instant::argument)]
        until: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Change settings; what is not named stays
    Set(Change),
    /// End a block now; the address is let alone for an hour
    Release { network: String },
}

/// Settings that are not those in force.
#[derive(Debug, Args)]
struct Change {
    /// off, watch (scores only), propose (a run waits for approval) or act (blocks by itself)
    #[arg(long)]
    mode: Option<String>,
    /// Whose access logs are believed, in the filter language
    #[arg(long, value_name = "FILTER")]
    from: Option<String>,
    /// logs or spans
    #[arg(long)]
    dataset: Option<String>,
    /// A network that is never blocked, in place of those in force; may be repeated, `none` for none
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<String>,
    /// The firewall's address set
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// The one for IPv6; empty for none
    #[arg(long, value_name = "NAME")]
    list_ipv6: Option<String>,
    /// Points at which an address is blocked
    #[arg(long, value_name = "POINTS")]
    block_at: Option<f64>,
    /// Points below which it may be released
    #[arg(long, value_name = "POINTS")]
    release_at: Option<f64>,
    /// Points halve in this time
    #[arg(long, value_name = "SECONDS")]
    half_life_secs: Option<u32>,
    /// The first block; each further one within a day is twice as long
    #[arg(long, value_name = "SECONDS")]
    block_secs: Option<u32>,
    #[arg(long, value_name = "SECONDS", help = "The longest block")]
    block_secs_max: Option<u32>,
    /// Networks blocked at a time
    #[arg(long, value_name = "COUNT")]
    blocks_max: Option<u32>,
}

impl Change {
    fn of(self, now: CreditSettings) -> CreditSettings {
        let allow = match self.allow.as_slice() {
            [] => now.allow,
            [none] if none == "none" => Vec::new(),
            _ => self.allow,
        };
        CreditSettings {
            mode: self.mode.unwrap_or(now.mode),
            from: self.from.unwrap_or(now.from),
            dataset: self.dataset.unwrap_or(now.dataset),
            allow,
            list: self.list.unwrap_or(now.list),
            list_ipv6: self.list_ipv6.or(now.list_ipv6).filter(|list| !list.is_empty()),
            block_at: self.block_at.unwrap_or(now.block_at),
            release_at: self.release_at.unwrap_or(now.release_at),
            half_life_secs: self.half_life_secs.unwrap_or(now.half_life_secs),
            block_secs: self.block_secs.unwrap_or(now.block_secs),
            block_secs_max: self.block_secs_max.unwrap_or(now.block_secs_max),
            blocks_max: self.blocks_max.unwrap_or(now.blocks_max),
        }
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let (client, output) = (&session.client, session.output);
    match arguments.command {
        Command::Status => output.print_text(&client.credit().await?, status)?,
        Command::Explain { address } => {
            output.print_text(&client.explain_address(&address).await?, explanation)?;
        }
        Command::Rehearse { since, until, change } => {
            let settings = Some(change.of(client.credit().await?.settings));
            let request = CreditRehearsalRequest { settings, start: Some(since), end: until };
            output.print_text(&client.rehearse_credit(&request).await?, rehearsal)?;
        }
        Command::Set(change) => {
            let settings = change.of(client.credit().await?.settings);
            let status = client.set_credit(&settings).await?;
            output.print_text(&status, |status| settings_line(&status.settings))?;
        }
        Command::Release { network } => {
            let block = client.release_address(&CreditReleaseRequest { network }).await?;
            output.print_text(&block, |block| {
                format!(
                    "{} is on its way off {}; run {}\n",
                    block.network,
                    block.list,
                    block.run.as_deref().unwrap_or("-")
                )
            })?;
        }
    }
    Ok(Code::Ok)
}

fn settings_line(settings: &CreditSettings) -> String {
    let mode = match settings.mode.as_str() {
        "act" => style::red("act"),
        "propose" => style::yellow("propose"),
        other => style::bold(other),
    };
    let from = if settings.from.is_empty() { "every log" } else { settings.from.as_str() };
    let list = if settings.list.is_empty() { "no list" } else { settings.list.as_str() };
    format!(
        "mode {mode} · from {} · into {} · blocks at {} points for {} s, releases below {} · allowed: {}\n",
        printable(from),
        printable(list),
        settings.block_at,
        settings.block_secs,
        settings.release_at,
        if settings.allow.is_empty() { "nobody".to_owned() } else { settings.allow.join(", ") },
    )
}

fn status(status: &CreditStatus) -> String {
    let mut text = settings_line(&status.settings);
    text.push_str(&format!("{} addresses · {} requests scored", status.addresses, status.requests));
    if status.left_out > 0 {
        text.push_str(&style::yellow(&format!(
            " · {} left out, for there were too many at once",
            status.left_out
        )));
    }
    text.push('\n');
    if !status.worst.is_empty() {
        let mut table = Table::new(["network", "score", "because", "last request"]);
        for one in status.worst.iter().take(SHOWN) {
            table.row(worst(one));
        }
        text.push_str(&format!("\n{}", table.right(&[1]).render()));
    }
    if !status.blocks.is_empty() {
        text.push_str(&format!("\n{}", blocks(&status.blocks).render()));
    }
    text
}

fn worst(one: &CreditAddress) -> [String; 4] {
    [one.network.clone(), format!("{:.1}", one.score), because(&one.because), short_time(&one.last_at)]
}

fn blocks(blocks: &[CreditBlock]) -> Table {
    let mut table = Table::new(["blocked", "phase", "until", "score", "because", "run", "note"]);
    for block in blocks.iter().take(SHOWN) {
        let waits = block.needs_approval && block.phase == "asked";
        table.row([
            block.network.clone(),
            if waits { "waits for approval".to_owned() } else { block.phase.clone() },
            short_time(block.ended_at.as_deref().unwrap_or(&block.until)),
            format!("{:.1}", block.score),
            because(&block.because),
            block.run.clone().unwrap_or_default(),
            one_line(block.reason.as_deref().unwrap_or_default()),
        ]);
    }
    table.right(&[3])
}

fn because(because: &[CreditReason]) -> String {
    let parts: Vec<_> = because.iter().map(|one| format!("{} {:.1}", one.rule, one.points)).collect();
    parts.join(", ")
}

fn explanation(one: &CreditExplanation) -> String {
    let mut text = format!("{}\n", style::bold(&one.network));
    if let Some(never) = &one.never {
        text.push_str(&format!("never blocked: {never}\n"));
    }
    match &one.standing {
        Some(standing) => {
            text.push_str(&format!(
                "{:.1} points, last request {}\n",
                standing.score,
                short_time(&standing.last_at)
            ));
            for reason in &standing.because {
                text.push_str(&format!("  {:>8.2}  {}\n", reason.points, reason.rule));
            }
        }
        None => text.push_str("nothing is known against it\n"),
    }
    if !one.blocks.is_empty() {
        text.push_str(&format!("\n{}", blocks(&one.blocks).render()));
    }
    if !one.requests.is_empty() {
        let mut table = Table::new(["at", "status", "path", "rules"]);
        for request in &one.requests {
            table.row([
                short_time(&request.at),
                request.status.to_string(),
                one_line(&request.path),
                request.rules.join(", "),
            ]);
        }
        text.push_str(&format!("\n{}", table.right(&[1]).render()));
    }
    text
}

fn rehearsal(one: &CreditRehearsal) -> String {
    let mut text = format!(
        "{} requests from {} to {}: {} blocks would have stopped {} of them, {} of which were answered with 2xx\n",
        one.requests,
        short_time(&one.start),
        short_time(&one.end),
        style::bold(&one.blocks_count.to_string()),
        one.stopped,
        style::bold(&one.stopped_answered_well.to_string()),
    );
    if !one.blocks.is_empty() {
        let mut table = Table::new(["network", "from", "to", "stopped", "of them 2xx", "because"]);
        for block in &one.blocks {
            table.row([
                block.network.clone(),
                short_time(&block.since),
                block.ended_at.as_deref().map_or("still".to_owned(), short_time),
                block.requests.to_string(),
                block.answered_well.to_string(),
                because(&block.because),
            ]);
        }
        text.push_str(&format!("\n{}", table.right(&[3, 4]).render()));
    }
    text
}
