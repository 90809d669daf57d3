//! The syslog listeners of a node: bound before anything else is opened, served once telemetry is taken in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use nines_base::Shutdown;
use nines_receive::{Connections, Syslog};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::config::{Config, ConfigError};

/// Sockets that wait to be served.
#[derive(Default)]
pub struct SyslogSockets {
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    tls: Option<(TcpListener, Arc<ServerConfig>)>,
}

impl SyslogSockets {
    /// # Errors
    /// A port that is taken, a certificate that cannot be used.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let syslog = &config.syslog;
        let mut sockets = Self::default();
        if let Some(address) = syslog.udp {
            let bound = UdpSocket::bind(address).await;
            sockets.udp = Some(bound.with_context(|| format!("cannot listen on {address} (--syslog-udp)"))?);
        }
        if let Some(address) = syslog.tcp {
            let bound = TcpListener::bind(address).await;
            sockets.tcp = Some(bound.with_context(|| format!("cannot listen on {address} (--syslog-tcp)"))?);
        }
        if let (Some(address), Some(cert), Some(key)) = (syslog.tls, &syslog.tls_cert, &syslog.tls_key) {
            let tls = tls_config("syslog over TLS", cert, key, syslog.tls_client_ca.as_deref())?;
            let bound = TcpListener::bind(address).await;
            let listener = bound.with_context(|| format!("cannot listen on {address} (--syslog-tls)"))?;
            sockets.tls = Some((listener, Arc::new(tls)));
        }
        Ok(sockets)
    }

    /// Each open socket with its name, as people read it.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let udp = self.udp.as_ref().and_then(|socket| socket.local_addr().ok());
        let tcp = self.tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        let tls = self.tls.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        let all = [("syslog UDP", udp), ("syslog TCP", tcp), ("syslog TLS", tls)];
        all.into_iter().filter_map(|(name, address)| Some((name, address?))).collect()
    }

    /// The connections of `all` are for each listener in turn: TCP, TLS.
    pub fn serve(self, syslog: &Syslog, all: [Connections; 2], shutdown: &Shutdown) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        let [of_tcp, of_tls] = all;
        if let Some(socket) = self.udp {
            let (syslog, stop) = (syslog.clone(), shutdown.clone());
            tasks.push(tokio::spawn(async move { syslog.serve_udp(socket, stop).await }));
        }
        if let Some(listener) = self.tcp {
            let (syslog, stop) = (syslog.clone(), shutdown.clone());
            tasks.push(tokio::spawn(async move { syslog.serve_tcp(listener, of_tcp, stop).await }));
        }
        if let Some((listener, tls)) = self.tls {
            let (syslog, stop) = (syslog.clone(), shutdown.clone());
            tasks.push(tokio::spawn(async move { syslog.serve_tls(listener, tls, of_tls, stop).await }));
        }
        tasks
    }
}

/// What a listener answers over TLS with. `what` names it in errors.
pub fn tls_config(
    what: &'static str,
    cert: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, ConfigError> {
    let unusable = |path: &Path, error: &dyn std::fmt::Display| ConfigError::Certificate {
        what,
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(cert, &error))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(what, path)? {
                roots.add(certificate).map_err(|error| unusable(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| unusable(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(what, cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    builder.with_single_cert(chain, private).map_err(|error| unusable(cert, &error))
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let unusable = |reason: String| ConfigError::Certificate { what, path: path.to_owned(), reason };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(|certificates| certificates.collect());
    match found {
        Ok(certificates) if certificates.is_empty() => Err(unusable("it holds no certificate".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(error.to_string())),
    }
}
