//! The identity provider that vouches for people, if one is set up.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use nines_access::{Role, Standing};
use nines_base::{Random, SharedClock};
use nines_egress::Egress;
use nines_oidc::{Provider, ProviderConfig};
use nines_secrets::{SecretRef, SecretResolver};

use crate::config::Config;

/// # Errors
/// Settings that could never let anybody in, or would let everybody be owner.
pub fn provider(
    config: &Config,
    public_url: &str,
    secrets: &dyn SecretResolver,
    egress: &Egress,
    clock: &SharedClock,
) -> anyhow::Result<Option<Arc<Provider>>> {
    let Some(settings) = &config.oidc else { return Ok(None) };
    let is_url = settings.issuer.starts_with("https://") || settings.issuer.starts_with("http://");
    if !is_url || settings.client_id.is_empty() {
        bail!("the identity provider is not whole: give --oidc-issuer with an address and --oidc-client-id");
    }
    if settings.roles.is_empty() {
        bail!(
            "no group of the identity provider has a role, so nobody could sign in: give --oidc-role GROUP=ROLE"
        );
    }
    for (group, role) in &settings.roles {
        let standings =
            Standing::parse_all(role).with_context(|| format!("the role of the group `{group}`"))?;
        if standings.contains(&Standing::Everywhere(Role::Owner)) {
            bail!("the group `{group}` cannot be owner: owners are made here; take admin");
        }
    }
    let client_secret = match settings.client_secret.as_deref() {
        None => String::new(),
        Some(text) => match SecretRef::parse(text)? {
            Some(reference) => secrets.resolve(&reference)?.expose().to_owned(),
            None => std::fs::read_to_string(Path::new(text))
                .with_context(|| format!("cannot read the identity provider's secret from {text}"))?
                .trim()
                .to_owned(),
        },
    };
    let host = settings.issuer.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let provider = ProviderConfig {
        issuer: settings.issuer.clone(),
        name: settings.name.clone().unwrap_or_else(|| host.to_owned()),
        client_id: settings.client_id.clone(),
        client_secret,
        redirect_uri: format!("{public_url}/oidc/callback"),
        groups_claim: settings.groups_claim.clone().unwrap_or_else(|| "groups".to_owned()),
        roles: settings.roles.clone(),
    };
    let provider = Provider::new(provider, egress.clone(), clock.clone(), Random::from_system());
    Ok(Some(Arc::new(provider)))
}
