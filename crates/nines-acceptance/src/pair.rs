//! Two real nodes, a real PostgreSQL, and everything that can come between them.
//!
//! Where it is permitted they are machines on a network of their own ([`Wires`]), on which packets get lost between any two
//! of them. Elsewhere each node reaches PostgreSQL through a [`Proxy`] of its own, which can fall silent. The [`Receiver`]
//! takes the pages; at each it looks up, in PostgreSQL and past what is broken, which epoch the lease has at that instant.

mod ledger;
mod postgres;
mod proxy;
mod scenario;
mod wires;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Child;

pub use ledger::{Calls, Receiver};
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use scenario::{FailoverLedger, OutageLedger, fail_over_again_and_again, verdict, without_postgresql};
pub use wires::{Host, Wires};

use crate::{Api, command, eventually};

/// One of the two.
pub struct Member {
    pub name: &'static str,
    pub url: String,
    pub proxy: Proxy,
    data: PathBuf,
    arguments: Vec<String>,
    /// What makes it run on a machine of its own.
    machine: Option<[String; 4]>,
    child: Option<Child>,
}

impl Member {
    async fn spawn(&mut self) -> anyhow::Result<()> {
        let log = self.data.with_extension("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = match &self.machine {
            None => command(&arguments)?,
            Some([ip, rest @ ..]) => {
                let mut command = nines_base::spawn::program(ip);
                command.args(rest).arg(crate::binary()?).args(&arguments).env("NO_COLOR", "1");
                command
            }
        };
        command.env("NINES_LOG", "info");
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn()?;
        self.child = Some(child);
        Ok(())
    }

    fn process_id(&self) -> anyhow::Result<u32> {
        self.child.as_ref().and_then(Child::id).context("the process was killed")
    }

    /// What the node says of its pair, leading or standing by.
    pub async fn status(&self) -> anyhow::Result<Value> {
        let api = Api::new(&self.url, "");
        let (status, body) = api.call("GET", "/pair", None).await?;
        ensure!(status == 200, "{status}");
        Ok(body)
    }
}

/// Both, with what is between them. Node 0 leads first.
pub struct Nodes {
    pub postgres: Postgres,
    pub members: [Member; 2],
    key: String,
}

/// What happens to the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and started again once the other leads.
    Killed,
    /// `SIGSTOP`, and `SIGCONT` once the other leads.
    Stopped,
    /// Its packets to PostgreSQL and back disappear until the other leads.
    CutOff,
    /// Somebody holds a lock on the lease for longer than it lasts, and it is nobody's then.
    LeaseLost,
    /// What it sends to PostgreSQL is lost, and it hears what PostgreSQL sends. On [`Wires`] only, as the others below.
    Mute,
    /// What PostgreSQL sends to it is lost, and PostgreSQL hears it.
    Deaf,
    /// Neither PostgreSQL nor the other node, in either direction. Whoever takes the pages is reached as before.
    Isolated,
}

impl Fault {
    /// Those that can be made there.
    pub fn all(postgres: &Postgres) -> Vec<Self> {
        let everywhere = [Self::Killed, Self::Stopped, Self::CutOff, Self::LeaseLost];
        let on_wires = [Self::Mute, Self::Deaf, Self::Isolated];
        let on_wires = on_wires.into_iter().filter(|_| postgres.wires.is_some());
        everywhere.into_iter().chain(on_wires).collect()
    }
}

impl Nodes {
    /// Starts both, the first one first; returns when it leads and the other follows.
    pub async fn start(folder: &Path, postgres: Postgres) -> anyhow::Result<Self> {
        let master = folder.join("master.key");
        // 32 bytes that only the two know: what one sealed the other opens.
        let key: String = (0..32).map(|byte| format!("{:02x}", byte * 7)).collect();
        let mut file = std::fs::OpenOptions::new().create_new(true).write(true).open(&master)?;
        std::io::Write::write_all(&mut file, key.as_bytes())?;
        let ports = [free_port().await?, free_port().await?];
        let mut members = Vec::new();
        let hosts = [Host::A, Host::B];
        let address = |index: usize| match &postgres.wires {
            Some(wires) => format!("{}:{}", wires.address(hosts[index]), ports[index]),
            None => format!("127.0.0.1:{}", ports[index]),
        };
        for (index, name) in ["a", "b"].into_iter().enumerate() {
            let proxy = Proxy::start(postgres.port).await?;
            let data = folder.join(name);
            let (network, pair) = match &postgres.wires {
                Some(wires) => (wires.network(), postgres.url(postgres.port)),
                None => ("127.0.0.0/8".to_owned(), postgres.url(proxy.port)),
            };
            let flags = [
                ("--data", data.display().to_string()),
                ("--listen", address(index)),
                ("--otlp-grpc", "127.0.0.1:0".to_owned()),
                ("--otlp-http", "127.0.0.1:0".to_owned()),
                ("--allow-egress", network),
                ("--pair", pair),
                ("--pair-peer", format!("http://{}", address(1 - index))),
                ("--pair-name", name.to_owned()),
                ("--master-key", master.display().to_string()),
            ];
            let mut arguments = vec!["serve".to_owned()];
            arguments.extend(flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
            arguments.extend(postgres.wires.iter().map(|_| "--allow-plaintext".to_owned()));
            let machine = postgres.wires.as_ref().map(|wires| wires.on(hosts[index]));
            let url = format!("http://{}", address(index));
            members.push(Member { name, url, proxy, data, arguments, machine, child: None });
        }
        let members: [Member; 2] = members.try_into().ok().context("two members")?;
        let mut nodes = Self { postgres, members, key: String::new() };
        nodes.members[0].spawn().await?;
        let path = nodes.members[0].data.join("first-run/owner.key");
        nodes.key = eventually("the first node to lead", || async {
            let key = std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            let is_up = nodes.leads(0).await.unwrap_or(false);
            Ok((is_up && !key.is_empty()).then_some(key))
        })
        .await?;
        nodes.members[1].spawn().await?;
        nodes.settled().await?;
        Ok(nodes)
    }

    pub fn api(&self, member: usize) -> Api {
        Api::new(&self.members[member].url, &self.key)
    }

    async fn leads(&self, member: usize) -> anyhow::Result<bool> {
        let api = self.api(member);
        let asked =
            tokio::time::timeout(Duration::from_secs(2), api.call("GET", "/api/v1/slos", None)).await??;
        // Without a key it is refused, which only a whole node does.
        Ok(asked.0 == 200 || asked.0 == 401)
    }

    /// Who has the lease.
    pub async fn leader(&self) -> anyhow::Result<usize> {
        let holder = self.postgres.text("SELECT coalesce(holder, '') FROM nines_lease").await?;
        let index = self.members.iter().position(|member| member.name == holder);
        index.with_context(|| format!("the lease is `{holder}`'s"))
    }

    /// Waits until one leads and the other has all that it wrote, so that it could take over at once.
    pub async fn settled(&self) -> anyhow::Result<usize> {
        eventually("one node to lead and the other to follow", || async {
            let leader = self.leader().await?;
            if !self.leads(leader).await? {
                return Ok(None);
            }
            let standby = self.members[1 - leader].status().await?;
            let log = self.postgres.text("SELECT coalesce(string_agg(file || '=' || seq, ' ' ORDER BY file), '') FROM (SELECT file, max(seq) AS seq FROM nines_log GROUP BY file) AS log").await?;
            let seen = format!("SELECT positions FROM nines_members WHERE name = '{}' AND seen_at > now() - interval '3 seconds'", self.members[1 - leader].name);
            let positions: Value = serde_json::from_str(&self.postgres.text(&seen).await?).unwrap_or_default();
            let behind = log.split_whitespace().filter_map(|one| one.split_once('=')).any(|(file, at)| {
                // Still written while it is looked at: a few are no lag.
                positions[file].as_i64().unwrap_or(-100) + 50 < at.parse().unwrap_or(0)
            });
            let is_fit = standby["role"] == "standby" && standby["vouches"] == true && standby["trouble"].is_null() && !behind;
            Ok(is_fit.then_some(leader))
        })
        .await
    }

    /// Brings the leader down in one way, waits until the other leads, and heals what was broken. How long nobody led.
    pub async fn fail_over(&mut self, fault: Fault) -> anyhow::Result<Duration> {
        let leader = self.leader().await?;
        let epoch = self.postgres.epoch().await?;
        let clock = nines_base::SystemClock::shared();
        let from = clock.monotonic();
        let mut lock = None;
        match fault {
            Fault::Killed => {
                let mut child = self.members[leader].child.take().context("the process runs")?;
                child.start_kill()?;
                child.wait().await?;
            }
            Fault::Stopped => self.signal(leader, "-STOP").await?,
            Fault::LeaseLost => lock = Some(self.postgres.lose_lease(Duration::from_secs(6)).await?),
            Fault::CutOff | Fault::Mute | Fault::Deaf | Fault::Isolated => {
                self.break_network(leader, fault, true).await?;
            }
        }
        let led = eventually("another epoch to be led", || async {
            if self.postgres.epoch().await? == epoch {
                return Ok(None);
            }
            let now = self.leader().await?;
            // Of a lease that is nobody's, either may be first.
            let may_lead = now != leader || fault == Fault::LeaseLost;
            Ok((may_lead && self.leads(now).await?).then_some(()))
        })
        .await;
        let took = clock.monotonic() - from;
        match fault {
            Fault::Killed => self.members[leader].spawn().await?,
            Fault::Stopped => self.signal(leader, "-CONT").await?,
            Fault::LeaseLost => {}
            Fault::CutOff | Fault::Mute | Fault::Deaf | Fault::Isolated => {
                self.break_network(leader, fault, false).await?;
            }
        }
        if let Some(lock) = lock {
            lock.await??;
        }
        led.with_context(|| format!("{fault:?}"))?;
        Ok(took)
    }

    /// Between a node and what it leans on, or heals it.
    pub async fn break_network(&self, member: usize, fault: Fault, broken: bool) -> anyhow::Result<()> {
        let Some(wires) = &self.postgres.wires else {
            ensure!(fault == Fault::CutOff, "{fault:?} needs a network of its own");
            self.members[member].proxy.fall_silent(broken);
            return Ok(());
        };
        let hosts = [Host::A, Host::B];
        let (node, other, postgres) = (hosts[member], hosts[1 - member], Host::Postgres);
        let lost: &[(Host, Host)] = match fault {
            Fault::CutOff => &[(node, postgres), (postgres, node)],
            Fault::Mute => &[(node, postgres)],
            Fault::Deaf => &[(postgres, node)],
            Fault::Isolated => &[(node, postgres), (postgres, node), (node, other), (other, node)],
            Fault::Killed | Fault::Stopped | Fault::LeaseLost => &[],
        };
        for (from, to) in lost {
            wires.lose(*from, *to, broken).await?;
        }
        Ok(())
    }

    /// The two no longer hear each other, and both hear PostgreSQL; or heals it.
    pub async fn part(&self, parted: bool) -> anyhow::Result<()> {
        let wires = self.postgres.wires.as_ref().context("needs a network of its own")?;
        for (from, to) in [(Host::A, Host::B), (Host::B, Host::A)] {
            wires.lose(from, to, parted).await?;
        }
        Ok(())
    }

    /// What a node says that wants to be the third.
    pub async fn trouble_of_a_third(&self, folder: &Path) -> anyhow::Result<String> {
        let port = free_port().await?;
        let flags = [
            ("--data", folder.join("third").display().to_string()),
            ("--listen", format!("127.0.0.1:{port}")),
            ("--pair", self.postgres.url(self.postgres.port)),
            ("--pair-name", "c".to_owned()),
        ];
        let mut arguments = vec!["serve".to_owned()];
        arguments.extend(flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
        let mut third = Member {
            name: "c",
            url: format!("http://127.0.0.1:{port}"),
            proxy: self.members[0].proxy.clone(),
            data: folder.join("third"),
            arguments,
            machine: None,
            child: None,
        };
        third.spawn().await?;
        eventually("the third to say why it cannot", || async {
            Ok(third.status().await?["trouble"].as_str().map(str::to_owned))
        })
        .await
    }

    /// What `nines doctor` says of a node.
    pub async fn doctor(&self, member: usize) -> anyhow::Result<String> {
        let mut asked = command(&["doctor", "--url", &self.members[member].url])?;
        let done = asked.env("NINES_KEY", &self.key).output().await?;
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// As `systemctl stop` does.
    pub async fn stop(&mut self, member: usize) -> anyhow::Result<()> {
        self.signal(member, "-TERM").await?;
        let mut child = self.members[member].child.take().context("the process runs")?;
        let status =
            tokio::time::timeout(crate::PATIENCE, child.wait()).await.context("it did not stop")??;
        ensure!(status.success(), "nines stopped with {status}");
        Ok(())
    }

    async fn signal(&self, member: usize, signal: &str) -> anyhow::Result<()> {
        let id = self.members[member].process_id()?.to_string();
        let status = nines_base::spawn::program("/bin/kill").arg(signal).arg(id).status().await?;
        ensure!(status.success(), "kill {signal} failed");
        Ok(())
    }
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
