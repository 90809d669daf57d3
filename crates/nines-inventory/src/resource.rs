//! One thing of a provider.

use std::collections::BTreeMap;
use std::fmt;

use nines_model::Timestamp;
use serde_json::Value;

/// Tags that say whose a thing is, in the order in which they are asked; upper and lower case are one.
pub const OWNER_TAGS: [&str; 3] = ["team", "owner", "service"];

/// Who a resource is: unique over all providers, and stable as long as the thing lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    pub provider: String,
    pub account: String,
    pub region: String,
    /// Such as `aws.ec2.instance`.
    pub kind: String,
    pub id: String,
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}/{}", self.provider, self.account, self.region, self.kind, self.id)
    }
}

impl ResourceKey {
    /// Reads what `Display` writes. The id may hold slashes; the parts before it may not.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '/').map(str::to_owned);
        let mut next = || parts.next();
        let key = Self { provider: next()?, account: next()?, region: next()?, kind: next()?, id: next()? };
        (!key.kind.is_empty() && !key.id.is_empty()).then_some(key)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub key: ResourceKey,
    /// What people call it; its id where nobody has named it.
    pub name: String,
    pub tags: BTreeMap<String, String>,
    /// A tree in the provider's own words. `null` is known to be absent; what is missing is not known; an object with the
    /// one key `$unknown` is not known for the reason under it.
    pub attributes: Value,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub gone_at: Option<Timestamp>,
}

impl Resource {
    /// Whose it is, if a tag says so.
    pub fn owner(&self) -> Option<&str> {
        OWNER_TAGS.iter().find_map(|wanted| {
            let tag = self.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
            tag.map(|(_, value)| value.as_str()).filter(|value| !value.trim().is_empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_whatever_its_id_is() {
        let text = "aws/1234/eu-west-1/aws.ssm.parameter//shop/db/password";
        let key = ResourceKey::parse(text).unwrap();
        assert_eq!(key.id, "/shop/db/password");
        assert_eq!(key.to_string(), text);
        assert!(ResourceKey::parse("aws/1/r/aws.s3.bucket").is_none());
    }
}
