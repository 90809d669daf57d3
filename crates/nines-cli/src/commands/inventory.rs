//! The inventory from a terminal: what there is, what does not keep to the standards, why, and how to mend it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use nines_api::{
    ComplianceTally, ComplianceWaiver, InventoryImport, InventoryResource, InventoryResources,
    InventoryScore, InventoryStandards, InventoryTaken, StandardsRequest, WaiverRequest, WaiversResponse,
};
use nines_model::Timestamp;

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::{Table, one_line};

/// Rules that a check prints.
const RULES_SHOWN: usize = 12;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aws ec2 describe-instances > instances.json
  nines inventory import instances.json --account 123456789012 --region eu-west-1 --complete
  nines inventory collect
  nines inventory check --min-score 90
  nines inventory list --owner checkout --verdict failed
  nines inventory show aws/123456789012/eu-west-1/aws.s3.bucket/shop-assets
  nines inventory waive s3-public-block --resource aws/…/shop-assets --reason 'public downloads, by design' --owner mei --days 90
  nines inventory approve wv-0123456789ab")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take in a file: our own documents, what `aws … describe-*` prints, AWS Config, Terraform's state
    Import {
        file: PathBuf,
        /// Account of what does not name its own
        #[arg(long)]
        account: Option<String>,
        /// Region of what does not name its own
        #[arg(long)]
        region: Option<String>,
        /// The file holds everything of each kind in it: what it does not hold is gone
        #[arg(long)]
        complete: bool,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask the configured accounts for everything now
    Collect,
    /// Resources with what does not keep to the standards, the worst first
    List {
        #[command(flatten)]
        filter: Filter,
        /// Every verdict as CSV
        #[arg(long)]
        csv: bool,
    },
    /// One resource with every verdict, why it matters and how to mend it
    Show { key: String },
    /// The score, the worst standards, and what is not known; fails below a score
    Check {
        /// Fail below this many percent
        #[arg(long, value_name = "PERCENT")]
        min_score: Option<f64>,
    },
    /// Every standard, or apply and remove those of one's own
    Standards {
        /// Apply the `kind: Standard` documents of a file
        #[arg(long, short, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Take one of one's own away
        #[arg(long, value_name = "NAME", conflicts_with = "file")]
        remove: Option<String>,
    },
    /// Ask that failures be waived until a day; a second person approves it
    Waive(Waive),
    /// What is waived, by whom, until when
    Waivers,
    /// Approve a waiver that somebody else asked for
    Approve { id: String },
    /// End a waiver now
    Unwaive { id: String },
}

#[derive(Debug, Args)]
struct Filter {
    /// Such as aws.s3.bucket
    #[arg(long)]
    kind: Option<String>,
    /// A team; empty for what nobody owns
    #[arg(long)]
    owner: Option<String>,
    /// Those that do not keep to this standard
    #[arg(long)]
    rule: Option<String>,
    /// passed, failed or unknown
    #[arg(long)]
    verdict: Option<String>,
    /// Those that are gone
    #[arg(long)]
    gone: bool,
    /// A part of an id, a name or a tag
    #[arg(default_value = "")]
    text: String,
}

#[derive(Debug, Args)]
struct Waive {
    /// The standard
    rule: String,
    /// A resource's key
    #[arg(long)]
    resource: Option<String>,
    /// Everything of a kind
    #[arg(long)]
    kind: Option<String>,
    /// Everything of an account
    #[arg(long)]
    account: Option<String>,
    /// Everything of an owner
    #[arg(long, value_name = "OWNER")]
    owner_is: Option<String>,
    #[arg(long)]
    reason: String,
    /// Who answers for it
    #[arg(long)]
    owner: String,
    /// For how long, at most 366
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u64,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let (client, output) = (&session.client, session.output);
    match arguments.command {
        Command::Import { file, account, region, complete, dry_run } => {
            let request = InventoryImport {
                text: text_of(&file)?,
                file: Some(file.display().to_string()),
                account,
                region,
                complete,
                dry_run,
            };
            let taken = client.import_inventory(&request).await?;
            output.print(&taken, self::taken)?;
            for (kind, count) in &taken.skipped {
                eprintln!("{} {count} of `{kind}` left out: no kind is for it", style::yellow("note:"));
            }
            let done = if dry_run { "would be taken in from" } else { "taken in from" };
            eprintln!("{done} {}", taken.source);
        }
        Command::Collect => {
            let taken = client.collect_inventory().await?;
            output.print(&taken, self::taken)?;
            let refused = taken.listings.iter().filter(|one| one.problem.is_some());
            for one in refused {
                let problem = one.problem.as_deref().unwrap_or_default();
                eprintln!("{} {} is not known: {problem}", style::yellow("warning:"), one.kind);
            }
        }
        Command::List { filter, csv } => {
            let gone = filter.gone.then_some("true");
            let query = [
                ("kind", filter.kind.as_deref()),
                ("owner", filter.owner.as_deref()),
                ("rule", filter.rule.as_deref()),
                ("verdict", filter.verdict.as_deref()),
                ("gone", gone),
                ("q", Some(filter.text.as_str()).filter(|text| !text.is_empty())),
            ];
            if csv {
                print!("{}", client.inventory_csv(&query).await?);
            } else {
                let found = client.inventory_resources(&query).await?;
                output.print(&found, list)?;
                if found.count > found.resources.len() {
                    eprintln!("{} of {} shown", found.resources.len(), found.count);
                }
            }
        }
        Command::Show { key } => output.print_text(&client.inventory_resource(&key).await?, show)?,
        Command::Check { min_score } => {
            let score = client.inventory_score().await?;
            output.print_text(&score, check)?;
            // Nothing was judged: that is no hundred.
            let is_low = min_score.is_some_and(|min| score.total.score.is_none_or(|found| found < min));
            return Ok(if is_low { Code::Failed } else { Code::Ok });
        }
        Command::Standards { file: Some(file), .. } => {
            let request = StandardsRequest { text: text_of(&file)?, file: Some(file.display().to_string()) };
            for name in client.apply_standards(&request).await?.names {
                println!("applied {name}");
            }
        }
        Command::Standards { remove: Some(name), .. } => {
            client.remove_standard(&name).await?;
            eprintln!("removed {name}");
        }
        Command::Standards { .. } => output.print(&client.inventory_standards().await?, standards)?,
        Command::Waive(waive) => {
            let now = nines_base::SystemClock::shared().now();
            let ends_at: Timestamp = now + std::time::Duration::from_secs(waive.days.saturating_mul(86_400));
            let request = WaiverRequest {
                rule: waive.rule,
                resource: waive.resource,
                kind: waive.kind,
                account: waive.account,
                owner_is: waive.owner_is,
                reason: waive.reason,
                owner: waive.owner,
                ends_at: ends_at.to_string(),
            };
            let asked = client.ask_waiver(&request).await?;
            output.print_text(&asked, |asked: &ComplianceWaiver| format!("{}\n", asked.id))?;
            eprintln!("somebody else approves it: nines inventory approve {}", asked.id);
            return Ok(Code::Waiting);
        }
        Command::Waivers => output.print(&client.inventory_waivers().await?, waivers)?,
        Command::Approve { id } => {
            let waiver = client.approve_waiver(&id).await?;
            eprintln!("{} is waived until {}", waiver.rule, short_time(&waiver.ends_at));
        }
        Command::Unwaive { id } => {
            client.remove_waiver(&id).await?;
            eprintln!("ended {id}");
        }
    }
    Ok(Code::Ok)
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn taken(answer: &InventoryTaken) -> Table {
    let mut table =
        Table::new(["kind", "account", "region", "seen", "added", "changed", "gone", "not whole because"]);
    for one in &answer.listings {
        table.row([
            one.kind.clone(),
            one.account.clone(),
            one.region.clone(),
            one.seen.to_string(),
            one.added.to_string(),
            one.changed.to_string(),
            one.gone.to_string(),
            one_line(one.problem.as_deref().unwrap_or_default()),
        ]);
    }
    table.right(&[3, 4, 5, 6])
}

fn list(answer: &InventoryResources) -> Table {
    let mut table = Table::new(["resource", "name", "owner", "failed", "unknown", "waived", "worst"]);
    for one in &answer.resources {
        table.row([
            one.key.clone(),
            one.name.clone(),
            one.owner.clone().unwrap_or_default(),
            one.tally.failed.to_string(),
            one.tally.unknown.to_string(),
            one.tally.waived.to_string(),
            one.verdicts.first().map(|verdict| verdict.rule.clone()).unwrap_or_default(),
        ]);
    }
    table.right(&[3, 4, 5])
}

fn show(one: &InventoryResource) -> String {
    let mut text = format!("{}\n{}\n", style::bold(&one.name), style::dim(&one.key));
    let owner = one.owner.as_deref().unwrap_or("nobody");
    text.push_str(&format!("owner {owner} · {}\n", counts(&one.tally)));
    if let Some(at) = &one.gone_at {
        text.push_str(&format!("gone since {}\n", short_time(at)));
    }
    for verdict in &one.verdicts {
        let word = match verdict.verdict.as_str() {
            "passed" => style::green("passed "),
            "failed" => style::red("failed "),
            "waived" => style::dim("waived "),
            _ => style::yellow("unknown"),
        };
        text.push_str(&format!("\n{word} {} ({}, {})\n", verdict.title, verdict.rule, verdict.severity));
        text.push_str(&format!("        {}\n", verdict.because));
        if verdict.verdict != "passed" {
            text.push_str(&format!("        why   {}\n        mend  {}\n", verdict.why, verdict.mend));
        }
    }
    text
}

fn counts(tally: &ComplianceTally) -> String {
    let score = tally.score.map_or("nothing judged".to_owned(), |score| format!("{score:.1} %"));
    let ComplianceTally { passed, failed, unknown, waived, .. } = tally;
    format!("{score} · {passed} passed, {failed} failed, {unknown} unknown; {waived} waived")
}

fn check(answer: &InventoryScore) -> String {
    let mut text = format!("{} resources · {}\n", answer.resources, style::bold(&counts(&answer.total)));
    let open = |tally: &ComplianceTally| tally.failed + tally.unknown > 0;
    let mut table = Table::new(["standard", "severity", "failed", "unknown", "passed", "what"]);
    for rule in answer.rules.iter().filter(|rule| open(&rule.tally)).take(RULES_SHOWN) {
        table.row([
            rule.name.clone(),
            rule.severity.clone(),
            rule.tally.failed.to_string(),
            rule.tally.unknown.to_string(),
            rule.tally.passed.to_string(),
            rule.title.clone(),
        ]);
    }
    text.push_str(&table.right(&[2, 3, 4]).render());
    for one in answer.listings.iter().filter(|one| one.complete_at.is_none()) {
        let problem = one.problem.as_deref().unwrap_or("never asked for");
        text.push_str(&format!(
            "{} {} of {}: {problem}\n",
            style::yellow("not known:"),
            one.kind,
            one.account
        ));
    }
    text
}

fn standards(answer: &InventoryStandards) -> Table {
    let mut table = Table::new(["standard", "severity", "for", "own", "what"]);
    for one in &answer.standards {
        let own = match (one.disabled, &one.yaml) {
            (true, _) => "disabled",
            (false, Some(_)) => "own",
            (false, None) => "",
        };
        table.row([
            one.name.clone(),
            one.severity.clone(),
            one_line(&one.applies_to.join(", ")),
            own.to_owned(),
            one.title.clone(),
        ]);
    }
    table
}

fn waivers(answer: &WaiversResponse) -> Table {
    let mut table =
        Table::new(["waiver", "standard", "of", "state", "until", "owner", "asked", "approved", "reason"]);
    for one in &answer.waivers {
        let scope = [&one.resource, &one.kind, &one.account, &one.owner_is];
        let scope: Vec<_> = scope.into_iter().flatten().map(String::as_str).collect();
        table.row([
            one.id.clone(),
            one.rule.clone(),
            scope.join(" "),
            one.state.clone(),
            short_time(&one.ends_at),
            one.owner.clone(),
            one.asked_by.clone(),
            one.approved_by.clone().unwrap_or_default(),
            one_line(&one.reason),
        ]);
    }
    table
}
