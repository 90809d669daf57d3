//! Signing in: through a browser, or with a key that is at hand.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use nines_api::{DeviceKey, DeviceRequest, DeviceTokenRequest};
use nines_base::SystemClock;
use nines_client::Client;

use crate::connection::{self, Connection, DEFAULT_URL, Login};
use crate::exit::Code;

#[derive(Debug, Args)]
#[command(
    long_about = "Sign in and remember the node's address and key.\n\nAt a terminal a code is shown; a browser that is signed in confirms it, and a key of that person is kept in ~/.config/nines/login.toml, which only you can read. With --key, NINES_KEY or a key on standard input that key is tried and kept instead.",
    after_help = "Examples:\n  nines login --url https://sre.example\n  nines login --url https://sre.example < owner.key"
)]
pub struct Arguments {
    /// Through a browser, even if standard input is no terminal
    #[arg(long)]
    device: bool,
}

pub async fn run(arguments: Arguments, connection: &Connection) -> anyhow::Result<Code> {
    let url = connection.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned());
    let by_browser = arguments.device || (connection.key.is_none() && std::io::stdin().is_terminal());
    let key = match &connection.key {
        _ if by_browser => by_device(&url).await?.secret,
        Some(key) => key.clone(),
        None => key_from_input()?,
    };
    let client = Client::new(&url, Some(key.clone()))?;
    let session = client.session().await.with_context(|| format!("cannot sign in at {url}"))?;
    let dir = connection::config_dir()
        .context("cannot tell where to keep it: neither XDG_CONFIG_HOME nor HOME is set")?;
    let path = Login { url: client.url().to_owned(), key }.write(&dir)?;
    eprintln!("signed in at {url} as {} ({}); kept in {}", session.name, session.role, path.display());
    Ok(Code::Ok)
}

/// Shows a code and waits until a person has confirmed or refused it in a browser.
async fn by_device(url: &str) -> anyhow::Result<DeviceKey> {
    let client = Client::new(url, None)?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let request = DeviceRequest { client: format!("nines on {}", host.trim()) };
    let begun = client
        .begin_device(&request)
        .await
        .with_context(|| format!("cannot ask to be signed in at {url}"))?;
    eprintln!("Open {} in a browser where you are signed in", begun.verification_uri_complete);
    eprintln!("and confirm the code  {}", begun.user_code);
    let clock = SystemClock::shared();
    let ends_at = clock.monotonic() + Duration::from_secs(begun.expires_in_secs);
    let mut pause = Duration::from_secs(begun.interval_secs.clamp(1, 60));
    let question = DeviceTokenRequest { device_code: begun.device_code };
    while clock.monotonic() < ends_at {
        clock.sleep(pause).await;
        match client.device_token(&question).await {
            Ok(key) => return Ok(key),
            Err(error) => match error.problem().map(|problem| problem.code.as_str()) {
                Some("authorization_pending") => {}
                // RFC 8628, section 3.5.
                Some("slow_down") => pause += Duration::from_secs(5),
                Some("access_denied") => bail!("somebody refused the code {}", begun.user_code),
                Some("expired_token") => break,
                _ => return Err(error.into()),
            },
        }
    }
    bail!("nobody confirmed the code {} in time: run `nines login` again", begun.user_code)
}

fn key_from_input() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the key from standard input")?;
    let key = line.trim().to_owned();
    if key.is_empty() {
        bail!("no key given: pass --key, set NINES_KEY or write it to standard input");
    }
    Ok(key)
}
