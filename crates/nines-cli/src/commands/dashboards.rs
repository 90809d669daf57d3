//! Dashboards: list, show, export, import, remove.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use nines_api::{
    Dashboard, DashboardHistory, DashboardImport, DashboardImportRequest, DashboardRequest,
    DashboardsResponse,
};

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::{Table, one_line};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines dashboards list
  nines dashboards show shop
  nines dashboards export shop > shop.yaml
  nines dashboards import node-exporter-full.json --service hosts
  nines dashboards of checkout > checkout.yaml
  nines apply -f shop.yaml")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Dashboards, by name
    List {
        /// Those about this service
        #[arg(long)]
        service: Option<String>,
    },
    /// One dashboard: its panels and what they ask
    Show {
        name: String,
        /// A version that is kept [default: the newest]
        #[arg(long)]
        version: Option<u64>,
    },
    /// The versions of a dashboard
    History { name: String },
    /// A dashboard as text
    Export {
        name: String,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Keep a dashboard of Grafana or Perses, and say what became of each panel
    Import {
        /// As the other system exports it, or - for standard input
        file: PathBuf,
        /// The name to keep it under [default: made from its title]
        #[arg(long)]
        name: Option<String>,
        /// The service that it is about
        #[arg(long)]
        service: Option<String>,
        /// The team whose it is
        #[arg(long)]
        team: Option<String>,
        /// Replace a dashboard of that name
        #[arg(long)]
        replace: bool,
        /// Say what would become of it, and keep nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// The dashboard that a service has by itself, as a document
    Of { service: String },
    /// Remove a dashboard and its versions
    Remove { name: String },
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Yaml,
    Json,
    Perses,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    match arguments.command {
        Command::List { service } => {
            session.output.print(&client.dashboards(service.as_deref()).await?, list)?;
        }
        Command::Show { name, version } => {
            let version = version.map(|version| version.to_string());
            session.output.print(&client.dashboard(&name, version.as_deref()).await?, panels)?;
        }
        Command::History { name } => {
            session.output.print(&client.dashboard_history(&name).await?, history)?
        }
        Command::Export { name, format } => {
            let format = match format {
                Format::Yaml => "yaml",
                Format::Json => "json",
                Format::Perses => "perses",
            };
            let export = client.export_dashboard(&name, format).await?;
            print!("{}", export.text);
            for part in &export.left_out {
                eprintln!("{} {part}", style::yellow("left out:"));
            }
        }
        Command::Import { file, name, service, team, replace, dry_run } => {
            let request = DashboardImportRequest { format: None, text: text_of(&file)? };
            let import = client.import_dashboard(&request).await?;
            session.output.print(&import, report)?;
            told(&import);
            if dry_run {
                eprintln!("dry run: nothing was kept");
                return Ok(Code::Ok);
            }
            let mut document = import.document;
            if let Some(name) = name {
                document.metadata.name = name;
            }
            document.spec.service = service.or(document.spec.service);
            document.spec.team = team.or(document.spec.team);
            let name = document.metadata.name.clone();
            let note = format!("imported from {}", import.format);
            let request = DashboardRequest { document, version: (!replace).then_some(0), note };
            let kept = client.put_dashboard(&name, &request).await?;
            eprintln!("dashboard {name} is kept, version {}", kept.revision.version);
        }
        Command::Of { service } => print!("{}", client.service_dashboard(&service).await?.yaml),
        Command::Remove { name } => {
            client.remove_dashboard(&name).await?;
            eprintln!("dashboard {name} is removed");
        }
    }
    Ok(Code::Ok)
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn list(answer: &DashboardsResponse) -> Table {
    let mut table = Table::new(["name", "title", "of", "panels", "version", "changed"]).right(&[3, 4]);
    for it in &answer.dashboards {
        let of = it.service.clone().or_else(|| it.team.as_ref().map(|team| format!("team {team}")));
        table.row([
            it.name.clone(),
            one_line(&it.title),
            one_line(&of.unwrap_or_default()),
            it.panels.to_string(),
            it.revision.version.to_string(),
            format!("{} by {}", short_time(&it.revision.at), one_line(&it.revision.by)),
        ]);
    }
    table
}

fn panels(answer: &Dashboard) -> Table {
    let mut table = Table::new(["panel", "title", "view", "at", "asks"]);
    for panel in &answer.document.spec.panels {
        let asks = panel.queries.first().map(|query| {
            let texts = [&query.promql, &query.sql, &query.search, &query.slo, &query.uptime];
            texts.into_iter().flatten().next().cloned().unwrap_or_default()
        });
        let more = panel.queries.len().saturating_sub(1);
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        table.row([
            panel.id.clone(),
            one_line(&panel.title),
            panel.view.clone(),
            format!("{},{} {}×{}", panel.x, panel.y, panel.w, panel.h),
            format!("{}{more}", one_line(&asks.unwrap_or_default())),
        ]);
    }
    table
}

fn history(answer: &DashboardHistory) -> Table {
    let mut table = Table::new(["version", "at", "by", "note"]).right(&[0]);
    for it in &answer.revisions {
        table.row([it.version.to_string(), short_time(&it.at), one_line(&it.by), one_line(&it.note)]);
    }
    table
}

fn report(answer: &DashboardImport) -> Table {
    let mut table = Table::new(["panel", "kind", "outcome", "why"]);
    for it in &answer.panels {
        let outcome = match it.outcome.as_str() {
            "taken" => style::green("taken"),
            "approximated" => style::yellow("approximated"),
            other => style::red(other),
        };
        table.row([one_line(&it.title), one_line(&it.kind), outcome, one_line(&it.reasons.join("; "))]);
    }
    table
}

fn told(import: &DashboardImport) {
    for note in &import.notes {
        eprintln!("{} {note}", style::yellow("note:"));
    }
    eprintln!(
        "{} panels taken, {} approximated, {} left out",
        import.taken, import.approximated, import.left_out
    );
}
