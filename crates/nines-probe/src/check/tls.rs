//! TLS: the handshake, and what the certificate says.
//!
//! The handshake goes through whatever the certificate is, so that its dates and names can be told; what it is worth is
//! decided right after, before anything is sent.

use std::sync::Arc;
use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::facts;
use super::{Checker, Fault, Trace, add};
use crate::measurement::{Assertion, FailureKind};
use crate::probe::{TlsCheck, TlsOptions};

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Checker {
    pub(super) async fn tls(&self, check: &TlsCheck, trace: &mut Trace) -> Result<(), Fault> {
        let stream = self.connect(&check.address, trace).await?;
        self.handshake(stream, &check.address.host, &check.options, &[], trace).await?;
        let names = trace.facts.certificate.as_ref().map(|found| found.names.clone()).unwrap_or_default();
        for wanted in &check.names {
            let passed = names.iter().any(|name| name_covers(name, wanted));
            let what = format!("the certificate is for {wanted}");
            trace.assertions.push(Assertion::new(what, passed, names.join(", ")));
        }
        Ok(())
    }

    /// # Errors
    /// A handshake that fails; a certificate that does not verify, unless that is allowed, or ends too soon.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        options: &TlsOptions,
        protocols: &[&[u8]],
        trace: &mut Trace,
    ) -> Result<TlsStream<TcpStream>, Fault> {
        trace.step = "shaking hands over TLS";
        let before = self.clock.monotonic();
        let name = options.server_name.as_deref().unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::new(FailureKind::Tls, format!("`{name}` cannot be asked for over TLS")))?;
        let onlooker = Arc::new(self.onlooker(options)?);
        let provider = Arc::clone(&onlooker.provider);
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| Fault::new(FailureKind::Tls, error.to_string()))?;
        let mut config = config
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&onlooker) as _)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // Each check is to see a whole handshake.
        config.resumption = rustls::client::Resumption::disabled();
        let shaken = TlsConnector::from(Arc::new(config)).connect(server_name, stream).await;
        add(&mut trace.phases.tls, self.clock.monotonic().saturating_sub(before));
        let shaken =
            shaken.map_err(|error| Fault::new(FailureKind::Tls, format!("no TLS with {name}: {error}")))?;
        trace.facts.tls_version = match shaken.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Some("1.3"),
            Some(ProtocolVersion::TLSv1_2) => Some("1.2"),
            _ => None,
        };
        let seen = onlooker.seen.lock().take();
        let Some(seen) = seen else {
            return Err(Fault::new(FailureKind::Tls, format!("{name} showed no certificate")));
        };
        trace.facts.certificate = facts(&seen.chain);
        if let (Err(error), false) = (&seen.verdict, options.skip_verification) {
            let message = format!("the certificate of {name} is not good: {error}");
            return Err(Fault::new(FailureKind::Certificate, message));
        }
        if !options.lasts_at_least.is_zero() {
            let end = trace.facts.certificate.as_ref().map_or(Timestamp::EPOCH, |found| found.not_after);
            let left = end.since(self.clock.now());
            let what =
                format!("the certificate lasts {} d more", options.lasts_at_least.as_secs() / DAY.as_secs());
            let saw = format!("{} d, until {end}", left.as_secs() / DAY.as_secs());
            trace.assertions.push(Assertion::new(what, left >= options.lasts_at_least, saw));
        }
        Ok(shaken)
    }

    fn onlooker(&self, options: &TlsOptions) -> Result<Onlooker, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = match &options.authorities {
            None => Arc::clone(&self.roots),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).flatten().collect();
                roots.add_parsable_certificates(found);
                Arc::new(roots)
            }
        };
        let inner = (!roots.is_empty())
            .then(|| WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build());
        let inner = inner.transpose().map_err(|error| Fault::new(FailureKind::Tls, error.to_string()))?;
        Ok(Onlooker { provider, inner, seen: Mutex::default() })
    }
}

/// Lets every certificate pass and remembers what it was worth. Signatures of the handshake are checked all the same: who
/// shows a certificate must own it.
#[derive(Debug)]
struct Onlooker {
    provider: Arc<CryptoProvider>,
    /// `None`: nobody is trusted.
    inner: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug)]
struct Seen {
    chain: Vec<CertificateDer<'static>>,
    verdict: Result<(), String>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = match &self.inner {
            Some(inner) => inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(drop)
                .map_err(|error| error.to_string()),
            None => Err("no authority is trusted here".to_owned()),
        };
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        *self.seen.lock() = Some(Seen { chain, verdict });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A wildcard covers one label (RFC 6125, section 6.4.3).
fn name_covers(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    match (pattern.strip_prefix("*."), name.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(name_covers("*.example.com", "a.example.com") && name_covers("A.example", "a.example"));
        assert!(
            !name_covers("*.example.com", "a.b.example.com") && !name_covers("*.example.com", "example.com")
        );
    }
}
