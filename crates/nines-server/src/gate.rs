//! Who may send telemetry, and whose limits it counts against, asked by the receivers before they read a body.

use std::net::SocketAddr;

use async_trait::async_trait;
use nines_access::{Access, AccessError, Action, Actor, Credentials, Resource, authorize};
use nines_base::ErrorKind;
use nines_ingest::Tenants;
use nines_receive::{GateError, IngestGate, IngestIdentity};

/// The receivers' gate over the node's access service, for one listener.
pub struct KeyGate {
    pub access: Access,
    /// Senders on this listener need no key.
    pub anonymous: bool,
    pub tenants: Tenants,
}

#[async_trait]
impl IngestGate for KeyGate {
    fn admit_known(&self, key: &str) -> Option<Result<IngestIdentity, GateError>> {
        let sender = match self.access.known_sender(key)? {
            Ok(sender) => sender,
            Err(error) => return Some(Err(refused(error))),
        };
        Some(Ok(IngestIdentity { tenant: Some(self.tenants.tenant(sender.team.as_deref())) }))
    }

    async fn admit(
        &self,
        authorization: Option<&str>,
        peer: SocketAddr,
    ) -> Result<IngestIdentity, GateError> {
        let actor = match authorization {
            None => Actor::anonymous(self.anonymous),
            Some(key) => {
                let header = format!("Bearer {key}");
                let credentials = Credentials {
                    authorization: Some(&header),
                    cookie: None,
                    csrf: None,
                    is_unsafe: true,
                    address: peer.ip(),
                };
                self.access.authenticate(&credentials).await.map_err(refused)?.actor
            }
        };
        match authorize(&actor, Action::SendTelemetry, &Resource::Node).into_result() {
            Ok(_) => {
                let team = actor.bounds.as_ref().and_then(|bounds| bounds.team.as_deref());
                Ok(IngestIdentity { tenant: Some(self.tenants.tenant(team)) })
            }
            Err(denial) if denial.kind() == ErrorKind::Forbidden => Err(GateError::Forbidden),
            Err(_) => Err(GateError::Unauthenticated),
        }
    }
}

fn refused(error: AccessError) -> GateError {
    match error {
        AccessError::Throttled { wait } | AccessError::TooFast { wait, .. } => {
            GateError::Exhausted { retry_after: wait }
        }
        // The store could not be asked: telemetry is not turned away for good because of that.
        AccessError::Repository(_) => GateError::Exhausted { retry_after: std::time::Duration::from_secs(1) },
        _ => GateError::Unauthenticated,
    }
}
