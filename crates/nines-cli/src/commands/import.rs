use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use nines_base::disk::RealDisk;
use nines_base::{ByteSize, Random, Shutdown, SystemClock};
use nines_collect::{FileReport, Import, ImportOptions, Progress};
use nines_protocols::file::Format as LineFormat;
use serde::Serialize;

use super::Session;
use super::collect::{Attributes, NodeSender, state_folder};
use super::serve::until_told_to_stop;
use crate::exit::Code;
use crate::table::Table;

/// A node that restarts or seals a lot is back by then.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug, Args)]
#[command(
    long_about = "Send files, each line once.\n\nPlain, gzip and zstd files; formats alb, elb, iis, nginx, jsonl, syslog and lines, found by looking unless given. Running it again adds nothing, wherever it was cut off; of a file that has grown it sends the rest.",
    after_help = "Examples:\n  nines import /var/log/nginx/access.log* --service shop\n  nines import AWSLogs/**/*.log.gz --format alb\n  nines import u_ex261121.log --format iis --host web-1\n  nines sql \"select sc_status, count(*) from logs where cs_uri_stem like '/acm/%' group by 1\""
)]
pub struct Arguments {
    /// Files to send
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the lines are [default: found by looking at the first ones]
    #[arg(long, value_parser = line_format, value_name = "FORMAT")]
    format: Option<LineFormat>,
    /// Where the rows go: logs, beacons, probes or changes
    #[arg(long, default_value = "logs", value_name = "DATASET")]
    dataset: String,
    #[command(flatten)]
    attributes: Attributes,
    /// Where it is written down what has been sent [default: ~/.local/state/nines/<node>]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// A format's name, as clap reads it.
pub fn line_format(text: &str) -> Result<LineFormat, String> {
    LineFormat::parse(text).ok_or_else(|| format!("use one of {}", LineFormat::names()))
}

#[derive(Debug, Serialize)]
struct Report {
    files: Vec<FileLine>,
    rows: u64,
}

#[derive(Debug, Serialize)]
struct FileLine {
    file: String,
    format: &'static str,
    /// Stored by this run.
    rows: u64,
    /// Sent by this run, and stored by an earlier one.
    rows_repeated: u64,
    bytes: u64,
    /// Sent by earlier runs.
    bytes_before: u64,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let attributes = arguments.attributes.all();
    let state = state_folder(arguments.state, &session.client)?.join("import");
    let import = Import {
        sender: Arc::new(NodeSender {
            client: session.client.clone(),
            dataset: arguments.dataset.clone(),
            attributes: attributes.clone(),
        }),
        disk: RealDisk::shared(),
        clock: SystemClock::shared(),
        random: Random::from_system(),
        options: ImportOptions {
            format: arguments.format,
            state,
            attributes: format!("{} {attributes:?}", arguments.dataset),
            patience: PATIENCE,
        },
    };
    let shutdown = Shutdown::new();
    let mut report = Report { files: Vec::new(), rows: 0 };
    for (index, path) in arguments.files.iter().enumerate() {
        let label = format!("{}/{} {}", index + 1, arguments.files.len(), path.display());
        let done = tokio::select! {
            done = import.file(path, &shutdown, |progress| show(&label, progress)) => done,
            _ = until_told_to_stop() => {
                clear();
                eprintln!("stopped: what was sent is written down; run the same command again for the rest");
                return Ok(Code::Failed);
            }
        };
        clear();
        let done = done?;
        report.rows += done.rows;
        report.files.push(line(&done));
    }
    session.output.print(&report, |report| {
        let mut table = Table::new(["file", "format", "rows", "repeated", "sent", "before"]);
        for file in &report.files {
            table.row([
                file.file.clone(),
                file.format.to_owned(),
                file.rows.to_string(),
                file.rows_repeated.to_string(),
                ByteSize(file.bytes).to_string(),
                ByteSize(file.bytes_before).to_string(),
            ]);
        }
        table
    })?;
    Ok(Code::Ok)
}

fn line(report: &FileReport) -> FileLine {
    FileLine {
        file: report.path.display().to_string(),
        format: report.format.as_str(),
        rows: report.rows,
        rows_repeated: report.rows_repeated,
        bytes: report.bytes,
        bytes_before: report.bytes_before,
    }
}

/// Cells of the bar.
const BAR_WIDTH: u64 = 24;

fn show(label: &str, progress: Progress) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let Progress { bytes_read, bytes_total, rows } = progress;
    let filled = (bytes_read * BAR_WIDTH).checked_div(bytes_total).unwrap_or(BAR_WIDTH).min(BAR_WIDTH);
    let bar = "█".repeat(filled as usize) + &"·".repeat((BAR_WIDTH - filled) as usize);
    eprint!("\r\x1b[2K{bar} {} of {} · {rows} rows · {label}", ByteSize(bytes_read), ByteSize(bytes_total));
}

fn clear() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}
