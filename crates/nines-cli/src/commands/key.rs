use clap::{Args, Subcommand};
use nines_api::{KeyCreated, KeyReplacement, KeyRequest, KeysResponse};

use super::{Session, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines key create collector --role ingest --team shop\n  nines key create lin --role responder --expires-at 2027-01-01T00:00:00Z\n  nines key list\n  nines key replace 0199… --grace 12h     both keys work for half a day\n  nines key revoke 0199…"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key; its secret is shown this once
    Create {
        /// What or whom it is for
        name: String,
        /// ingest, viewer, responder, editor, admin or owner
        #[arg(long)]
        role: String,
        /// When it ends: RFC 3339 [default: never]
        #[arg(long, value_parser = instant::argument, value_name = "TIME")]
        expires_at: Option<String>,
        /// Whose it is [default: your own account's]
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// The team in which its role holds, and nowhere else; of an ingest key, the team whose limits it counts against
        #[arg(long, value_name = "NAME")]
        team: Option<String>,
        /// Which rows of telemetry it sees, as a filter: calls that cannot be narrowed to them are refused
        #[arg(long)]
        filter: Option<String>,
        /// An operation on the cloud that it may start, such as ec2.*; may be repeated [default: all of its role]
        #[arg(long, value_name = "OPERATION")]
        scope: Vec<String>,
        /// Calls that it may make in a minute [default: any number]
        #[arg(long, value_name = "COUNT")]
        rate_per_minute: Option<u32>,
    },
    /// All keys, without their secrets
    List,
    /// Make a key in the place of another, which goes on for a while; the new secret is shown this once
    Replace {
        /// Id of the key, from `nines key list`
        id: String,
        /// How long the old key goes on, such as 12h; 0s ends it at once
        #[arg(long, default_value = "7d", value_name = "DURATION", value_parser = grace)]
        grace: u64,
    },
    /// Revoke a key at once
    Revoke {
        /// Id of the key, from `nines key list`
        id: String,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::Create { name, role, expires_at, account, team, filter, scope, rate_per_minute } => {
            let request =
                KeyRequest { name, role, expires_at, account, team, filter, scopes: scope, rate_per_minute };
            let answer = session.client.create_key(&request).await?;
            // The secret alone, so that `key=$(nines key create …)` works.
            session.output.print_text(&answer, |answer: &KeyCreated| format!("{}\n", answer.secret))?;
            eprintln!("keep it: it is shown this once (id {})", answer.key.id);
        }
        Command::Replace { id, grace } => {
            let request = KeyReplacement { grace_secs: Some(grace) };
            let answer = session.client.replace_key(&id, &request).await?;
            session.output.print_text(&answer, |answer: &KeyCreated| format!("{}\n", answer.secret))?;
            eprintln!(
                "keep it: it is shown this once (id {}); the old key goes on for a while",
                answer.key.id
            );
        }
        Command::List => session.output.print(&session.client.keys().await?, list)?,
        Command::Revoke { id } => {
            session.client.revoke_key(&id).await?;
            eprintln!("revoked {id}");
        }
    }
    Ok(Code::Ok)
}

fn grace(text: &str) -> Result<u64, String> {
    let millis = nines_promql::parse_duration(text).and_then(|millis| u64::try_from(millis).ok());
    let secs = millis.map(|millis| millis / 1_000).filter(|secs| *secs <= nines_access::GRACE_MAX.as_secs());
    secs.ok_or_else(|| format!("`{text}` is no time up to 30 days: write a number and a unit, such as 12h"))
}

fn list(answer: &KeysResponse) -> Table {
    let mut table = Table::new(["id", "name", "role", "begins", "created", "by", "last used", "state"]);
    for key in &answer.keys {
        let state = match (key.revoked, &key.expires_at) {
            (true, _) => style::red("revoked"),
            (false, Some(at)) => format!("until {}", short_time(at)),
            (false, None) => "valid".to_owned(),
        };
        table.row([
            key.id.clone(),
            key.name.clone(),
            match &key.team {
                Some(team) => format!("{} in {team}", key.role),
                None => key.role.clone(),
            },
            key.prefix.clone(),
            short_time(&key.created_at),
            key.created_by.clone(),
            key.last_used_at.as_deref().map(short_time).unwrap_or_default(),
            state,
        ]);
    }
    table
}
