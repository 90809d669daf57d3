//! The JSON services: DynamoDB's table of terminated machines and WAFv2's address sets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::WafScope;
use super::wire::{Fault, Wire};
use crate::CloudError;
use crate::seen::Seen;

/// Pages of address sets: an account has 100 by default and a page 100.
const PAGES_MAX: usize = 10;

async fn dynamo(wire: &Wire, action: &str, body: &Value) -> Result<Value, Fault> {
    wire.json("dynamodb", "1.0", &format!("DynamoDB_20120810.{action}"), body).await
}

pub(super) async fn terminated(wire: &Wire, table: &str, instance: &str) -> Result<Seen, Fault> {
    let body = json!({"TableName": table, "Key": {"instance_id": {"S": instance}}, "ConsistentRead": true});
    let answer = dynamo(wire, "GetItem", &body).await?;
    Ok(match answer.pointer("/Item") {
        Some(item) => {
            let reason = item.pointer("/reason/S").and_then(Value::as_str).unwrap_or_default();
            Seen::Terminated { reason: reason.to_owned() }
        }
        None => Seen::Missing,
    })
}

/// Writes the record unless there is one: a second call fails its condition and changes nothing.
pub(super) async fn record_terminated(
    wire: &Wire,
    table: &str,
    instance: &str,
    reason: &str,
) -> Result<(), Fault> {
    let body = json!({
        "TableName": table,
        "Item": {
            "instance_id": {"S": instance},
            "reason": {"S": reason},
            "recorded_at": {"S": wire.clock.now().to_string()},
        },
        "ConditionExpression": "attribute_not_exists(instance_id)",
    });
    dynamo(wire, "PutItem", &body).await.map(drop)
}

pub(super) async fn forget_terminated(wire: &Wire, table: &str, instance: &str) -> Result<(), Fault> {
    let body = json!({"TableName": table, "Key": {"instance_id": {"S": instance}}});
    dynamo(wire, "DeleteItem", &body).await.map(drop)
}

async fn waf(wire: &Wire, action: &str, body: &Value) -> Result<Value, Fault> {
    wire.json("wafv2", "1.1", &format!("AWSWAF_20190729.{action}"), body).await
}

struct AddressSet {
    id: String,
    lock: String,
    addresses: BTreeSet<String>,
}

async fn address_set(wire: &Wire, scope: WafScope, name: &str) -> Result<Option<AddressSet>, Fault> {
    let mut marker: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut body = json!({"Scope": scope.word(), "Limit": 100});
        if let Some(marker) = &marker {
            body["NextMarker"] = json!(marker);
        }
        let page = waf(wire, "ListIPSets", &body).await?;
        let sets = page.pointer("/IPSets").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        if let Some(found) = sets.iter().find(|set| text(set, "Name") == name) {
            let id = text(found, "Id");
            let body = json!({"Scope": scope.word(), "Name": name, "Id": id});
            let answer = waf(wire, "GetIPSet", &body).await?;
            let addresses = answer.pointer("/IPSet/Addresses").and_then(Value::as_array);
            let addresses =
                addresses.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            return Ok(Some(AddressSet { id, lock: text(&answer, "LockToken"), addresses }));
        }
        marker = page.get("NextMarker").and_then(Value::as_str).map(str::to_owned);
        if marker.is_none() || sets.is_empty() {
            break;
        }
    }
    Ok(None)
}

pub(super) async fn block_list(wire: &Wire, scope: WafScope, name: &str) -> Result<Seen, Fault> {
    Ok(match address_set(wire, scope, name).await? {
        Some(set) => Seen::BlockList { addresses: set.addresses },
        None => Seen::Missing,
    })
}

/// Reads, changes and writes the set under its lock token: a change by somebody else in between is not overwritten, but
/// refused with a code that is worth a retry.
pub(super) async fn edit_block_list(
    wire: &Wire,
    scope: WafScope,
    name: &str,
    edit: impl FnOnce(&mut BTreeSet<String>),
) -> Result<(), Fault> {
    let Some(mut set) = address_set(wire, scope, name).await? else {
        let operation = "UpdateIPSet".to_owned();
        let reason = format!("there is no address set `{name}`");
        return Err(Fault { code: String::new(), error: CloudError::Refused { operation, reason } });
    };
    edit(&mut set.addresses);
    let body = json!({
        "Scope": scope.word(),
        "Name": name,
        "Id": set.id,
        "LockToken": set.lock,
        "Addresses": set.addresses,
    });
    waf(wire, "UpdateIPSet", &body).await.map(drop)
}

impl WafScope {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Regional => "REGIONAL",
            Self::CloudFront => "CLOUDFRONT",
        }
    }
}
