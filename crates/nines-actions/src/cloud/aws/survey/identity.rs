//! Users, groups, roles and policies, with the documents that say what they may do.

use serde_json::{Value, json};

use super::super::form;
use super::super::wire::{Fault, IAM};
use super::calls::{Calls, Kind, List, item, part};
use super::tree::value_of;

/// Which kinds one call tells of: the kind, its filter, the list, and the name.
const KINDS: [(&str, &str, &str, &str); 4] = [
    ("aws.iam.user", "User", "GetAccountAuthorizationDetailsResult/UserDetailList", "UserName"),
    ("aws.iam.group", "Group", "GetAccountAuthorizationDetailsResult/GroupDetailList", "GroupName"),
    ("aws.iam.role", "Role", "GetAccountAuthorizationDetailsResult/RoleDetailList", "RoleName"),
    ("aws.iam.policy", "LocalManagedPolicy", "GetAccountAuthorizationDetailsResult/Policies", "PolicyName"),
];

pub async fn all(calls: &Calls<'_>, found: &mut Vec<Kind>) {
    for (kind, filter, items, name) in KINDS {
        let list = List {
            service: IAM,
            action: "GetAccountAuthorizationDetails",
            items,
            next: ("Marker", "GetAccountAuthorizationDetailsResult/Marker"),
        };
        let listed = calls.list(&list, &[("Filter.member.1", filter)]).await;
        let mut kind = listed.into_kind(kind, |one| item(one, "Arn", name)).global();
        if filter == "User" {
            users(calls, &mut kind, name).await;
        }
        found.push(kind);
    }
}

async fn users(calls: &Calls<'_>, kind: &mut Kind, name: &str) {
    for user in kind.looked_into("AccessKeys") {
        let called = user.attributes[name].as_str().unwrap_or_default().to_owned();
        user.attributes["MFADevices"] =
            part(of_user(calls, &called, "ListMFADevices", "MFADevices").await, &[]);
        user.attributes["HasPassword"] =
            match of_user(calls, &called, "GetLoginProfile", "LoginProfile").await {
                Ok(_) => json!(true),
                Err(fault) if fault.code == "NoSuchEntity" => json!(false),
                Err(fault) => part(Err(fault), &[]),
            };
        let mut keys = part(of_user(calls, &called, "ListAccessKeys", "AccessKeyMetadata").await, &[]);
        for key in keys.as_array_mut().into_iter().flatten().filter(|key| key.is_object()) {
            let id = key["AccessKeyId"].as_str().unwrap_or_default().to_owned();
            let used = calls.query(IAM, "GetAccessKeyLastUsed", form(&[("AccessKeyId", &id)])).await;
            key["LastUsedDate"] = match used {
                Ok(answer) => {
                    let at = answer.text_at("GetAccessKeyLastUsedResult/AccessKeyLastUsed/LastUsedDate");
                    // A key that was never used has no date, or one that is none.
                    if at.contains('T') { json!(at) } else { Value::Null }
                }
                Err(fault) => part(Err(fault), &[]),
            };
        }
        user.attributes["AccessKeys"] = keys;
    }
}

/// A list or a map that one call about a user answers with.
async fn of_user(calls: &Calls<'_>, user: &str, action: &str, inner: &str) -> Result<Value, Fault> {
    let answer = calls.query(IAM, action, form(&[("UserName", user)])).await?;
    let found = answer.find(&format!("{action}Result/{inner}")).map_or_else(|| json!([]), value_of);
    Ok(if found.is_null() { json!([]) } else { found })
}
