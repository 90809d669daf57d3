//! The demo from its first sentence to its last.

use std::sync::Arc;
use std::time::Duration;

use nines_base::{Random, SharedClock, Shutdown};
use nines_client::{ApplyOptions, Client, ClientError};
use tokio::sync::mpsc;

use crate::play::{PlayError, Player};
use crate::shop::{Sender, Shop, ShopError};
use crate::{Outcome, Receiver, Say, Story, documents};

/// The node that the demo is shown on.
#[derive(Debug, Clone)]
pub struct Target {
    pub client: Client,
    /// OTLP over gRPC, such as `http://127.0.0.1:4317`.
    pub otlp_endpoint: String,
    /// For telemetry, if the node wants one.
    pub ingest_key: Option<String>,
    /// Opens the web application, signed in, if there is such a link.
    pub sign_in_url: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Played one after the other.
    pub stories: Vec<Story>,
    /// End after the stories instead of keeping the shop open.
    pub once: bool,
    /// Requests per second.
    pub rate: f64,
    /// The same seed brings the same shoppers.
    pub seed: u64,
    /// Calm traffic before the first story, so that normal is known.
    pub warm_up: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stories: vec![Story::Availability],
            once: false,
            rate: 50.0,
            seed: 20_261_121,
            warm_up: Duration::from_secs(15),
        }
    }
}

/// What the audience can ask for while the shop is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Play(Story),
    Quit,
}

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot open the shop")]
    Shop(#[from] ShopError),
    #[error("cannot open the receiver of pages")]
    Receiver(#[source] std::io::Error),
    #[error("the node does not take the shop's documents")]
    Documents(#[source] ClientError),
    #[error("cannot play the {story} story")]
    Play { story: &'static str, source: PlayError },
    #[error("no telemetry of the shop arrived at the node within {} s", TELEMETRY_WAIT_MAX.as_secs())]
    Silent,
}

impl DemoError {
    pub fn kind(&self) -> nines_base::ErrorKind {
        match self {
            Self::Shop(_) | Self::Receiver(_) | Self::Silent => nines_base::ErrorKind::Unavailable,
            Self::Documents(error) => error.kind(),
            Self::Play { source, .. } => source.kind(),
        }
    }
}

/// Spans and logs wait this long for company: most of what the SDK adds to the time to detection.
const EXPORT_DELAY: Duration = Duration::from_millis(200);

/// The first spans need a connection and a batch; more is a wrong address.
const TELEMETRY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Opens the shop on `target`, plays the stories and gives what they came to. Without `once` it stays open until
/// `commands` says [`Command::Quit`] or `shutdown` begins; a closed `commands` only means that nobody will ask.
pub async fn run(
    target: Target,
    options: Options,
    clock: SharedClock,
    mut commands: mpsc::Receiver<Command>,
    shutdown: Shutdown,
    say: Say,
) -> Result<Vec<Outcome>, DemoError> {
    let receiver =
        Receiver::start(clock.clone(), &Random::from_system()).await.map_err(DemoError::Receiver)?;
    let yaml = documents(&receiver.url(), receiver.secret());
    // Its promises are all that its stories are about.
    let alone = ApplyOptions { without_defaults: true, ..ApplyOptions::default() };
    let applied = target.client.apply(yaml, Some("shop.yaml"), alone).await.map_err(DemoError::Documents)?;
    let promises = applied.results.iter().filter(|result| result.kind == "SLO").count();

    let sender = Sender {
        endpoint: target.otlp_endpoint.clone(),
        key: target.ingest_key.clone(),
        delay: EXPORT_DELAY,
    };
    let shop = Arc::new(Shop::start(sender, clock.clone(), options.seed).await?);
    let traffic = shop.open(options.rate, options.seed);
    let public_url = target.client.url().to_owned();
    say(&format!(
        "the shop is open: 5 services in 3 regions, {:.0} requests a second, {promises} promises",
        options.rate
    ));
    say(&format!("  look inside: {}", target.sign_in_url.as_deref().unwrap_or(&public_url)));

    let player = Player {
        client: &target.client,
        shop: &shop,
        receiver: &receiver,
        clock: &clock,
        public_url: &public_url,
        say: &say,
    };
    let stopped = async {
        let mut outcomes = Vec::new();
        arrived(&target.client, &clock).await?;
        say(&format!("  telemetry arrives; {} s of calm first", options.warm_up.as_secs()));
        clock.sleep(options.warm_up).await;
        for story in &options.stories {
            outcomes.push(play(&player, *story).await?);
        }
        if options.once {
            return Ok(outcomes);
        }
        say(
            "\nthe shop stays open. Type a, l, e or s and Enter for another story (availability, latency, errors, saturation); Ctrl-C ends it.",
        );
        loop {
            match commands.recv().await {
                Some(Command::Play(story)) => match play(&player, story).await {
                    Ok(outcome) => outcomes.push(outcome),
                    // A story that went wrong does not close the shop.
                    Err(error) => say(&format!("{error}: {}", chain(&error))),
                },
                Some(Command::Quit) => return Ok(outcomes),
                None => std::future::pending().await,
            }
        }
    };
    let result = tokio::select! {
        result = stopped => result,
        () = shutdown.begun() => Ok(Vec::new()),
    };
    say("closing the shop");
    traffic.stop().await;
    if let Some(shop) = Arc::into_inner(shop) {
        shop.stop().await;
    }
    result
}

async fn play(player: &Player<'_>, story: Story) -> Result<Outcome, DemoError> {
    player.play(story).await.map_err(|source| DemoError::Play { story: story.as_str(), source })
}

/// Waits until the promise of the first story has been measured on real events.
async fn arrived(client: &Client, clock: &SharedClock) -> Result<(), DemoError> {
    let seen = crate::wait::until(clock, TELEMETRY_WAIT_MAX, || async {
        let slo = client.slo(Story::Availability.slo()).await?;
        Ok((slo.total > 0).then_some(()))
    });
    let failed = |source: ClientError| DemoError::Play { story: "first", source: source.into() };
    seen.await.map_err(failed)?.ok_or(DemoError::Silent)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        parts.push(current.to_string());
        cause = current.source();
    }
    parts.join(": ")
}
