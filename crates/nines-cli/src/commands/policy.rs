//! Policies of the organisation. Everything goes through the node, but for the way out of a lock-out, which needs the
//! data directory of a stopped one.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use nines_api::{
    PoliciesResponse, Policy, PolicyCheckRequest, PolicyChecked, PolicyDocument, PolicyProblem,
    PolicyRehearsal, PolicyRequest, PolicySchema,
};
use nines_base::SystemClock;
use serde::Serialize;

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::{Format, style};
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines policy schema                            the words: who, actions, what is known of a call\n  nines policy test production.cedar             each mistake at its place; what it would have refused of the last calls\n  nines policy apply production.cedar            holds from the next call on\n  nines policy list\n  nines policy disable --all --data ./nines-data    on the stopped node: the way out for whoever locked everybody out"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply a document of policies, as its newest version
    Apply {
        /// A file in Cedar
        file: PathBuf,
        /// Name of the document [default: the file's name without its ending]
        #[arg(long)]
        name: Option<String>,
        /// Even if you could not take it back afterwards
        #[arg(long)]
        force: bool,
    },
    /// Read a file as the node would, and put it to the past; nothing is applied
    Test {
        /// A file in Cedar
        file: PathBuf,
        /// Name of the document that it would replace [default: the file's name without its ending]
        #[arg(long)]
        name: Option<String>,
        /// How many of the newest audited calls are put to it [default: 1000]
        #[arg(long)]
        calls: Option<u32>,
    },
    /// All policies
    List,
    /// The text of a document
    Show {
        /// Name of the document
        name: String,
        /// An earlier version [default: the newest]
        #[arg(long)]
        version: Option<u32>,
    },
    /// Remove a document with its versions
    Remove {
        /// Name of the document
        name: String,
    },
    /// The words that policies may use, as a Cedar schema
    Schema,
    /// Switch every policy off, on a stopped node
    Disable {
        /// All of them; there is no other way
        #[arg(long, required = true)]
        all: bool,
        /// The node's data directory
        #[arg(long, env = "NINES_DATA", hide_env_values = true, value_name = "DIR")]
        data: PathBuf,
    },
}

pub async fn run(
    arguments: Arguments,
    output: Format,
    session: impl Fn() -> anyhow::Result<Session>,
) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Apply { file, name, force } => {
            let (name, text) = (named(name, &file)?, read(&file)?);
            let session = session()?;
            // Asked first, so that each mistake is told at its place.
            let check = PolicyCheckRequest { name: Some(name.clone()), text: text.clone(), calls: Some(0) };
            let checked = session.client.check_policy(&check).await?;
            if !checked.problems.is_empty() {
                return Ok(told(&checked.problems, &file));
            }
            let applied = session.client.put_policy(&name, &PolicyRequest { text, force }).await?;
            session.output.print_text(&applied, |applied: &PolicyDocument| {
                format!("{} version {}\n", applied.name, applied.version)
            })?;
            eprintln!("{} in force from the next call on", counted(applied.policies.len()));
        }
        Command::Test { file, name, calls } => {
            let session = session()?;
            let check = PolicyCheckRequest { name: Some(named(name, &file)?), text: read(&file)?, calls };
            let checked = session.client.check_policy(&check).await?;
            if !checked.problems.is_empty() {
                session.output.print_text(&checked, |_| String::new())?;
                return Ok(told(&checked.problems, &file));
            }
            session.output.print_text(&checked, rehearsed)?;
        }
        Command::List => {
            let session = session()?;
            session.output.print(&session.client.policies().await?, list)?;
        }
        Command::Show { name, version } => {
            let session = session()?;
            let versions = session.client.policy_versions(&name).await?.documents;
            let wanted =
                |document: &&PolicyDocument| version.is_none_or(|version| document.version == version);
            let Some(document) = versions.iter().find(wanted) else {
                bail!("`{name}` has no version {} that is kept", version.unwrap_or_default());
            };
            session.output.print_text(document, |document: &PolicyDocument| document.text.clone())?;
        }
        Command::Remove { name } => {
            session()?.client.remove_policy(&name).await?;
            eprintln!("removed {name}");
        }
        Command::Schema => {
            let session = session()?;
            let schema = session.client.policy_schema().await?;
            session.output.print_text(&schema, |schema: &PolicySchema| schema.text.clone())?;
        }
        Command::Disable { all: _, data } => {
            let user = std::env::var("USER").unwrap_or_else(|_| "somebody on this machine".to_owned());
            let documents = nines_server::disable_policies(&data, &user, &SystemClock::shared()).await?;
            output.print_text(&Disabled { documents }, |disabled: &Disabled| {
                format!("{} documents are off\n", disabled.documents)
            })?;
            eprintln!("it is in the audit log; apply a document again to switch it on");
        }
    }
    Ok(Code::Ok)
}

#[derive(Debug, Serialize)]
struct Disabled {
    documents: u64,
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn named(name: Option<String>, file: &Path) -> anyhow::Result<String> {
    let of_file = || file.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
    name.or_else(of_file).with_context(|| format!("{} has no name: give one with --name", file.display()))
}

/// Each mistake as compilers write it, on standard error.
fn told(problems: &[PolicyProblem], file: &Path) -> Code {
    for problem in problems {
        let place = format!("{}:{}:{}:", file.display(), problem.line, problem.column);
        eprintln!("{place} {} {}", style::red("error:"), problem.message);
        if let Some(hint) = &problem.hint {
            eprintln!("{:width$} {hint}", "", width = place.len());
        }
    }
    Code::Failed
}

fn counted(policies: usize) -> String {
    if policies == 1 { "1 policy is".to_owned() } else { format!("{policies} policies are") }
}

fn rehearsed(checked: &PolicyChecked) -> String {
    let mut text = String::new();
    for Policy { id, effect, reason, .. } in &checked.policies {
        text.push_str(&format!("{effect}  {id}  {}\n", reason.as_deref().unwrap_or_default()));
    }
    if !checked.keeps_caller {
        text.push_str("you could not take this back afterwards\n");
    }
    if let Some(PolicyRehearsal { asked, unknown, refused, examples }) = &checked.rehearsal {
        text.push_str(&format!("of the last {asked} audited calls, {refused} would have been refused"));
        if *unknown > 0 {
            text.push_str(&format!("; of {unknown} more, the caller or the action is known no more"));
        }
        text.push('\n');
        if !examples.is_empty() {
            let mut table = Table::new(["at", "who", "action", "on", "policy", "reason"]);
            for one in examples {
                table.row([
                    short_time(&one.at),
                    one.actor.clone(),
                    one.action.clone(),
                    one.resource.clone(),
                    one.policy.clone(),
                    one.reason.clone().unwrap_or_default(),
                ]);
            }
            text.push_str(&table.render());
        }
    }
    text
}

fn list(answer: &PoliciesResponse) -> Table {
    let mut table = Table::new(["policy", "effect", "version", "applied", "by", "reason"]).right(&[2]);
    for document in &answer.documents {
        let state = match (document.enabled, document.problems.is_empty()) {
            (false, _) => Some("off"),
            (true, false) => Some("unreadable"),
            (true, true) => None,
        };
        let version = document.version.to_string();
        let (at, by) = (short_time(&document.applied_at), document.applied_by.clone());
        if document.policies.is_empty() {
            let state = state.unwrap_or("empty").to_owned();
            table.row([document.name.clone(), state, version, at, by, String::new()]);
            continue;
        }
        for policy in &document.policies {
            table.row([
                policy.id.clone(),
                state.map_or_else(|| policy.effect.clone(), str::to_owned),
                version.clone(),
                at.clone(),
                by.clone(),
                policy.reason.clone().unwrap_or_default(),
            ]);
        }
    }
    table
}
