//! Looking after a data directory: check it, copy it, put it back. These work on files, not through a node.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use nines_backup::Progress;
use nines_base::disk::RealDisk;
use nines_base::{ByteSize, SystemClock};
use nines_server::{RemoteConfig, open_object_store};
use nines_state::Database;
use nines_state::sealed::{self, GivenUp};
use serde_json::json;

use crate::exit::Code;
use crate::output::{Format, style};
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    long_about = "Read a whole data directory and say what is damaged.\n\nChecks every journal record, every database, the chain of the audit log, and every segment against the checksum that the catalog has of it. Changes nothing; a node may be running. Exits with 1 if something is damaged."
)]
pub struct VerifyArguments {
    /// The data directory
    #[arg(
        long,
        env = "NINES_DATA",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "nines-data"
    )]
    data: PathBuf,
    #[command(flatten)]
    object_store: ObjectStoreArgument,
}

/// The node's own setting, for what left its disk.
#[derive(Debug, Args)]
struct ObjectStoreArgument {
    /// The object store of the node (s3://bucket/prefix, file:///mnt): what is only there is read too
    #[arg(long, env = "NINES_OBJECT_STORE", hide_env_values = true, value_name = "URL")]
    object_store: Option<String>,
}

impl ObjectStoreArgument {
    fn open(&self) -> anyhow::Result<Option<RemoteConfig>> {
        self.object_store.as_deref().map(open_object_store).transpose()
    }
}

#[derive(Debug, Args)]
#[command(
    long_about = "Copy a data directory, in use or not, into a repository of backups.\n\nWhat was acknowledged before the command began is in the backup. Sealed segments never change and are kept once for all backups, so the second backup costs what is new. Plain-text keys in first-run/ are left out.",
    after_help = "Examples:\n  nines backup --to /mnt/backups\n  nines backup --data /var/lib/nines --to /mnt/backups --keep 14"
)]
pub struct BackupArguments {
    /// The data directory
    #[arg(
        long,
        env = "NINES_DATA",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "nines-data"
    )]
    data: PathBuf,
    /// The repository; made if it is missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Remove all but this many of the newest backups, once this one is complete
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    #[command(flatten)]
    object_store: ObjectStoreArgument,
}

#[derive(Debug, Args)]
#[command(
    long_about = "Put a backup into a new data directory.\n\nThe whole backup is checked before anything is written. Start the node on it afterwards; pages that were waiting when the backup was made are sent then.",
    after_help = "Examples:\n  nines restore --from /mnt/backups --data /var/lib/nines\n  nines restore --from /mnt/backups --at 20261122T083000.125Z --data ./look"
)]
pub struct RestoreArguments {
    /// The repository
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Which backup [default: the newest]
    #[arg(long, value_name = "NAME")]
    at: Option<String>,
    /// The data directory to make; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The master key is lost: leave out secrets, documents that may hold one, and second factors, and name them
    #[arg(long)]
    give_up_secrets: bool,
}

pub async fn verify(arguments: VerifyArguments, output: Format) -> anyhow::Result<Code> {
    let mut bar = Bar::default();
    let object_store = arguments.object_store.open()?;
    let report =
        nines_backup::verify(&RealDisk, &arguments.data, object_store.as_ref(), |now| bar.show(now)).await?;
    bar.clear();
    let answer = json!({
        "parts": report.parts.iter().map(|part| json!({
            "name": part.name, "count": part.count, "bytes": part.bytes,
        })).collect::<Vec<_>>(),
        "faults": report.faults.iter().map(|fault| json!({
            "part": fault.part, "file": fault.file, "what": fault.what,
        })).collect::<Vec<_>>(),
    });
    output.print_text(&answer, |_| {
        let mut table = Table::new(["checked", "count", "size"]).right(&[1, 2]);
        for part in &report.parts {
            let size = if part.bytes > 0 { ByteSize(part.bytes).to_string() } else { String::new() };
            table.row([part.name.to_owned(), part.count.to_string(), size]);
        }
        let mut text = table.render();
        for fault in &report.faults {
            text.push_str(&format!("{} {}: {}\n", style::red("damaged:"), fault.file, fault.what));
        }
        if report.faults.is_empty() {
            text.push_str("everything is as it was written\n");
        }
        text
    })?;
    Ok(if report.faults.is_empty() { Code::Ok } else { Code::Failed })
}

pub async fn backup(arguments: BackupArguments, output: Format) -> anyhow::Result<Code> {
    let mut bar = Bar::default();
    let keep = arguments.keep.map(|keep| keep as usize);
    let clock = SystemClock::shared();
    let object_store = arguments.object_store.open()?;
    let (data, to, elsewhere) = (&arguments.data, &arguments.to, object_store.as_ref());
    let report =
        nines_backup::backup(&RealDisk, &clock, data, elsewhere, to, keep, |now| bar.show(now)).await?;
    bar.clear();
    let manifest = &report.manifest;
    let key = arguments.data.join("master.key");
    if key.exists() {
        eprintln!(
            "not in it: the master key {}, without which a restored node does not start: keep a copy elsewhere",
            key.display()
        );
    }
    let answer = json!({
        "name": manifest.name,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
        "new_bytes": report.new_bytes,
        "missing": manifest.missing,
        "pruned": report.pruned,
    });
    output.print_text(&answer, |_| {
        let mut text = format!(
            "{}  {} files, {} ({} new)\n",
            manifest.name,
            manifest.files.len(),
            ByteSize(manifest.bytes()),
            ByteSize(report.new_bytes)
        );
        for missing in &manifest.missing {
            text.push_str(&format!("{} {}: {}\n", style::red("not copied:"), missing.path, missing.reason));
        }
        for name in &report.pruned {
            text.push_str(&format!("removed {name}\n"));
        }
        text
    })?;
    Ok(if manifest.missing.is_empty() { Code::Ok } else { Code::Failed })
}

pub async fn restore(arguments: &RestoreArguments, output: Format) -> anyhow::Result<Code> {
    let mut bar = Bar::default();
    let at = arguments.at.as_deref();
    let report = nines_backup::restore(&RealDisk, &arguments.from, at, &arguments.data, |now| bar.show(now))?;
    bar.clear();
    let manifest = &report.manifest;
    let given_up = match arguments.give_up_secrets {
        true => Some(give_up(&arguments.data).await?),
        false => {
            eprintln!(
                "no backup holds the master key: put the old directory's master.key into {}, start with --master-key, \
                 or, if it is lost, restore with --give-up-secrets",
                arguments.data.display()
            );
            None
        }
    };
    let answer = json!({
        "name": manifest.name, "files": manifest.files.len(), "bytes": report.bytes, "missing": manifest.missing,
        "given_up": given_up.as_ref().map(|lost| json!({
            "secrets": lost.secrets, "documents": lost.documents, "second_factors": lost.second_factors,
            "browsers": lost.browsers,
        })),
    });
    output.print_text(&answer, |_| {
        let mut text = format!(
            "{}  {} files, {}, all as they were\nstart it with: nines serve --data {}\n",
            manifest.name,
            manifest.files.len(),
            ByteSize(report.bytes),
            arguments.data.display()
        );
        for missing in &manifest.missing {
            text.push_str(&format!(
                "{} {}: {}\n",
                style::yellow("was damaged already:"),
                missing.path,
                missing.reason
            ));
        }
        if let Some(lost) = &given_up {
            for (what, names) in [
                ("secrets, to be set again", &lost.secrets),
                ("documents, to be applied again", &lost.documents),
                ("second factors, to be enrolled again", &lost.second_factors),
                ("browsers, to be registered again", &lost.browsers),
            ] {
                if !names.is_empty() {
                    text.push_str(&format!("{} {what}: {}\n", style::yellow("given up:"), names.join(", ")));
                }
            }
        }
        text
    })?;
    Ok(Code::Ok)
}

/// In the restored directory, which no node has seen yet.
async fn give_up(data: &Path) -> anyhow::Result<GivenUp> {
    let path = data.join("control.db");
    let database = Database::open(&path, sealed::DOMAINS)
        .await
        .with_context(|| format!("cannot open {}", path.display()))?;
    let given_up = sealed::give_up(&database, SystemClock::shared().now()).await?;
    database.close().await;
    Ok(given_up)
}

/// One line on a terminal that is written over; nothing elsewhere.
#[derive(Default)]
struct Bar {
    is_shown: bool,
    last_percent: Option<(&'static str, u64)>,
}

impl Bar {
    fn show(&mut self, now: Progress) {
        let percent = now.done_bytes * 100 / now.total_bytes.max(1);
        if !std::io::stderr().is_terminal() || self.last_percent == Some((now.part, percent)) {
            return;
        }
        self.last_percent = Some((now.part, percent));
        self.is_shown = true;
        eprint!("\r\x1b[K{} {percent} % of {}", now.part, ByteSize(now.total_bytes));
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            eprint!("\r\x1b[K");
        }
    }
}
