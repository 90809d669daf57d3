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
    let Command::Tail(arguments) = arguments.command;
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
