mod everything;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use nines_base::disk::RealDisk;
use nines_base::{Random, Shutdown, SystemClock};
use nines_collect::{Tail, TailOptions};
use nines_protocols::file::Format as LineFormat;

use super::Session;
use super::collect::{Attributes, NodeSender, state_folder};
use super::import::line_format;
use super::serve::{Log, until_told_to_stop};
use crate::exit::Code;

/// Between two looks at the files: a quarter of the second in which alerts are decided.
const INTERVAL: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow files and send each line as it is written, until Ctrl-C
    #[command(
        long_about = "Follow files and send each line as it is written, until Ctrl-C.\n\nSurvives rotation by rename and by truncation, restarts, and a node that is down: every whole line arrives at least once. How far each file is sent is on disk only after the node has said that the lines are on its own.",
        after_help = "Examples:\n  nines agent tail '/var/log/app/*.log' --service shop\n  nines agent tail /var/log/nginx/access.log --format nginx --from-end --state /var/lib/nines-agent"
    )]
    Tail(TailArguments),
    /// Metrics of this machine and the files of one configuration, until Ctrl-C
    #[command(
        long_about = "Metrics of this machine and the files of one configuration, until Ctrl-C.\n\nReads CPU, memory, disks, file systems, network, processes and containers from /proc and control groups, and a kubelet if there is one, in OpenTelemetry's names. A reading is on this disk before it is sent, and stays there until the node has it.",
        after_help = "Examples:\n  nines agent run\n  nines agent run --config agent.toml --state /var/lib/nines-agent\n\nagent.toml, every key optional:\n  interval = \"15s\"\n  buffer = \"64MiB\"\n  attributes = { \"cloud.region\" = \"ap-northeast-1\" }\n  kubelet = { url = \"http://127.0.0.1:10255\" }\n  [[logs]]\n  patterns = [\"/var/log/app/*.log\"]\n  service = \"shop\""
    )]
    Run(RunArguments),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// What is collected, as TOML [default: the machine, no files]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where what waits is kept [default: ~/.local/state/nines/<node>]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Args)]
struct TailArguments {
    /// File names, or patterns of them in quotes
    #[arg(required = true, value_name = "PATTERN")]
    patterns: Vec<String>,
    /// What the lines are [default: found by looking at the first ones of each file]
    #[arg(long, value_parser = line_format, value_name = "FORMAT")]
    format: Option<LineFormat>,
    #[command(flatten)]
    attributes: Attributes,
    /// At the very first start, begin at the end of the files that are there
    #[arg(long)]
    from_end: bool,
    /// Where it is written down how far each file is sent [default: ~/.local/state/nines/<node>]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    log: Log,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let arguments = match arguments.command {
        Command::Tail(arguments) => arguments,
        Command::Run(run) => {
            run.log.start()?;
            return everything::run(run.config.as_deref(), run.state, session).await;
        }
    };
    arguments.log.start()?;
    let sender = NodeSender {
        client: session.client.clone(),
        dataset: "logs".to_owned(),
        attributes: arguments.attributes.all(),
    };
    let options = TailOptions {
        patterns: arguments.patterns,
        format: arguments.format,
        state: state_folder(arguments.state, &session.client)?,
        from_end: arguments.from_end,
        interval: INTERVAL,
    };
    let tail = Tail::new(
        Arc::new(sender),
        RealDisk::shared(),
        SystemClock::shared(),
        Random::from_system(),
        options,
    );
    let shutdown = Shutdown::new();
    let running = tail.run(&shutdown);
    let mut running = std::pin::pin!(running);
    tokio::select! {
        ended = running.as_mut() => ended?,
        told = until_told_to_stop() => {
            told?;
            shutdown.begin();
            running.await?;
        }
    }
    let stats = tail.stats();
    eprintln!("stopped: {} rows of {} files sent; how far is written down", stats.rows, stats.files);
    Ok(Code::Ok)
}
