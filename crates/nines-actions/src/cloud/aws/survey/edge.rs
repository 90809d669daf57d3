//! What the world reaches, and what watches it: firewalls, distributions, APIs, alarms, log groups.

use nines_base::percent_encoded;
use serde_json::{Value, json};

use super::super::WafScope;
use super::super::wire::ALARMS;
use super::calls::{Calls, Kind, List, Listed, is_known_map, item, part, set_tags, taken};

pub async fn all(calls: &Calls<'_>, scope: WafScope, found: &mut Vec<Kind>) {
    let list = List {
        service: ALARMS,
        action: "DescribeAlarms",
        items: "DescribeAlarmsResult/MetricAlarms",
        next: ("NextToken", "DescribeAlarmsResult/NextToken"),
    };
    let alarms = calls.list(&list, &[]).await;
    found.push(alarms.into_kind("aws.cloudwatch.alarm", |one| item(one, "AlarmArn", "AlarmName")));
    let groups = calls
        .list_json(
            ("logs", "1.1", "Logs_20140328.DescribeLogGroups"),
            &json!({}),
            "logGroups",
            ("nextToken", "nextToken"),
        )
        .await;
    found.push(groups.into_kind("aws.logs.group", |one| item(one, "logGroupName", "logGroupName")));
    found.push(firewalls(calls, scope).await);
    found.push(distributions(calls).await);
    found.push(stages(calls).await);
}

async fn firewalls(calls: &Calls<'_>, scope: WafScope) -> Kind {
    const SERVICE: &str = "wafv2";
    let target = |action: &str| format!("AWSWAF_20190729.{action}");
    let lists = calls
        .list_json(
            (SERVICE, "1.1", &target("ListWebACLs")),
            &json!({"Scope": scope.word(), "Limit": 100}),
            "WebACLs",
            ("NextMarker", "NextMarker"),
        )
        .await;
    let mut kind = lists.into_kind("aws.wafv2.web-acl", |one| item(one, "ARN", "Name"));
    for one in kind.looked_into("LoggingConfiguration") {
        let body = json!({"Scope": scope.word(), "Name": one.name, "Id": one.attributes["Id"]});
        let answer = calls.json(SERVICE, "1.1", &target("GetWebACL"), &body).await;
        let described = part(answer.map(|mut answer| taken(&mut answer, "/WebACL")), &[]);
        if is_known_map(&described) {
            one.attributes = described;
        } else {
            one.attributes["DefaultAction"] = described.clone();
            one.attributes["Rules"] = described;
        }
        let body = json!({"ResourceArn": one.id});
        let answer = calls.json(SERVICE, "1.1", &target("GetLoggingConfiguration"), &body).await;
        let answer = answer.map(|mut answer| taken(&mut answer, "/LoggingConfiguration"));
        one.attributes["LoggingConfiguration"] = part(answer, &["WAFNonexistentItemException"]);
    }
    kind
}

async fn distributions(calls: &Calls<'_>) -> Kind {
    const FOLDER: &str = "/2020-05-31/distribution";
    let mut listed = Listed { items: Vec::new(), incomplete: None };
    let mut marker = String::new();
    for page in 0.. {
        let query =
            if marker.is_empty() { String::new() } else { format!("Marker={}", percent_encoded(&marker)) };
        match calls.xml("cloudfront", FOLDER, &query).await {
            Ok(answer) => {
                listed.items.extend(answer["Items"].as_array().cloned().unwrap_or_default());
                marker = answer["NextMarker"].as_str().unwrap_or_default().to_owned();
            }
            Err(fault) => {
                listed.incomplete = Some(fault.error.to_string());
                break;
            }
        }
        if marker.is_empty() {
            break;
        }
        if page >= super::PAGES_MAX {
            listed.incomplete = Some(format!("there are more than {} pages", super::PAGES_MAX));
            break;
        }
    }
    let mut kind =
        listed.into_kind("aws.cloudfront.distribution", |one| item(one, "Id", "DomainName")).global();
    for one in kind.looked_into("Logging") {
        // The list leaves logging out.
        let path = format!("{FOLDER}/{}/config", percent_encoded(&one.id));
        match calls.xml("cloudfront", &path, "").await {
            Ok(Value::Object(config)) => {
                for (key, value) in config {
                    one.attributes[key] = value;
                }
                // An origin says which kind it is by what it has.
                for origin in one.attributes["Origins"].as_array_mut().into_iter().flatten() {
                    if let Some(map) = origin.as_object_mut() {
                        map.entry("S3OriginConfig").or_insert(Value::Null);
                        map.entry("OriginAccessControlId").or_insert(Value::Null);
                    }
                }
            }
            answer => one.attributes["Logging"] = part(answer, &[]),
        }
        let query =
            format!("Resource={}", percent_encoded(one.attributes["ARN"].as_str().unwrap_or_default()));
        let tags = calls.xml("cloudfront", "/2020-05-31/tagging", &query).await;
        set_tags(one, part(tags.map(|mut answer| taken(&mut answer, "/Items")), &[]));
    }
    kind
}

async fn stages(calls: &Calls<'_>) -> Kind {
    const SERVICE: &str = "apigateway";
    let mut listed = Listed { items: Vec::new(), incomplete: None };
    let apis = match calls.rest(SERVICE, "/restapis", "limit=500").await {
        Ok(mut answer) => match taken(&mut answer, "/item") {
            Value::Array(items) => items,
            _ => Vec::new(),
        },
        Err(fault) => {
            listed.incomplete = Some(fault.error.to_string());
            Vec::new()
        }
    };
    for api in &apis {
        let id = api["id"].as_str().unwrap_or_default();
        let folder = format!("/restapis/{}", percent_encoded(id));
        let methods = part(methods(calls, &folder).await, &[]);
        match calls.rest(SERVICE, &format!("{folder}/stages"), "").await {
            Ok(answer) => {
                let stages = answer["item"].as_array().cloned().unwrap_or_default();
                for mut stage in stages.into_iter().filter(Value::is_object) {
                    let name = stage["stageName"].as_str().unwrap_or_default().to_owned();
                    let called = api["name"].as_str().unwrap_or(id);
                    stage["Name"] = json!(format!("{called}/{name}"));
                    stage["Id"] = json!(format!("{id}/{name}"));
                    stage["Tags"] = taken(&mut stage, "/tags");
                    stage["methods"] = methods.clone();
                    listed.items.push(stage);
                }
            }
            Err(fault) => listed.incomplete = Some(fault.error.to_string()),
        }
    }
    listed.into_kind("aws.apigateway.stage", |one| item(one, "Id", "Name"))
}

/// Every method of every path of an API.
async fn methods(calls: &Calls<'_>, folder: &str) -> Result<Value, super::super::wire::Fault> {
    let answer = calls.rest("apigateway", &format!("{folder}/resources"), "embed=methods&limit=500").await?;
    let mut methods = Vec::new();
    for resource in answer["item"].as_array().into_iter().flatten() {
        for (name, method) in resource["resourceMethods"].as_object().into_iter().flatten() {
            let mut method = method.clone();
            if !method.is_object() {
                continue;
            }
            method["httpMethod"] = json!(name);
            method["path"] = resource["path"].clone();
            methods.push(method);
        }
    }
    Ok(Value::Array(methods))
}
