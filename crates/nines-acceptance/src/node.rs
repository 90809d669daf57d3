use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{Api, PATIENCE, workspace_root};

/// Where a node listens: `http://127.0.0.1:<port>` each, as it printed them.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    pub http: String,
    pub otlp_grpc: String,
    pub otlp_http: String,
    /// Other listeners by name, as `host:port`: `syslog UDP`, ….
    pub others: Vec<(String, String)>,
}

impl Addresses {
    /// The port of one of the other listeners.
    pub fn port(&self, name: &str) -> Option<u16> {
        let (_, address) = self.others.iter().find(|(known, _)| known == name)?;
        address.rsplit_once(':')?.1.parse().ok()
    }
}

/// One `nines serve` process.
pub struct Node {
    child: Child,
    pub addresses: Addresses,
    data: PathBuf,
}

/// The binary under test: `NINES_BIN`, or the one that the workspace's release build left.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("NINES_BIN")
        .map_or_else(|| workspace_root().join("target/release/nines"), PathBuf::from);
    if !path.is_file() {
        bail!("{} is missing: run `make build` first", path.display());
    }
    Ok(path)
}

/// `nines` with these arguments and nothing of this machine's configuration.
pub fn command(arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = nines_base::spawn::program(binary()?);
    command.args(arguments).env("NO_COLOR", "1");
    Ok(command)
}

impl Node {
    /// Starts on `data`, all ports chosen by the system, and waits until the node says that it is ready.
    pub async fn start(data: &Path, more: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(data, more, &[]).await
    }

    /// As [`Node::start`], with an environment besides.
    pub async fn start_with(
        data: &Path,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let data_text = data.to_str().context("data path is not UTF-8")?;
        let mut arguments = vec![
            "serve",
            "--data",
            data_text,
            "--listen",
            "127.0.0.1:0",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
        ];
        arguments.extend_from_slice(more);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log"))?;
        let mut command = command(&arguments)?;
        command.envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut addresses = Addresses::default();
        let ready = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
                match url {
                    Some(url) if line.contains("OTLP gRPC") => addresses.otlp_grpc = url,
                    Some(url) if line.contains("OTLP HTTP") => addresses.otlp_http = url,
                    Some(url) if line.contains("web and API") => addresses.http = url,
                    _ => {}
                }
                if let Some((name, address)) = line.trim().rsplit_once(' ')
                    && (name.starts_with("syslog") || name.starts_with("StatsD") || name.starts_with("mail"))
                {
                    addresses.others.push((name.trim().to_owned(), address.to_owned()));
                }
                if line.starts_with("ready") {
                    return Ok(());
                }
            }
            bail!("nines ended before it was ready; its log is {}", data.with_extension("log").display())
        });
        ready.await.context("nines was not ready in time")??;
        // The pipe must be drained for the process to go on writing.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, addresses, data: data.to_owned() })
    }

    /// The API as the owner.
    pub fn api(&self) -> anyhow::Result<Api> {
        Ok(Api::new(&self.addresses.http, &self.key("owner.key")?))
    }

    /// A key that the first start left: `owner.key` or `ingest.key`.
    pub fn key(&self, file: &str) -> anyhow::Result<String> {
        let path = self.data.join("first-run").join(file);
        Ok(std::fs::read_to_string(&path)
            .with_context(|| format!("{} is missing", path.display()))?
            .trim()
            .to_owned())
    }

    pub fn process_id(&self) -> u32 {
        self.child.id().expect("the process was not awaited yet")
    }

    /// As `kill -9` does. Returns once the process is gone.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// As `systemctl stop` does, by SIGTERM; the exit code must be 0.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let status = nines_base::spawn::program("/bin/kill")
            .arg("-TERM")
            .arg(self.process_id().to_string())
            .status()
            .await?;
        anyhow::ensure!(status.success(), "kill -TERM failed");
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("nines did not stop in time")??;
        anyhow::ensure!(status.success(), "nines stopped with {status}");
        Ok(())
    }
}
