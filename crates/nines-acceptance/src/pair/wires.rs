//! Machines on a network of the test's own: a namespace of Linux for each, all on one bridge, and packets that get lost
//! between any two of them, in one direction or both.
//!
//! A packet is lost on the wire: its sender has the wrong hardware address for the receiver and nobody takes it, so no
//! program is told anything, and what goes the other way arrives.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use nines_base::spawn::program;

/// Belongs to nobody on the bridge.
const NOBODY: &str = "02:00:00:00:00:01";

/// A machine on the bridge; this process is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    A,
    B,
    Postgres,
}

impl Host {
    const ALL: [Self; 3] = [Self::A, Self::B, Self::Postgres];

    fn number(self) -> u32 {
        match self {
            Self::A => 2,
            Self::B => 3,
            Self::Postgres => 4,
        }
    }
}

/// Taken down when it is dropped.
#[derive(Debug)]
pub struct Wires {
    /// Tells apart what runs side by side.
    id: String,
    /// The first three numbers of all addresses.
    network: String,
}

impl Wires {
    /// `None`: it is not permitted here, and says so.
    pub async fn lay() -> anyhow::Result<Option<Self>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let place = (std::process::id() * 4 + number) % (50 * 256);
        let network = format!("10.{}.{}", 200 + place / 256, place % 256);
        let wires = Self { id: format!("{:x}-{number}", std::process::id()), network };
        let bridge = wires.bridge();
        if let Err(error) = ip(&["link", "add", &bridge, "type", "bridge"]).await {
            println!("skipped: networks of its own are not permitted here ({error:#}); run it as root");
            return Ok(None);
        }
        ip(&["addr", "add", &format!("{}.1/24", wires.network), "dev", &bridge]).await?;
        ip(&["link", "set", &bridge, "up"]).await?;
        for host in Host::ALL {
            let (space, port) = (wires.space(host), wires.port(host));
            ip(&["netns", "add", &space]).await?;
            ip(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &space]).await?;
            ip(&["link", "set", &port, "master", &bridge, "up"]).await?;
            let address = format!("{}/24", wires.address(host));
            ip(&["-n", &space, "addr", "add", &address, "dev", "eth0"]).await?;
            ip(&["-n", &space, "link", "set", "eth0", "up"]).await?;
            ip(&["-n", &space, "link", "set", "lo", "up"]).await?;
        }
        Ok(Some(wires))
    }

    pub fn address(&self, host: Host) -> String {
        format!("{}.{}", self.network, host.number())
    }

    /// Where this process is on the bridge.
    pub fn here(&self) -> String {
        format!("{}.1", self.network)
    }

    /// All of them.
    pub fn network(&self) -> String {
        format!("{}.0/24", self.network)
    }

    /// What stands before a command that is to run on that machine. It becomes the command: signals reach that.
    pub fn on(&self, host: Host) -> [String; 4] {
        ["ip".to_owned(), "netns".to_owned(), "exec".to_owned(), self.space(host)]
    }

    /// From now on what one sends to the other is lost, or is no longer.
    pub async fn lose(&self, from: Host, to: Host, lost: bool) -> anyhow::Result<()> {
        let (space, to) = (self.space(from), self.address(to));
        let neighbour = ["-n", &space, "neigh", if lost { "replace" } else { "del" }, &to, "dev", "eth0"];
        let wrong = ["lladdr", NOBODY, "nud", "permanent"];
        ip(&if lost { [neighbour.as_slice(), &wrong].concat() } else { neighbour.to_vec() }).await
    }

    fn bridge(&self) -> String {
        format!("nb{}", self.id)
    }

    fn port(&self, host: Host) -> String {
        format!("nv{}-{}", self.id, host.number())
    }

    fn space(&self, host: Host) -> String {
        format!("nines-{}-{}", self.id, host.number())
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        let mut gone = vec![vec!["link".to_owned(), "del".to_owned(), self.bridge()]];
        for host in Host::ALL {
            gone.push(vec!["link".to_owned(), "del".to_owned(), self.port(host)]);
            gone.push(vec!["netns".to_owned(), "del".to_owned(), self.space(host)]);
        }
        for arguments in gone {
            // What cannot be taken down stays; the next run has other names.
            let _ = program("ip").args(arguments).as_std_mut().status();
        }
    }
}

async fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let done = program("ip").args(arguments).output().await.context("there is no `ip` (iproute2)")?;
    ensure!(
        done.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(())
}
