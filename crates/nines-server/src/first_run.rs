//! The first start: an owner, two key files that only their user can read, and a link that signs in once.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;
use nines_access::Access;

const FOLDER: &str = "first-run";

/// Makes the owner if there is none, and a fresh one-time link in any case. Gives the link's token.
pub async fn prepare(access: &Access, data: &Path) -> anyhow::Result<Option<String>> {
    if !access.is_first_run().await? {
        return Ok(access.owner_link().await?.map(|token| token.expose().to_owned()));
    }
    let first = access.prepare_first_run();
    let folder = data.join(FOLDER);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    // Files first: a crash in between leaves keys that do not work, never an owner whom nobody can be.
    write_private(&folder.join("owner.key"), first.owner_key.expose())?;
    write_private(&folder.join("ingest.key"), first.ingest_key.expose())?;
    access.complete_first_run(&first).await?;
    Ok(Some(first.link_token.expose().to_owned()))
}

/// The key that the first start left for the machine's user.
pub fn owner_key(data: &Path) -> io::Result<String> {
    Ok(std::fs::read_to_string(data.join(FOLDER).join("owner.key"))?.trim().to_owned())
}

pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use io::Write;
    let open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = open.with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    Ok(())
}
