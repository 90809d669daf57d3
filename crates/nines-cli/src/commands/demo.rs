use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use nines_base::{Shutdown, SystemClock};
use nines_client::Client;
use nines_demo::{Command, DATA_DIR, Options, Outcome, Say, Story, Target, Verdict};
use nines_server::{Config, Node};
use tokio::sync::mpsc;

use super::serve::{Log, until_told_to_stop};
use crate::connection::Connection;
use crate::exit::Code;
use crate::output::{Format, style};
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    long_about = "Break a real shop in one of four ways and watch it being noticed, paged and mended.\n\nStarts a node and a shop of five services that call one another and send OpenTelemetry, plays a story and tells it here, then keeps the shop open. Stories: availability (a bad deploy), latency (a slow query), errors (an exception in one region), saturation (a feature flag in one city).\n\nExits with 1 if a story was missed: not detected, not paged, cause not named, or not resolved.",
    after_help = "Examples:\n  nines demo\n  nines demo --story latency\n  nines demo --story all --once            plays all four, prints a table\n  nines demo --attach http://127.0.0.1:9999   on a node that runs already (with --allow-egress 127.0.0.0/8)"
)]
pub struct Arguments {
    /// availability, latency, errors, saturation or all
    #[arg(long, default_value = "availability", value_parser = stories)]
    story: Stories,
    /// End after the story instead of keeping the shop open
    #[arg(long)]
    once: bool,
    /// Requests per second
    #[arg(long, default_value_t = 50.0, value_parser = rate)]
    rate: f64,
    /// The same seed brings the same shoppers
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Seconds of calm before the first story
    #[arg(long, default_value_t = Options::default().warm_up.as_secs(), value_name = "SECONDS")]
    warm_up: u64,
    /// Use the node at this address instead of starting one
    #[arg(long, value_name = "URL")]
    attach: Option<String>,
    /// Where the attached node takes OTLP over gRPC
    #[arg(long, default_value = "http://127.0.0.1:4317", value_name = "URL", requires = "attach")]
    attach_otlp: String,
    /// Data of the node that is started
    #[arg(long, default_value = DATA_DIR, value_name = "DIR", conflicts_with = "attach")]
    data: PathBuf,
    /// Web and API of the node that is started; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9999", value_name = "ADDRESS", conflicts_with = "attach")]
    listen: SocketAddr,
    /// OTLP over gRPC of the node that is started
    #[arg(long, default_value = "127.0.0.1:4317", value_name = "ADDRESS", conflicts_with = "attach")]
    otlp_grpc: SocketAddr,
    /// OTLP over HTTP of the node that is started
    #[arg(long, default_value = "127.0.0.1:4318", value_name = "ADDRESS", conflicts_with = "attach")]
    otlp_http: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stories(Vec<Story>);

fn stories(text: &str) -> Result<Stories, String> {
    match (text, Story::parse(text)) {
        ("all", _) => Ok(Stories(Story::ALL.to_vec())),
        (_, Some(story)) => Ok(Stories(vec![story])),
        _ => Err(format!("no story `{text}`: there are availability, latency, errors, saturation and all")),
    }
}

/// More than the shop's open loop is made for would only measure the machine.
const RATE_MAX: f64 = 1000.0;

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1.0..=RATE_MAX).contains(&rate) => Ok(rate),
        _ => Err(format!("`{text}` is not a rate from 1 to {RATE_MAX} requests per second")),
    }
}

pub async fn run(arguments: Arguments, connection: &Connection, output: Format) -> anyhow::Result<Code> {
    Log::of_errors().start()?;
    let options = Options {
        stories: arguments.story.0.clone(),
        once: arguments.once,
        rate: arguments.rate,
        seed: arguments.seed,
        warm_up: Duration::from_secs(arguments.warm_up),
    };
    let (node, target) = match &arguments.attach {
        Some(url) => (None, attached(url, &arguments.attach_otlp, connection)?),
        None => {
            let node = started(&arguments).await?;
            let target = target_of(&node)?;
            (Some(node), target)
        }
    };
    let shutdown = Shutdown::new();
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        if until_told_to_stop().await.is_ok() {
            stopping.begin();
        }
    });
    let say: Say = Arc::new(|line: &str| eprintln!("{line}"));
    let commands = typed_commands(&say);
    let played =
        nines_demo::run(target, options, SystemClock::shared(), commands, shutdown.clone(), say).await;
    if let Some(node) = node {
        node.shutdown().await;
    }
    let outcomes = played?;
    if outcomes.is_empty() && !arguments.once {
        return Ok(Code::Ok);
    }
    output.print(&outcomes, |outcomes| table(outcomes))?;
    let missed =
        outcomes.len() < arguments.story.0.len() || outcomes.iter().any(|it| it.verdict != Verdict::Solved);
    Ok(if missed { Code::Failed } else { Code::Ok })
}

async fn started(arguments: &Arguments) -> anyhow::Result<Node> {
    let config = Config {
        data_dir: arguments.data.clone(),
        listen: arguments.listen,
        otlp_grpc: arguments.otlp_grpc,
        otlp_http: arguments.otlp_http,
        // The demo's receiver of pages is on this machine.
        allow_egress: vec!["127.0.0.0/8".parse()?],
        ..Config::default()
    };
    eprintln!("starting a node on {} …", arguments.data.display());
    nines_server::start(config).await
}

fn target_of(node: &Node) -> anyhow::Result<Target> {
    let url = format!("http://{}", node.http_addr());
    let Some(key) = node.owner_key() else {
        bail!(
            "the owner key of this data directory is gone: choose another with --data, or use --attach with a key"
        );
    };
    Ok(Target {
        client: Client::new(&url, Some(key.to_owned()))?,
        otlp_endpoint: format!("http://{}", node.otlp_grpc_addr()),
        ingest_key: None,
        sign_in_url: node.sign_in_url(),
    })
}

fn attached(url: &str, otlp: &str, connection: &Connection) -> anyhow::Result<Target> {
    let (url, key) = Connection { url: Some(url.to_owned()), key: connection.key.clone() }.resolved()?;
    let Some(key) = key else { bail!("no key for {url}: pass --key, set NINES_KEY or run `nines login`") };
    Ok(Target {
        client: Client::new(&url, Some(key.clone()))?,
        otlp_endpoint: otlp.to_owned(),
        ingest_key: Some(key),
        sign_in_url: None,
    })
}

/// Lines typed while the shop is open. Ends quietly where there is nobody to type.
fn typed_commands(say: &Say) -> mpsc::Receiver<Command> {
    /// More than a person types during a story.
    const TYPED_MAX: usize = 8;
    let (sender, receiver) = mpsc::channel(TYPED_MAX);
    let say = say.clone();
    // A thread of its own, never joined: a read from a terminal cannot be taken back.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let command = match line.trim() {
                "" => continue,
                "q" | "quit" | "exit" => Command::Quit,
                text => match Story::parse(text) {
                    Some(story) => Command::Play(story),
                    None => {
                        say("type a, l, e or s for a story, q to end");
                        continue;
                    }
                },
            };
            if sender.blocking_send(command).is_err() {
                return;
            }
        }
    });
    receiver
}

fn table(outcomes: &[Outcome]) -> Table {
    let headers = [
        "story",
        "fault start",
        "detected",
        "paged",
        "incident",
        "resolved",
        "users",
        "named as cause",
        "was",
        "verdict",
    ];
    let mut table = Table::new(headers).right(&[2, 3, 4, 5, 6]);
    let after = |secs: Option<f64>| secs.map_or("–".to_owned(), |secs| format!("+{secs:.1} s"));
    for outcome in outcomes {
        let verdict = match &outcome.verdict {
            Verdict::Solved => style::green("solved"),
            Verdict::Missed(why) => style::red(&format!("missed: {why}")),
        };
        table.row([
            outcome.story.to_owned(),
            super::short_time(&outcome.fault_start),
            after(outcome.detected_secs),
            after(outcome.paged_secs),
            after(outcome.incident_secs),
            after(outcome.resolved_secs),
            outcome.users_hit.map(|users| users.to_string()).unwrap_or_default(),
            named(outcome),
            outcome.cause.to_owned(),
            verdict,
        ]);
    }
    table
}

/// The strongest suspect and the change, which is last.
fn named(outcome: &Outcome) -> String {
    match outcome.named.as_slice() {
        [] => "–".to_owned(),
        [one] => one.clone(),
        [first, .., last] => format!("{first}; {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_called_by_their_names() {
        assert_eq!(stories("all").map(|it| it.0.len()), Ok(4));
        assert_eq!(stories("latency"), Ok(Stories(vec![Story::Latency])));
        assert!(stories("latencies").is_err_and(|text| text.contains("saturation")));
    }

    #[test]
    fn the_table_shows_what_was_missed() {
        let outcome = Outcome {
            story: "availability",
            promise: "checkout-availability",
            fault_start: "2026-11-21T08:00:00Z".to_owned(),
            detected_secs: Some(4.21),
            paged_secs: None,
            signature_ok: false,
            incident: None,
            incident_secs: None,
            resolved_secs: None,
            users_hit: Some(12),
            named: vec!["service.version=2.4.1".to_owned(), "deploy checkout 2.4.1".to_owned()],
            cause: "checkout 2.4.1",
            verdict: Verdict::Missed("not paged"),
        };
        let text = table(&[outcome]).render();
        assert!(
            text.contains("+4.2 s") && text.contains("service.version=2.4.1; deploy checkout 2.4.1"),
            "{text}"
        );
        assert!(text.contains("missed: not paged"), "{text}");
    }
}
