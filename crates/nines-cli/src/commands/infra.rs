//! Infrastructure from a terminal: what reports, what has stopped, what will run full.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use nines_api::{
    InfraResponse, InfraRetire, InfraUnit, InfraUnitDetail, InfraWatch, InfraWatches, Saturation,
    SaturationResponse,
};
use nines_model::Timestamp;

use super::{Session, duration, percent, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::{Table, one_line};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  nines infra
  nines infra --by cloud.region --measure memory
  nines infra --kind pod --absent
  nines infra 'cloud.region: eu-1 and web-*'
  nines infra show web-3
  nines infra retire web-3 --reason 'scaled in'
  nines infra watch silent-hosts --kind host --absent-after 4 --severity P1
  nines infra watch disks --full-within 72 --probability 0.9"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Args)]
struct List {
    /// host, pod, container, process or target
    #[arg(long, default_value = "host")]
    kind: String,
    /// A label to group by, such as cloud.region
    #[arg(long, value_name = "LABEL")]
    by: Option<String>,
    /// cpu, memory, disk, network, …
    #[arg(long)]
    measure: Option<String>,
    /// PromQL in place of a measure, by the labels of units
    #[arg(long, value_name = "PROMQL", conflicts_with = "measure")]
    query: Option<String>,
    /// Only what is absent; the exit status says whether anything is
    #[arg(long)]
    absent: bool,
    /// A filter over labels
    #[arg(default_value = "")]
    filter: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One unit: how it stands, its labels, its limits, what runs there
    Show {
        id: String,
        #[arg(long, default_value = "host")]
        kind: String,
    },
    /// Say that a unit is gone on purpose, until it reports again
    Retire {
        id: String,
        #[arg(long, default_value = "host")]
        kind: String,
        /// Why; an empty one takes it back
        #[arg(long)]
        reason: String,
    },
    /// What is told of: units that fall silent, limits that will be reached
    Watches,
    /// Tell when units fall silent (--absent-after) or will run full (--full-within)
    Watch {
        name: String,
        #[arg(long)]
        kind: Option<String>,
        /// A filter over labels
        #[arg(long, default_value = "")]
        filter: String,
        /// Missed reports
        #[arg(long, value_name = "REPORTS", required_unless_present = "full_within")]
        absent_after: Option<u32>,
        /// Hours ahead
        #[arg(long, value_name = "HOURS", conflicts_with = "absent_after")]
        full_within: Option<f64>,
        /// Of the forecast, 0.5 to 0.99
        #[arg(long, requires = "full_within")]
        probability: Option<f64>,
        /// P0, P1, or P2: a ticket
        #[arg(long)]
        severity: Option<String>,
        /// Whose the alert is
        #[arg(long)]
        service: Option<String>,
    },
    /// Tell no more of it
    Unwatch { name: String },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let (client, output) = (&session.client, session.output);
    match arguments.command {
        None => {
            let list = arguments.list;
            let query = [
                ("kind", Some(list.kind.as_str())),
                ("by", list.by.as_deref()),
                ("measure", list.measure.as_deref()),
                ("query", list.query.as_deref()),
                ("q", Some(list.filter.as_str()).filter(|text| !text.is_empty())),
                ("state", list.absent.then_some("absent")),
            ];
            let found = client.infrastructure(&query).await?;
            output.print(&found, units)?;
            found.notes.iter().for_each(|note| eprintln!("{} {note}", style::yellow("note:")));
            let absent: usize = found.groups.iter().map(|group| group.absent).sum();
            return Ok(if list.absent && absent > 0 { Code::Failed } else { Code::Ok });
        }
        Some(Command::Show { id, kind }) => {
            output.print_text(&client.infrastructure_unit(&kind, &id).await?, show)?;
        }
        Some(Command::Retire { id, kind, reason }) => {
            let unit = client.retire_unit(&InfraRetire { kind, id, reason }).await?;
            eprintln!("{} is {}", unit.name, unit.state);
        }
        Some(Command::Watches) => output.print(&client.infra_watches().await?, watches)?,
        Some(Command::Watch {
            name,
            kind,
            filter,
            absent_after,
            full_within,
            probability,
            severity,
            service,
        }) => {
            let watch = InfraWatch {
                name,
                kind,
                filter,
                absent_after,
                full_within_hours: full_within,
                probability,
                severity,
                service,
            };
            let put = client.put_infra_watch(&watch).await?;
            eprintln!("{} is watched, as {}", put.watch.name, put.watch.severity.unwrap_or_default());
        }
        Some(Command::Unwatch { name }) => {
            client.delete_infra_watch(&name).await?;
            eprintln!("{name} is watched no more");
        }
    }
    Ok(Code::Ok)
}

fn value(value: Option<f64>, unit: &str) -> String {
    match (value, unit) {
        (None, _) => "-".to_owned(),
        (Some(value), "ratio") => percent(value),
        (Some(value), unit) if unit.starts_with("bytes") => {
            let size = nines_base::ByteSize(value.max(0.0) as u64);
            format!("{size}{}", unit.trim_start_matches("bytes"))
        }
        (Some(value), _) => format!("{value:.2}"),
    }
}

fn state(unit: &InfraUnit, at: &str) -> String {
    let silence = silence_secs(&unit.since, at);
    match unit.state.as_str() {
        "absent" => style::red(&format!("absent {}", duration(silence))),
        "late" => style::yellow(&format!("late {}", duration(silence))),
        "gone" => style::dim("gone on purpose"),
        _ => style::green("reports"),
    }
}

fn silence_secs(since: &str, at: &str) -> f64 {
    let times = (Timestamp::parse_rfc3339(since), Timestamp::parse_rfc3339(at));
    if let (Ok(since), Ok(at)) = times { at.since(since).as_secs_f64() } else { 0.0 }
}

fn units(answer: &InfraResponse) -> Table {
    let measure = answer.measure.name.as_str();
    let mut table = Table::new([&answer.kind, "group", "state", measure, "among its group", "why"]);
    for group in &answer.groups {
        for unit in &group.units {
            let place = match unit.place.as_deref() {
                Some("high") => "high",
                Some("low") => "low",
                _ => "",
            };
            table.row([
                unit.name.clone(),
                group.name.clone(),
                state(unit, &answer.at),
                value(unit.value, &answer.measure.unit),
                place.to_owned(),
                one_line(unit.reason.as_deref().unwrap_or_default()),
            ]);
        }
    }
    table.right(&[3])
}

fn show(detail: &InfraUnitDetail) -> String {
    let unit = &detail.unit;
    let mut text = format!("{} {}\n", style::bold(&unit.name), style::dim(&unit.kind));
    let reason = unit.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    text.push_str(&format!(
        "{}{reason}\nlast report {}, every {}; first seen {}\n",
        unit.state,
        short_time(&detail.last_seen),
        duration(detail.interval_secs),
        short_time(&detail.first_seen)
    ));
    if let Some(reporter) = &detail.reporter {
        text.push_str(&format!("seen through {} {} ({})\n", reporter.kind, reporter.name, reporter.state));
    }
    for (name, value) in &detail.labels {
        text.push_str(&format!("  {} {value}\n", style::dim(name)));
    }
    for row in &detail.saturation {
        text.push_str(&format!("{} {}: {}\n", row.resource, row.name, outlook(row)));
    }
    let absent = detail.parts.iter().filter(|part| part.state == "absent").count();
    if !detail.parts.is_empty() {
        text.push_str(&format!("{} run here, {absent} of them absent\n", detail.parts.len()));
    }
    text
}

fn watches(answer: &InfraWatches) -> Table {
    let mut table = Table::new(["watch", "of", "filter", "tells", "severity", "firing"]);
    for status in &answer.watches {
        let watch = &status.watch;
        let tells = match (watch.absent_after, watch.full_within_hours) {
            (Some(reports), _) => format!("after {reports} missed reports"),
            (None, Some(hours)) => {
                format!("full within {hours} h with {}", percent(watch.probability.unwrap_or_default()))
            }
            _ => String::new(),
        };
        table.row([
            watch.name.clone(),
            watch.kind.clone().unwrap_or_else(|| "everything".to_owned()),
            watch.filter.clone(),
            tells,
            watch.severity.clone().unwrap_or_default(),
            status.firing.len().to_string(),
        ]);
    }
    table.right(&[5])
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines saturation
  nines saturation 'cloud.region: eu-1'
  nines saturation --query 'app_queue_length / app_queue_limit'
  nines saturation --within 72 && echo 'nothing runs full in three days'")]
pub struct SaturationArguments {
    /// A ratio in PromQL, 1 being full, in place of what is known to have a limit
    #[arg(long, value_name = "PROMQL")]
    query: Option<String>,
    /// Of the interval, 0.5 to 0.99
    #[arg(long)]
    probability: Option<f64>,
    /// Fail if anything is full, or will be within so many hours
    #[arg(long, value_name = "HOURS")]
    within: Option<f64>,
    /// A filter over labels
    #[arg(default_value = "")]
    filter: String,
}

pub async fn saturation(arguments: SaturationArguments, session: &Session) -> anyhow::Result<Code> {
    let probability = arguments.probability.map(|probability| probability.to_string());
    let query = [
        ("q", Some(arguments.filter.as_str()).filter(|text| !text.is_empty())),
        ("query", arguments.query.as_deref()),
        ("probability", probability.as_deref()),
    ];
    let found = session.client.saturation(&query).await?;
    session.output.print(&found, rows)?;
    found.notes.iter().for_each(|note| eprintln!("{} {note}", style::yellow("note:")));
    for factor in &found.factors {
        let only = if factor.share_of_rest == 0.0 { "only" } else { "mostly" };
        eprintln!(
            "{} runs full {only} where {} is {}: {} of those, {} of the others",
            factor.resource,
            factor.label,
            factor.value,
            percent(factor.share),
            percent(factor.share_of_rest)
        );
    }
    let is_near = |row: &Saturation, hours: f64| {
        let in_secs = row.full_at.as_deref().map(|at| silence_secs(&found.at, at));
        row.outlook == "full" || in_secs.is_some_and(|secs| secs <= hours * 3600.0)
    };
    let failed = arguments.within.is_some_and(|hours| found.rows.iter().any(|row| is_near(row, hours)));
    Ok(if failed { Code::Failed } else { Code::Ok })
}

fn outlook(row: &Saturation) -> String {
    match row.outlook.as_str() {
        "full" => style::red("full now"),
        "filling" => {
            style::yellow(&format!("full at {}", short_time(row.full_at.as_deref().unwrap_or_default())))
        }
        "safe" => format!("not full before {}", short_time(row.until.as_deref().unwrap_or_default())),
        _ => style::dim("not known"),
    }
}

fn rows(answer: &SaturationResponse) -> Table {
    let mut table =
        Table::new(["what", "of", "now", "outlook", "not before", "not after", "grows a day", "why"]);
    let time = |time: &Option<String>| time.as_deref().map(short_time).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for row in answer.rows.iter().filter(|row| seen.insert(&row.id)) {
        table.row([
            row.resource.clone(),
            row.name.clone(),
            percent(row.ratio),
            outlook(row),
            time(&row.full_earliest),
            time(&row.full_latest),
            row.growth_per_day.map(percent).unwrap_or_default(),
            one_line(row.reason.as_deref().or(row.model.as_deref()).unwrap_or_default()),
        ]);
    }
    table.right(&[2, 6])
}
