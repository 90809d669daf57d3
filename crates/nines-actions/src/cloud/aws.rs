//! AWS over its own wire protocols: EC2, ELBv2 and Auto Scaling (query and XML), STS, DynamoDB for the table of
//! terminated machines, WAFv2 for block lists (JSON). Every call goes out through [`Egress`], signed here.
//!
//! One account and region. For another account give a [`Role`] that this one may take on.

use async_trait::async_trait;
use nines_base::SharedClock;
use nines_egress::Egress;
use sha2::{Digest, Sha256};

use super::{Cloud, CloudError};
use crate::effect::Effect;
use crate::inventory::Inventory;
use crate::plan::hex;
use crate::seen::{Query, Seen};

pub mod credentials;
mod ec2;
mod elb;
mod inventory;
mod kms;
mod scaling;
mod sigv4;
pub mod survey;
mod tables;
mod wire;
mod xml;

pub use credentials::Chain;
pub use kms::Kms;
pub use wire::{Role, encode};

use wire::{Fault, Form, Wire};

#[derive(Debug, Clone)]
pub struct AwsConfig {
    pub region: String,
    /// For a private endpoint or a mock; all services share it.
    pub endpoint: Option<String>,
    pub role: Option<Role>,
    pub credentials: Chain,
    /// The DynamoDB table of terminated machines, its key `instance_id`.
    pub terminated_table: String,
    pub waf_scope: WafScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WafScope {
    Regional,
    CloudFront,
}

pub struct Aws {
    wire: Wire,
    terminated_table: String,
    waf_scope: WafScope,
}

impl Aws {
    pub fn new(config: AwsConfig, egress: Egress, clock: SharedClock) -> Self {
        let (terminated_table, waf_scope) = (config.terminated_table.clone(), config.waf_scope);
        Self { wire: Wire::new(config, egress, clock), terminated_table, waf_scope }
    }
}

#[async_trait]
impl Cloud for Aws {
    fn name(&self) -> String {
        format!("aws {}", self.wire.region)
    }

    async fn look(&self, query: &Query) -> Result<Seen, CloudError> {
        let seen = match query {
            Query::Instance { instance } => ec2::instance(&self.wire, instance).await,
            Query::Templates => ec2::templates(&self.wire).await,
            Query::Targets { group } => elb::targets(&self.wire, group).await,
            Query::Rules { listener } => elb::rules(&self.wire, listener).await,
            Query::Weights { listener } => elb::weights(&self.wire, listener).await,
            Query::ScalingGroup { group } => scaling::group(&self.wire, group).await,
            Query::Terminated { instance } => {
                tables::terminated(&self.wire, &self.terminated_table, instance).await
            }
            Query::BlockList { list } => tables::block_list(&self.wire, self.waf_scope, list).await,
        };
        match seen {
            Err(fault) if is_missing(&fault.code) => Ok(Seen::Missing),
            Err(Fault { error: CloudError::Lost { operation, reason }, .. }) => {
                // A look has no effect that could be lost.
                Err(CloudError::Unreachable { operation, reason })
            }
            seen => Ok(seen?),
        }
    }

    async fn change(&self, id: &str, effect: &Effect) -> Result<(), CloudError> {
        let wire = &self.wire;
        let table = &self.terminated_table;
        let done = match effect {
            Effect::StartInstance { instance } => ec2::power(wire, "StartInstances", instance).await,
            Effect::StopInstance { instance } => ec2::power(wire, "StopInstances", instance).await,
            Effect::CreateTemplate { template } => {
                ec2::create_template(wire, template, &client_token(id)).await
            }
            Effect::DeleteTemplate { template } => ec2::delete_template(wire, &template.name).await,
            Effect::Register { group, instance } => {
                elb::target(wire, "RegisterTargets", group, instance).await
            }
            Effect::Deregister { group, instance } => {
                elb::target(wire, "DeregisterTargets", group, instance).await
            }
            Effect::AddRule { listener, rule } => elb::add_rule(wire, listener, rule).await,
            Effect::DeleteRule { listener, rule } => elb::delete_rule(wire, listener, rule).await,
            Effect::SetWeights { listener, weights } => elb::set_weights(wire, listener, weights).await,
            Effect::SetDesired { group, desired } => scaling::set_desired(wire, group, *desired).await,
            Effect::RecordTerminated { instance, reason } => {
                tables::record_terminated(wire, table, instance, reason).await
            }
            Effect::ForgetTerminated { instance } => tables::forget_terminated(wire, table, instance).await,
            Effect::Block { list, addresses } => {
                tables::edit_block_list(wire, self.waf_scope, list, |found| found.extend(addresses.clone()))
                    .await
            }
            Effect::Unblock { list, addresses } => {
                let take_out = |found: &mut std::collections::BTreeSet<String>| {
                    found.retain(|address| !addresses.contains(address));
                };
                tables::edit_block_list(wire, self.waf_scope, list, take_out).await
            }
        };
        Ok(done?)
    }

    async fn inventory(&self) -> Result<Inventory, CloudError> {
        Ok(inventory::inventory(&self.wire, self.waf_scope).await?)
    }
}

/// Of things that are not there; each service has its own word.
fn is_missing(code: &str) -> bool {
    matches!(
        code,
        "InvalidInstanceID.NotFound"
            | "InvalidInstanceID.Malformed"
            | "TargetGroupNotFound"
            | "ListenerNotFound"
            | "LoadBalancerNotFound"
            | "WAFNonexistentItemException"
    )
}

/// The same for every attempt of one effect; 64 characters, which every service takes.
fn client_token(id: &str) -> String {
    hex(&Sha256::digest(id.as_bytes()))
}

fn form(pairs: &[(&str, &str)]) -> Form {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
