//! Checks as they are carried out: one file for each kind, and what they share.

pub mod certificate;
mod connect;
pub mod dns;
mod grpc;
mod http;
mod icmp;
pub mod json_path;
mod tcp;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use nines_base::{Random, SharedClock};
use nines_egress::Egress;
use nines_model::Timestamp;
use rustls::RootCertStore;

use crate::measurement::{Assertion, Facts, FailureKind, Measurement, Outcome, Phases};
use crate::probe::{Check, HostPort, Probe, Secretive};
use crate::self_check::Look;

/// What is read of an answer; assertions look at so much of a body.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A reference that does not answer within this is not reached.
const REFERENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Carries checks out. Cheap to clone.
#[derive(Clone)]
pub struct Checker {
    egress: Egress,
    clock: SharedClock,
    random: Random,
    roots: Arc<RootCertStore>,
    environment: fn(&str) -> Option<String>,
}

/// What a check has seen so far: kept apart from its future, so that a timeout loses nothing of it.
pub(crate) struct Trace {
    pub phases: Phases,
    pub facts: Facts,
    pub assertions: Vec<Assertion>,
    /// What is being done, for the text of a timeout.
    pub step: &'static str,
    started: Duration,
}

/// Why a check ended early.
#[derive(Debug)]
pub(crate) struct Fault {
    pub kind: FailureKind,
    pub message: String,
}

impl Fault {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl Checker {
    /// Trusts the authorities of this machine. `environment` gives the values of secret headers.
    pub fn new(
        egress: Egress,
        clock: SharedClock,
        random: Random,
        environment: fn(&str) -> Option<String>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!(
                ignored,
                "this machine has no certificate authorities: certificates will not verify"
            );
        }
        Self { egress, clock, random, roots: Arc::new(roots), environment }
    }

    /// Runs a check once; ends within the probe's timeout.
    pub async fn run(&self, probe: &Probe) -> Measurement {
        let at = self.clock.now();
        let started = self.clock.monotonic();
        let mut trace = Trace {
            phases: Phases::default(),
            facts: Facts::default(),
            assertions: Vec::new(),
            step: "connecting",
            started,
        };
        let ended = tokio::time::timeout(probe.timeout, self.check(&probe.check, &mut trace)).await;
        let duration = self.clock.monotonic().saturating_sub(started);
        let ended = ended.unwrap_or_else(|_| {
            let message = format!("no answer within {:?}, while {}", probe.timeout, trace.step);
            Err(Fault::new(FailureKind::Timeout, message))
        });
        finished(at, duration, trace, ended)
    }

    async fn check(&self, check: &Check, trace: &mut Trace) -> Result<(), Fault> {
        match check {
            Check::Http(check) => self.http(check, trace).await,
            Check::Tcp(check) => self.tcp(check, trace).await,
            Check::Tls(check) => self.tls(check, trace).await,
            Check::Dns(check) => self.dns(check, trace).await,
            Check::Icmp(check) => self.icmp(check, trace).await,
            Check::Grpc(check) => self.grpc(check, trace).await,
        }
    }

    /// Tries to connect to each at the same time.
    pub async fn look(&self, endpoints: &[HostPort], are_references: bool) -> Look {
        let tries = endpoints.iter().cloned().map(|endpoint| {
            let checker = self.clone();
            tokio::spawn(async move {
                tokio::time::timeout(REFERENCE_TIMEOUT, checker.dial(&endpoint))
                    .await
                    .is_ok_and(|it| it.is_ok())
            })
        });
        let mut reached = 0;
        for tried in tries.collect::<Vec<_>>() {
            reached += usize::from(tried.await.unwrap_or(false));
        }
        Look { are_references, asked: endpoints.len(), reached }
    }

    fn value(&self, value: &Secretive) -> Result<String, Fault> {
        match value {
            Secretive::Plain(text) => Ok(text.clone()),
            Secretive::Environment(name) => (self.environment)(name).ok_or_else(|| {
                let message = format!("the variable {name} is not set where the probe runs");
                Fault::new(FailureKind::NotPermitted, message)
            }),
        }
    }

    /// Since the check began.
    fn elapsed(&self, trace: &Trace) -> Duration {
        self.clock.monotonic().saturating_sub(trace.started)
    }
}

fn finished(at: Timestamp, duration: Duration, trace: Trace, ended: Result<(), Fault>) -> Measurement {
    let Trace { phases, facts, assertions, .. } = trace;
    let failed = assertions.iter().find(|assertion| !assertion.passed);
    let reason = match ended {
        Err(fault) => Some((fault.kind, fault.message)),
        Ok(()) => failed.map(|failed| {
            let saw = if failed.saw.is_empty() { String::new() } else { format!(", saw {}", failed.saw) };
            (FailureKind::Assertion, format!("not so: {}{saw}", failed.what))
        }),
    };
    let outcome = reason.as_ref().map_or(Outcome::Success, |(kind, _)| kind.outcome());
    Measurement { at, outcome, reason, duration, phases, facts, assertions }
}

/// Adds to a phase that may be taken more than once.
fn add(phase: &mut Option<Duration>, more: Duration) {
    *phase = Some(phase.unwrap_or_default() + more);
}

#[cfg(test)]
mod tests;
