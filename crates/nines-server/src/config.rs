//! What a node is told. Order: defaults, file, environment, flags; the command line merges the last two.
//!
//! The file is TOML. Its keys are those of [`ConfigFile`]; an unknown key is an error with its line and the known keys.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

/// One node's configuration, whole.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything that the node keeps. Made if it is missing.
    pub data_dir: PathBuf,
    /// The web, the API and OTLP over HTTP.
    pub listen: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    /// How people reach `listen`, for links in pages: `https://nines.example.com`. Default: the bound address.
    pub public_url: Option<String>,
    /// Whether telemetry is taken in without a key. `None`: on loopback addresses only.
    pub anonymous_ingest: Option<bool>,
    /// Bind beyond loopback although the connection is not encrypted: something in front must do that.
    pub allow_plaintext: bool,
    /// Private addresses that pages may be sent to; public ones always may.
    pub allow_egress: Vec<IpNet>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read configuration file {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Parse { path: PathBuf, message: String },
    #[error(
        "`{name}` {address} can be reached from other machines and is not encrypted: put a TLS proxy in front and allow it with --allow-plaintext, or bind 127.0.0.1"
    )]
    Plaintext { name: &'static str, address: SocketAddr },
}

/// The file's shape. Every key is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    pub data: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub otlp_grpc: Option<SocketAddr>,
    pub otlp_http: Option<SocketAddr>,
    pub public_url: Option<String>,
    pub anonymous_ingest: Option<bool>,
    pub allow_plaintext: Option<bool>,
    pub allow_egress: Option<Vec<IpNet>>,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            data_dir: PathBuf::from("./nines-data"),
            listen: loopback(9999),
            otlp_grpc: loopback(4317),
            otlp_http: loopback(4318),
            public_url: None,
            anonymous_ingest: None,
            allow_plaintext: false,
            allow_egress: Vec::new(),
        }
    }
}

impl Config {
    /// The defaults, changed by a file.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let file: ConfigFile = toml::from_str(&text)
            .map_err(|error| ConfigError::Parse { path: path.to_owned(), message: error.to_string() })?;
        let default = Self::default();
        Ok(Self {
            data_dir: file.data.unwrap_or(default.data_dir),
            listen: file.listen.unwrap_or(default.listen),
            otlp_grpc: file.otlp_grpc.unwrap_or(default.otlp_grpc),
            otlp_http: file.otlp_http.unwrap_or(default.otlp_http),
            public_url: file.public_url.or(default.public_url),
            anonymous_ingest: file.anonymous_ingest.or(default.anonymous_ingest),
            allow_plaintext: file.allow_plaintext.unwrap_or(default.allow_plaintext),
            allow_egress: file.allow_egress.unwrap_or(default.allow_egress),
        })
    }

    /// Refuses what would be unsafe unless it was asked for by name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let listeners =
            [("listen", self.listen), ("otlp-grpc", self.otlp_grpc), ("otlp-http", self.otlp_http)];
        for (name, address) in listeners.into_iter().filter(|(_, address)| !address.ip().is_loopback()) {
            if !self.allow_plaintext {
                return Err(ConfigError::Plaintext { name, address });
            }
        }
        Ok(())
    }

    /// Whether a sender on this listener may come without a key.
    pub fn takes_anonymous(&self, listener: SocketAddr) -> bool {
        self.anonymous_ingest.unwrap_or(listener.ip().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_loopback_and_safe() {
        let config = Config::default();
        config.check().unwrap();
        assert!(config.takes_anonymous(config.otlp_grpc));
    }

    #[test]
    fn a_bind_beyond_loopback_is_refused_unless_asked_for_and_then_needs_keys() {
        let open = "0.0.0.0:4317".parse().unwrap();
        let mut config = Config { otlp_grpc: open, ..Config::default() };
        assert!(config.check().unwrap_err().to_string().contains("--allow-plaintext"));
        config.allow_plaintext = true;
        config.check().unwrap();
        assert!(!config.takes_anonymous(open), "anonymous ingest must be asked for by name too");
        config.anonymous_ingest = Some(true);
        assert!(config.takes_anonymous(open));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nines.toml");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nlisten_adress = \"x\"\n").unwrap();
        let text = Config::from_file(&path).unwrap_err().to_string();
        assert!(text.contains("line 2") && text.contains("listen_adress"), "{text}");
    }
}
