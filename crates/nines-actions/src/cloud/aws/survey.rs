//! Every thing of the kinds that standards are written for, as the provider describes it: for an inventory that people
//! judge, not for actions.
//!
//! Lists are read page by page to the end; a throttled call is made again a little later; a kind that the account refuses
//! is said to be refused, and a part of a thing that is refused stands in its attributes as `{"$unknown": reason}`. Nothing
//! secret is asked for: parameters are listed, never read.

mod calls;
mod edge;
mod identity;
mod machines;
mod stores;
mod tree;

use std::collections::BTreeMap;

use serde_json::Value;

use super::Aws;
use super::wire::STS;
use crate::CloudError;
use calls::{Calls, Kind};

/// Things of one kind in one account and region.
const ITEMS_MAX: usize = 5_000;
/// Pages of one list; the smallest page of these services holds 10.
const PAGES_MAX: usize = 500;
/// Things of one kind that are looked into with calls of their own; of the others those parts are not known.
const LOOKED_INTO_MAX: usize = 1_000;

/// The answer to "every thing of this kind".
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    /// Such as `aws.ec2.instance`.
    pub kind: &'static str,
    /// `global` for what no region has.
    pub region: String,
    pub items: Vec<Item>,
    /// Why it is not whole.
    pub incomplete: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: String,
    pub name: String,
    /// `None`: they were not asked for, or refused.
    pub tags: Option<BTreeMap<String, String>>,
    pub attributes: Value,
}

impl Aws {
    /// The number of the account.
    ///
    /// # Errors
    /// Those of a call: no credentials, refused, unreachable.
    pub async fn account(&self) -> Result<String, CloudError> {
        let answer = self.wire.query(STS, "GetCallerIdentity", Vec::new()).await?;
        Ok(answer.text_at("GetCallerIdentityResult/Account").to_owned())
    }

    /// Asks for everything. Each kind answers for itself, so that one refusal hides nothing else.
    pub async fn survey(&self) -> Vec<Surveyed> {
        let calls = Calls { wire: &self.wire };
        let mut found = Vec::new();
        machines::all(&calls, &mut found).await;
        stores::all(&calls, &mut found).await;
        edge::all(&calls, self.waf_scope, &mut found).await;
        identity::all(&calls, &mut found).await;
        let region = |is_global: bool| if is_global { "global" } else { self.wire.region.as_str() };
        let surveyed = |kind: Kind| Surveyed {
            kind: kind.kind,
            region: region(kind.is_global).to_owned(),
            items: kind.items,
            incomplete: kind.incomplete,
        };
        found.into_iter().map(surveyed).collect()
    }
}
