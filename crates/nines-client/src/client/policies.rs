//! Policies and settings of a node.

use nines_api::*;

use super::Client;
use crate::ClientError;
use crate::call::Call;

impl Client {
    /// Every setting of the node, and where it comes from.
    pub async fn config(&self) -> Result<ConfigResponse, ClientError> {
        self.ask(Call::new("config")).await
    }

    pub async fn policies(&self) -> Result<PoliciesResponse, ClientError> {
        self.ask(Call::new("policies")).await
    }

    /// The versions of one document, newest first.
    pub async fn policy_versions(&self, name: &str) -> Result<PoliciesResponse, ClientError> {
        self.ask(Call::new("policy_versions").parameter(name)).await
    }

    /// The words that policies may use.
    pub async fn policy_schema(&self) -> Result<PolicySchema, ClientError> {
        self.ask(Call::new("policy_schema")).await
    }

    /// What a document would refuse of the last calls; nothing is applied.
    pub async fn check_policy(&self, request: &PolicyCheckRequest) -> Result<PolicyChecked, ClientError> {
        self.tell(Call::new("check_policy"), request).await
    }

    /// Applies a document as its newest version.
    pub async fn put_policy(
        &self,
        name: &str,
        request: &PolicyRequest,
    ) -> Result<PolicyDocument, ClientError> {
        self.tell(Call::new("put_policy").parameter(name), request).await
    }

    pub async fn remove_policy(&self, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_policy").parameter(name)).await
    }
}
