//! Where data lies: buckets, tables, workgroups, parameters, streams.

use nines_base::percent_encoded;
use serde_json::{Value, json};

use super::calls::{Calls, Kind, Listed, is_known_map, item, part, set_tags, taken};
use super::tree::as_list;

pub async fn all(calls: &Calls<'_>, found: &mut Vec<Kind>) {
    found.push(buckets(calls).await);
    found.push(tables(calls).await);
    found.push(workgroups(calls).await);
    let parameters = calls
        .list_json(
            ("ssm", "1.1", "AmazonSSM.DescribeParameters"),
            &json!({"MaxResults": 50}),
            "Parameters",
            ("NextToken", "NextToken"),
        )
        .await;
    found.push(parameters.into_kind("aws.ssm.parameter", |one| item(one, "Name", "Name")));
    found.push(streams(calls).await);
}

async fn buckets(calls: &Calls<'_>) -> Kind {
    let region = format!("bucket-region={}", calls.wire.region);
    let listed = match calls.xml("s3", "/", &region).await {
        Ok(mut answer) => {
            let mut found = taken(&mut answer, "/Buckets");
            as_list(&mut found, "Bucket", "List");
            let items = found["List"].as_array().cloned().unwrap_or_default();
            Listed { items, incomplete: None }
        }
        Err(fault) => Listed { items: Vec::new(), incomplete: Some(fault.error.to_string()) },
    };
    let mut kind = listed.into_kind("aws.s3.bucket", |one| item(one, "Name", "Name"));
    // What is asked of each: the part, the query, and the code that says there is none.
    const PARTS: [(&str, &str, &str); 5] = [
        ("PublicAccessBlockConfiguration", "publicAccessBlock=", "NoSuchPublicAccessBlockConfiguration"),
        (
            "ServerSideEncryptionConfiguration",
            "encryption=",
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        ("VersioningConfiguration", "versioning=", ""),
        ("LifecycleConfiguration", "lifecycle=", "NoSuchLifecycleConfiguration"),
        ("Tagging", "tagging=", "NoSuchTagSet"),
    ];
    for bucket in kind.looked_into("PublicAccessBlockConfiguration") {
        let path = format!("/{}", percent_encoded(&bucket.id));
        for (name, query, absent) in PARTS {
            let mut answer = part(calls.xml("s3", &path, query).await, &[absent]);
            if answer.get("Rule").is_some() {
                as_list(&mut answer, "Rule", "Rules");
            }
            if name == "Tagging" {
                if let Some(tags) = answer.get_mut("Tags") {
                    as_list(tags, "Tag", "List");
                    answer = taken(&mut answer, "/Tags/List");
                }
                set_tags(bucket, answer);
            } else {
                bucket.attributes[name] = answer;
            }
        }
        // Never versioned is an empty answer.
        if bucket.attributes["VersioningConfiguration"].is_null() {
            bucket.attributes["VersioningConfiguration"] = json!({"Status": null});
        }
    }
    kind
}

async fn tables(calls: &Calls<'_>) -> Kind {
    const SERVICE: &str = "dynamodb";
    const MARKER: (&str, &str) = ("LastEvaluatedTableName", "ExclusiveStartTableName");
    let target = |action: &str| format!("DynamoDB_20120810.{action}");
    let names =
        calls.list_json((SERVICE, "1.0", &target("ListTables")), &json!({}), "TableNames", MARKER).await;
    let named = Listed {
        items: names.items.into_iter().map(|name| json!({"TableName": name})).collect(),
        incomplete: names.incomplete,
    };
    let mut kind = named.into_kind("aws.dynamodb.table", |one| item(one, "TableName", "TableName"));
    for table in kind.looked_into("ContinuousBackupsDescription") {
        let body = json!({"TableName": table.id});
        let described = table_part(calls, &body, "DescribeTable", "Table").await;
        let arn = described["TableArn"].clone();
        if is_known_map(&described) {
            table.attributes = described;
        } else {
            table.attributes["SSEDescription"] = described;
        }
        table.attributes["ContinuousBackupsDescription"] =
            table_part(calls, &body, "DescribeContinuousBackups", "ContinuousBackupsDescription").await;
        table.attributes["TimeToLiveDescription"] =
            table_part(calls, &body, "DescribeTimeToLive", "TimeToLiveDescription").await;
        let tags =
            calls.json(SERVICE, "1.0", &target("ListTagsOfResource"), &json!({"ResourceArn": arn})).await;
        set_tags(table, part(tags.map(|mut answer| taken(&mut answer, "/Tags")), &[]));
    }
    kind
}

async fn table_part(calls: &Calls<'_>, body: &Value, action: &str, inner: &str) -> Value {
    let answer = calls.json("dynamodb", "1.0", &format!("DynamoDB_20120810.{action}"), body).await;
    part(answer.map(|mut answer| taken(&mut answer, &format!("/{inner}"))), &[])
}

async fn workgroups(calls: &Calls<'_>) -> Kind {
    let groups = calls
        .list_json(
            ("athena", "1.1", "AmazonAthena.ListWorkGroups"),
            &json!({}),
            "WorkGroups",
            ("NextToken", "NextToken"),
        )
        .await;
    let mut kind = groups.into_kind("aws.athena.workgroup", |one| item(one, "Name", "Name"));
    for group in kind.looked_into("Configuration") {
        let body = json!({"WorkGroup": group.id});
        let answer = calls.json("athena", "1.1", "AmazonAthena.GetWorkGroup", &body).await;
        let answer = answer.map(|mut answer| taken(&mut answer, "/WorkGroup/Configuration"));
        group.attributes["Configuration"] = part(answer, &[]);
    }
    kind
}

async fn streams(calls: &Calls<'_>) -> Kind {
    const SERVICE: &str = "firehose";
    let target = |action: &str| format!("Firehose_20150804.{action}");
    let mut names = Listed { items: Vec::new(), incomplete: None };
    // This list goes on from the last name.
    let mut body = json!({"Limit": 100});
    for page in 0.. {
        let answer = match calls.json(SERVICE, "1.1", &target("ListDeliveryStreams"), &body).await {
            Ok(answer) => answer,
            Err(fault) => {
                names.incomplete = Some(fault.error.to_string());
                break;
            }
        };
        let found = answer["DeliveryStreamNames"].as_array().cloned().unwrap_or_default();
        let last = found.last().cloned();
        names.items.extend(found);
        match last.filter(|_| answer["HasMoreDeliveryStreams"] == true) {
            Some(_) if page >= super::PAGES_MAX => {
                names.incomplete = Some(format!("there are more than {} pages", super::PAGES_MAX));
                break;
            }
            Some(last) => body["ExclusiveStartDeliveryStreamName"] = last,
            None => break,
        }
    }
    names.items = names.items.into_iter().map(|name| json!({"DeliveryStreamName": name})).collect();
    let named = |one| item(one, "DeliveryStreamName", "DeliveryStreamName");
    let mut kind = names.into_kind("aws.firehose.stream", named);
    for stream in kind.looked_into("DeliveryStreamEncryptionConfiguration") {
        let body = json!({"DeliveryStreamName": stream.id});
        let answer = calls.json(SERVICE, "1.1", &target("DescribeDeliveryStream"), &body).await;
        let described = part(answer.map(|mut answer| taken(&mut answer, "/DeliveryStreamDescription")), &[]);
        if is_known_map(&described) {
            stream.attributes = described;
            // An unencrypted stream may say nothing of encryption.
            if stream.attributes.get("DeliveryStreamEncryptionConfiguration").is_none() {
                stream.attributes["DeliveryStreamEncryptionConfiguration"] = Value::Null;
            }
        } else {
            stream.attributes["DeliveryStreamEncryptionConfiguration"] = described;
        }
        let answer = calls.json(SERVICE, "1.1", &target("ListTagsForDeliveryStream"), &body).await;
        set_tags(stream, part(answer.map(|mut answer| taken(&mut answer, "/Tags")), &[]));
    }
    kind
}
