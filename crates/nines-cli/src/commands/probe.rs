//! Uptime from the command line: what stands, a check tried once, and a runner for another place.

mod join;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use ipnet::IpNet;
use nines_base::{Random, SharedClock, SystemClock};
use nines_egress::{Config as EgressConfig, Egress, Policy};
use nines_probe::check::Checker;
use nines_probe::{Outcome, Probe, Taken};

use super::Session;
use super::serve::Log;
use crate::connection::Connection;
use crate::exit::Code;
use crate::output::Format;

#[derive(Debug, Args)]
#[command(
    long_about = "Uptime: what stands, a check tried once, a runner elsewhere.\n\nProbes are documents of kind Probe (`nines apply`). The node carries out those at the location `local`; `nines probe --join` does so anywhere else. A runner keeps what it measured on its disk until the node has it on its own, and looks at itself before it blames a target.",
    after_help = "Examples:\n  nines probe list\n  nines probe run -f shop.yaml\n  nines probe --join https://sre.example.com --location tokyo --reference 192.0.2.1:53",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    join: Join,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is up, what is down and since when
    List,
    /// Carry the checks of a file out once, from here, and print what they saw
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// YAML with documents of kind Probe
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Join {
    /// Measure for this node until Ctrl-C
    #[arg(long, value_name = "URL", required = true)]
    join: Option<String>,
    /// The name of this place, as probes call it
    #[arg(long, value_name = "NAME", required = true)]
    location: Option<String>,
    /// An address that is known to be good, as host:port; may be repeated [default: the node, and the targets as each
    /// other's witnesses]
    #[arg(long, value_name = "HOST:PORT")]
    reference: Vec<String>,
    /// A private network with targets; may be repeated
    #[arg(long, value_delimiter = ',', value_name = "CIDR")]
    allow_egress: Vec<IpNet>,
    /// Where measurements wait until the node has them [default: ~/.local/state/nines/<node>]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    log: Log,
}

pub async fn run(arguments: Arguments, connection: &Connection, output: Format) -> anyhow::Result<Code> {
    match arguments.command {
        Some(Command::List) => {
            let session = Session { client: connection.client()?, output };
            let answer = session.client.uptime().await?;
            output.print_text(&answer, show::overview)?;
            Ok(Code::Ok)
        }
        Some(Command::Run(run)) => try_once(&run, output).await,
        None => join::run(arguments.join, connection).await,
    }
}

/// Whoever types it may reach whatever this machine reaches.
fn anywhere() -> Policy {
    let all = ["0.0.0.0/0", "::/0"];
    Policy { allow: all.iter().map(|network| network.parse().expect("a constant network")).collect() }
}

fn checker(policy: Policy, clock: &SharedClock) -> anyhow::Result<Checker> {
    let egress = Egress::new(EgressConfig { policy, ..EgressConfig::default() })?;
    Ok(Checker::new(egress, Arc::clone(clock), Random::from_system(), nines_server::probe_environment))
}

async fn try_once(run: &Run, output: Format) -> anyhow::Result<Code> {
    let name = run.file.display().to_string();
    let text = std::fs::read_to_string(&run.file).with_context(|| format!("cannot read {name}"))?;
    let parsed = match nines_probe::parse(Some(&name), &text) {
        Ok(parsed) => parsed,
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("{error}"));
            return Ok(Code::Failed);
        }
    };
    parsed.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    anyhow::ensure!(!parsed.probes.is_empty(), "{name} declares no probe: it has no document of kind Probe");
    let clock = SystemClock::shared();
    let checker = checker(anywhere(), &clock)?;
    let mut results = Vec::new();
    let mut is_good = true;
    for probe in parsed.probes {
        let taken = once(&checker, Arc::new(probe)).await;
        is_good &= taken.measurement.outcome == Outcome::Success;
        results.push(nines_server::probe_result(&taken, 0));
    }
    output.print_text(&results, |results| results.iter().map(show::result).collect())?;
    Ok(if is_good { Code::Ok } else { Code::Failed })
}

async fn once(checker: &Checker, probe: Arc<Probe>) -> Taken {
    let measurement = checker.run(&probe).await;
    Taken { probe, location: "here".to_owned(), measurement, at_fault: None, is_confirmation: false }
}
