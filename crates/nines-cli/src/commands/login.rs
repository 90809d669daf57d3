use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use clap::Args;
use nines_client::Client;

use crate::connection::{self, Connection, DEFAULT_URL, Login};
use crate::exit::Code;

#[derive(Debug, Args)]
#[command(
    long_about = "Remember a node's address and key.\n\nThe key is read from --key, NINES_KEY or standard input, tried, and kept in ~/.config/nines/login.toml, which only you can read.",
    after_help = "Examples:\n  nines login --url https://sre.example < owner.key\n  NINES_KEY=nk_… nines login --url https://sre.example"
)]
pub struct Arguments {}

pub async fn run(_: Arguments, connection: &Connection) -> anyhow::Result<Code> {
    let url = connection.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned());
    let key = match &connection.key {
        Some(key) => key.clone(),
        None => key_from_input(&url)?,
    };
    let client = Client::new(&url, Some(key.clone()))?;
    let session = client.session().await.with_context(|| format!("cannot sign in at {url}"))?;
    let dir = connection::config_dir()
        .context("cannot tell where to keep it: neither XDG_CONFIG_HOME nor HOME is set")?;
    let path = Login { url: client.url().to_owned(), key }.write(&dir)?;
    eprintln!("signed in at {url} as {} ({}); kept in {}", session.name, session.role, path.display());
    Ok(Code::Ok)
}

fn key_from_input(url: &str) -> anyhow::Result<String> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprint!("Key for {url}: ");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).context("cannot read the key from standard input")?;
    let key = line.trim().to_owned();
    if key.is_empty() {
        bail!("no key given: pass --key, set NINES_KEY or write it to standard input");
    }
    Ok(key)
}
