//! Which node, and with which key.
//!
//! Address: `--url`, `NINES_URL`, `nines login`, `http://127.0.0.1:9999`. Key: `--key`, `NINES_KEY`, `nines login` for
//! this address, and for a node on this machine the owner key that its first start left in the working directory. A key
//! found in a file is never sent to an address that it does not belong to.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use nines_client::Client;
use serde::{Deserialize, Serialize};

pub const DEFAULT_URL: &str = "http://127.0.0.1:9999";

/// Data directories that `nines serve` and `nines demo` use unless told otherwise.
const DATA_DIRS: [&str; 2] = ["nines-data", nines_demo::DATA_DIR];

#[derive(Debug, Clone, Default, Args)]
pub struct Connection {
    /// Address [default: of `nines login`, else http://127.0.0.1:9999]
    #[arg(long, global = true, env = "NINES_URL", hide_env_values = true, help_heading = "Node and output")]
    pub url: Option<String>,

    /// Key [default: of `nines login`, else of the node on this machine]
    #[arg(long, global = true, env = "NINES_KEY", hide_env_values = true, help_heading = "Node and output")]
    pub key: Option<String>,
}

/// What `nines login` remembers.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub url: String,
    pub key: String,
}

impl Connection {
    pub fn client(&self) -> anyhow::Result<Client> {
        let (url, key) = self.resolved()?;
        Ok(Client::new(&url, key)?)
    }

    /// The address and the key that belongs to it, if there is one.
    pub fn resolved(&self) -> anyhow::Result<(String, Option<String>)> {
        let login = config_dir().and_then(|dir| Login::read(&dir).transpose()).transpose()?;
        Ok(self.resolve(login, Path::new(".")))
    }

    /// `here` is where data directories are looked for.
    fn resolve(&self, login: Option<Login>, here: &Path) -> (String, Option<String>) {
        let url = self.url.clone().or_else(|| login.as_ref().map(|login| login.url.clone()));
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        let remembered = login.filter(|login| same_node(&login.url, &url)).map(|login| login.key);
        let key = self.key.clone().or(remembered);
        let key = key.or_else(|| is_this_machine(&url).then(|| first_run_key(here)).flatten());
        (url, key)
    }
}

impl Login {
    /// `None` if nobody has logged in.
    pub fn read(dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = dir.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let login = toml::from_str(&text);
                Ok(Some(
                    login.with_context(|| {
                        format!("cannot read {}: run `nines login` again", path.display())
                    })?,
                ))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes it so that only its owner can read it, and gives the path.
    pub fn write(&self, dir: &Path) -> anyhow::Result<PathBuf> {
        use std::io::Write;
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

        use nines_base::disk::{Disk, RealDisk};

        let (path, temporary) = (dir.join(FILE), dir.join(format!("{FILE}.tmp")));
        let failed = || format!("cannot write {}", path.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(failed)?;
        // One that an earlier attempt left may have other permissions.
        let _ = RealDisk.remove(&temporary);
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&temporary).with_context(failed)?;
        file.write_all(toml::to_string(self)?.as_bytes()).with_context(failed)?;
        file.sync_data().with_context(failed)?;
        RealDisk.rename(&temporary, &path).with_context(failed)?;
        Ok(path)
    }
}

const FILE: &str = "login.toml";

/// `$XDG_CONFIG_HOME/nines`, else `~/.config/nines`.
pub fn config_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(base.join("nines"))
}

fn same_node(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn is_this_machine(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // With a user name in front, what looks like the host may be something else.
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn first_run_key(here: &Path) -> Option<String> {
    let read = |dir: &&str| std::fs::read_to_string(here.join(dir).join("first-run/owner.key")).ok();
    DATA_DIRS.iter().find_map(read).map(|text| text.trim().to_owned()).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login { url: "https://sre.example".to_owned(), key: "nk_remembered".to_owned() }
    }

    fn with_first_run_key() -> tempfile::TempDir {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("nines-data/first-run")).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let path = dir.path().join("nines-data/first-run/owner.key");
        options.write(true).create(true).truncate(true).open(path).unwrap().write_all(b"nk_first\n").unwrap();
        dir
    }

    #[track_caller]
    fn check(url: Option<&str>, key: Option<&str>, login: Option<Login>, expected: (&str, Option<&str>)) {
        let here = with_first_run_key();
        let connection = Connection { url: url.map(str::to_owned), key: key.map(str::to_owned) };
        let (url, key) = connection.resolve(login, here.path());
        assert_eq!((url.as_str(), key.as_deref()), expected);
    }

    #[test]
    fn what_is_said_wins_over_what_is_remembered() {
        check(None, None, None, (DEFAULT_URL, Some("nk_first")));
        check(None, None, Some(login()), ("https://sre.example", Some("nk_remembered")));
        check(None, Some("nk_said"), Some(login()), ("https://sre.example", Some("nk_said")));
        check(
            Some("https://sre.example/"),
            None,
            Some(login()),
            ("https://sre.example/", Some("nk_remembered")),
        );
    }

    #[test]
    fn a_key_from_a_file_goes_only_to_its_own_node() {
        check(Some("https://elsewhere.example"), None, Some(login()), ("https://elsewhere.example", None));
        check(Some("http://localhost:1"), None, Some(login()), ("http://localhost:1", Some("nk_first")));
        check(Some("http://[::1]:1"), None, None, ("http://[::1]:1", Some("nk_first")));
        for elsewhere in
            ["http://127.0.0.1.example:1", "http://localhost@evil.example", "http://localhost.evil.example"]
        {
            check(Some(elsewhere), None, None, (elsewhere, None));
        }
    }

    #[test]
    fn a_login_is_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("nested/nines");
        assert_eq!(Login::read(&config).unwrap(), None);
        let path = login().write(&config).unwrap();
        login().write(&config).unwrap();
        assert_eq!(Login::read(&config).unwrap(), Some(login()));
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
