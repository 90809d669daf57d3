//! A PostgreSQL of the test's own, from the binaries that the machine has.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_base::spawn::program;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::wires::{Host, Wires};
use crate::eventually;

/// Stopped when it is dropped.
pub struct Postgres {
    pub port: u16,
    _child: Child,
    /// The network on which it is a machine of its own; else it is on this one.
    pub wires: Option<Wires>,
    line: Arc<Mutex<Option<PgConnection>>>,
}

/// Where `initdb` and `postgres` are, if they are.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    folders.filter(|folder| folder.join("initdb").is_file()).max()
}

impl Postgres {
    /// On this machine. `None`: it has none, and says so.
    pub async fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        Self::start_on(folder, None).await
    }

    /// The same as a machine of that network.
    pub async fn start_on(folder: &Path, wires: Option<Wires>) -> anyhow::Result<Option<Self>> {
        let Some(binaries) = binaries() else {
            println!("skipped: there is no PostgreSQL on this machine (apt-get install postgresql)");
            return Ok(None);
        };
        let data = folder.join("postgres");
        std::fs::create_dir(&data)?;
        // It does not run as root.
        let is_root = std::fs::metadata(folder)?.uid() == 0;
        let user = if is_root { Some(account()?) } else { None };
        if let Some((user, group)) = user {
            std::os::unix::fs::chown(&data, Some(user), Some(group))?;
            // The way to it must be open for that account.
            std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        let run = |name: &str| {
            let path = binaries.join(name);
            match user {
                Some((user, group)) => {
                    let mut command = match &wires {
                        Some(wires) => {
                            let [ip, rest @ ..] = wires.on(Host::Postgres);
                            let mut command = program(ip);
                            command.args(rest).arg("setpriv");
                            command
                        }
                        None => program("setpriv"),
                    };
                    command.args([
                        format!("--reuid={user}"),
                        format!("--regid={group}"),
                        "--clear-groups".to_owned(),
                    ]);
                    command.arg(path);
                    command
                }
                None => program(path),
            }
        };
        let made = run("initdb")
            .args(["-A", "trust", "-U", "nines", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .output()
            .await?;
        ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        if let Some(wires) = &wires {
            let allowed = data.join("pg_hba.conf");
            let known = std::fs::read_to_string(&allowed)?;
            let more = format!("{known}\nhost all all {} trust\n", wires.network());
            #[expect(clippy::disallowed_methods, reason = "a file of the server that the test runs")]
            std::fs::write(&allowed, more)?;
        }
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let host =
            wires.as_ref().map_or_else(|| "127.0.0.1".to_owned(), |wires| wires.address(Host::Postgres));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("postgres.log"))?;
        let child = run("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", &host, "-k", ""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let postgres = Self { port, wires, _child: child, line: Arc::default() };
        eventually("PostgreSQL to answer", || async { Ok(postgres.text("SELECT 'up'").await.ok()) }).await?;
        Ok(Some(postgres))
    }

    /// As a client that goes through another port reaches it.
    pub fn url(&self, port: u16) -> String {
        let host = match &self.wires {
            Some(wires) => wires.address(Host::Postgres),
            None => "127.0.0.1".to_owned(),
        };
        format!("postgres://nines@{host}:{port}/postgres")
    }

    /// Where the nodes reach this process.
    pub fn here(&self) -> String {
        self.wires.as_ref().map_or_else(|| "127.0.0.1".to_owned(), Wires::here)
    }

    /// The one text that a statement gives; empty if it gives none.
    pub async fn text(&self, sql: &str) -> anyhow::Result<String> {
        text(&self.line, &self.url(self.port), sql).await
    }

    pub async fn epoch(&self) -> anyhow::Result<i64> {
        Ok(self.text("SELECT epoch::text FROM nines_lease").await?.parse()?)
    }

    /// A connection of its own for whoever asks often, and what it asks for.
    pub fn epochs(&self) -> Epochs {
        Epochs { url: self.url(self.port), line: Arc::default() }
    }

    /// In the background: holds a lock on the lease's row, so that it cannot be renewed, and leaves it to nobody.
    pub async fn lose_lease(&self, long: Duration) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
        let options: PgConnectOptions = self.url(self.port).parse()?;
        let mut connection = PgConnection::connect_with(&options).await?;
        let secs = long.as_secs_f64();
        Ok(tokio::spawn(async move {
            let sql = format!(
                "BEGIN; SELECT 1 FROM nines_lease FOR UPDATE; SELECT pg_sleep({secs}); \
                 UPDATE nines_lease SET holder = NULL, epoch = epoch + 1; COMMIT"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            Ok(())
        }))
    }
}

/// The lease's epoch, at each instant.
#[derive(Clone)]
pub struct Epochs {
    url: String,
    line: Arc<Mutex<Option<PgConnection>>>,
}

impl Epochs {
    pub async fn now(&self) -> anyhow::Result<i64> {
        Ok(text(&self.line, &self.url, "SELECT epoch::text FROM nines_lease").await?.parse()?)
    }
}

async fn text(line: &Mutex<Option<PgConnection>>, url: &str, sql: &str) -> anyhow::Result<String> {
    let mut place = line.lock().await;
    let mut connection = match place.take() {
        Some(connection) => connection,
        None => PgConnection::connect_with(&url.parse::<PgConnectOptions>()?).await?,
    };
    let answer: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_optional(&mut connection).await?;
    *place = Some(connection);
    Ok(answer.unwrap_or_default())
}

/// Debian's own for it, or nobody.
fn account() -> anyhow::Result<(u32, u32)> {
    let known = std::fs::read_to_string("/etc/passwd")?;
    let of = |name: &str| {
        let line = known.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    of("postgres").or_else(|| of("nobody")).context("there is no account that PostgreSQL could run as")
}
