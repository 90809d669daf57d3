//! Files of others: Amazon's command line, AWS Config, Terraform.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Defaults, Read};
use crate::InventoryError;
use crate::listing::Seen;
use crate::resource::ResourceKey;

/// What `aws … describe-*` prints: the list's name, our kind, the attribute that is the id, the one that is the name.
const LISTS: &[(&str, &str, &str, &str)] = &[
    ("Volumes", "aws.ec2.volume", "VolumeId", "VolumeId"),
    ("SecurityGroups", "aws.ec2.security-group", "GroupId", "GroupName"),
    ("Vpcs", "aws.ec2.vpc", "VpcId", "VpcId"),
    ("LoadBalancers", "aws.elb.load-balancer", "LoadBalancerArn", "LoadBalancerName"),
    ("Listeners", "aws.elb.listener", "ListenerArn", "ListenerArn"),
    ("Buckets", "aws.s3.bucket", "Name", "Name"),
    ("MetricAlarms", "aws.cloudwatch.alarm", "AlarmArn", "AlarmName"),
    ("logGroups", "aws.logs.group", "logGroupName", "logGroupName"),
    ("AutoScalingGroups", "aws.autoscaling.group", "AutoScalingGroupARN", "AutoScalingGroupName"),
    ("Parameters", "aws.ssm.parameter", "Name", "Name"),
    ("UserDetailList", "aws.iam.user", "Arn", "UserName"),
    ("Users", "aws.iam.user", "Arn", "UserName"),
    ("GroupDetailList", "aws.iam.group", "Arn", "GroupName"),
    ("RoleDetailList", "aws.iam.role", "Arn", "RoleName"),
    ("Policies", "aws.iam.policy", "Arn", "PolicyName"),
];

/// What prints one thing.
const SINGLES: &[(&str, &str, &str, &str)] = &[
    ("Table", "aws.dynamodb.table", "TableArn", "TableName"),
    ("WebACL", "aws.wafv2.web-acl", "ARN", "Name"),
    ("Distribution", "aws.cloudfront.distribution", "Id", "DomainName"),
    ("WorkGroup", "aws.athena.workgroup", "Name", "Name"),
    ("DeliveryStreamDescription", "aws.firehose.stream", "DeliveryStreamARN", "DeliveryStreamName"),
];

/// Types of AWS Config and of Terraform, and which kind they are.
const TYPES: &[(&str, &str, &str)] = &[
    ("AWS::EC2::Instance", "aws_instance", "aws.ec2.instance"),
    ("AWS::EC2::Volume", "aws_ebs_volume", "aws.ec2.volume"),
    ("AWS::EC2::SecurityGroup", "aws_security_group", "aws.ec2.security-group"),
    ("AWS::EC2::VPC", "aws_vpc", "aws.ec2.vpc"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "aws_lb", "aws.elb.load-balancer"),
    ("AWS::ElasticLoadBalancingV2::Listener", "aws_lb_listener", "aws.elb.listener"),
    ("AWS::S3::Bucket", "aws_s3_bucket", "aws.s3.bucket"),
    ("AWS::CloudWatch::Alarm", "aws_cloudwatch_metric_alarm", "aws.cloudwatch.alarm"),
    ("AWS::DynamoDB::Table", "aws_dynamodb_table", "aws.dynamodb.table"),
    ("AWS::WAFv2::WebACL", "aws_wafv2_web_acl", "aws.wafv2.web-acl"),
    ("AWS::CloudFront::Distribution", "aws_cloudfront_distribution", "aws.cloudfront.distribution"),
    ("AWS::Athena::WorkGroup", "aws_athena_workgroup", "aws.athena.workgroup"),
    ("AWS::SSM::Parameter", "aws_ssm_parameter", "aws.ssm.parameter"),
    ("AWS::KinesisFirehose::DeliveryStream", "aws_kinesis_firehose_delivery_stream", "aws.firehose.stream"),
    ("AWS::ApiGateway::Stage", "aws_api_gateway_stage", "aws.apigateway.stage"),
    ("AWS::IAM::User", "aws_iam_user", "aws.iam.user"),
    ("AWS::IAM::Group", "aws_iam_group", "aws.iam.group"),
    ("AWS::IAM::Role", "aws_iam_role", "aws.iam.role"),
    ("AWS::IAM::Policy", "aws_iam_policy", "aws.iam.policy"),
    ("AWS::AutoScaling::AutoScalingGroup", "aws_autoscaling_group", "aws.autoscaling.group"),
];

pub(super) fn read(
    value: &Value,
    defaults: &Defaults,
    seen: &mut Vec<Read>,
    skipped: &mut BTreeMap<String, usize>,
) -> Result<&'static str, InventoryError> {
    if value.get("terraform_version").is_some() {
        terraform(value, defaults, seen, skipped);
        return Ok("the state of Terraform");
    }
    if let Some(items) = value.get("configurationItems").and_then(Value::as_array) {
        items.iter().for_each(|item| config_item(item, defaults, seen, skipped));
        return Ok("a snapshot of AWS Config");
    }
    let before = seen.len();
    let mut was_known = false;
    // Printed page by page: what is left says so.
    let is_last =
        ["NextToken", "nextToken", "NextMarker", "Marker"].iter().all(|key| value.get(key).is_none());
    let mut take = |item: &Value, kind: &str, id: &str, name: &str| {
        let Some(id) = item[id].as_str() else { return };
        let name = tags_of(item).get("Name").cloned().or_else(|| item[name].as_str().map(str::to_owned));
        seen.push(of_aws(kind, id, name.as_deref().unwrap_or(id), item, defaults));
    };
    if let Some(reservations) = value.get("Reservations").and_then(Value::as_array) {
        was_known = true;
        for item in reservations.iter().filter_map(|one| one["Instances"].as_array()).flatten() {
            take(item, "aws.ec2.instance", "InstanceId", "InstanceId");
        }
    }
    for (list, kind, id, name) in LISTS {
        let Some(items) = value.get(list).and_then(Value::as_array) else { continue };
        was_known = true;
        items.iter().for_each(|item| take(item, kind, id, name));
    }
    for (single, kind, id, name) in SINGLES {
        let Some(item) = value.get(single).filter(|item| item.is_object()) else { continue };
        was_known = true;
        take(item, kind, id, name);
    }
    if !was_known {
        let hint = "it takes `kind: Resources` of nines/v1, lines of resources, what `aws … describe-*` prints, AWS Config snapshots and the state of Terraform";
        return Err(InventoryError::Invalid(format!("the file is of no known form: {hint}")));
    }
    if !is_last {
        seen[before..].iter_mut().for_each(|read| read.is_complete = false);
    }
    Ok("what the aws command line prints")
}

fn of_aws(kind: &str, id: &str, name: &str, item: &Value, defaults: &Defaults) -> Read {
    let (region, account) = region_and_account(item, defaults);
    let key =
        ResourceKey { provider: "aws".to_owned(), account, region, kind: kind.to_owned(), id: id.to_owned() };
    Read {
        seen: Seen { key, name: name.to_owned(), tags: tags_of(item), attributes: item.clone() },
        is_complete: false,
    }
}

/// From an ARN among the attributes, unless the file's reader said so.
fn region_and_account(item: &Value, defaults: &Defaults) -> (String, String) {
    let texts = item.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
    let arn = texts.filter(|text| text.starts_with("arn:")).map(|text| text.split(':').collect::<Vec<_>>());
    let arn = arn.into_iter().find(|parts| parts.len() > 5);
    let part = |index: usize| arn.as_ref().map_or(String::new(), |parts| parts[index].to_owned());
    let or = |given: &String, found: String| if given.is_empty() { found } else { given.clone() };
    (or(&defaults.region, part(3)), or(&defaults.account, part(4)))
}

/// `[{Key, Value}]`, `{key: value}`, in either case.
fn tags_of(item: &Value) -> BTreeMap<String, String> {
    let found = ["Tags", "tags", "TagSet", "TagList"].iter().find_map(|key| item.get(key));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match found {
        Some(Value::Array(pairs)) => pairs
            .iter()
            .filter_map(|pair| {
                let key = pair.get("Key").or_else(|| pair.get("key"))?.as_str()?;
                let value = pair.get("Value").or_else(|| pair.get("value")).map(text).unwrap_or_default();
                Some((key.to_owned(), value))
            })
            .collect(),
        Some(Value::Object(map)) => map.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        _ => BTreeMap::new(),
    }
}

fn config_item(
    item: &Value,
    defaults: &Defaults,
    seen: &mut Vec<Read>,
    skipped: &mut BTreeMap<String, usize>,
) {
    let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let kind = TYPES.iter().find(|(config, _, _)| *config == text("resourceType"));
    let Some((_, _, kind)) = kind.filter(|_| !text("resourceId").is_empty()) else {
        *skipped.entry(text("resourceType")).or_default() += 1;
        return;
    };
    // The configuration is the API's answer with its first letters small, in a text or as a tree.
    let configuration = match &item["configuration"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let or = |given: &String, found: String| if found.is_empty() { given.clone() } else { found };
    let key = ResourceKey {
        provider: "aws".to_owned(),
        account: or(&defaults.account, text("awsAccountId")),
        region: or(&defaults.region, text("awsRegion")),
        kind: (*kind).to_owned(),
        id: text("resourceId"),
    };
    let name = or(&key.id, text("resourceName"));
    let seen_item =
        Seen { key, name, tags: tags_of(item), attributes: renamed(&configuration, &first_letter_up) };
    seen.push(Read { seen: seen_item, is_complete: false });
}

fn terraform(
    state: &Value,
    defaults: &Defaults,
    seen: &mut Vec<Read>,
    skipped: &mut BTreeMap<String, usize>,
) {
    let resources = state["resources"].as_array().into_iter().flatten();
    for resource in resources.filter(|resource| resource["mode"] == "managed") {
        let of = resource["type"].as_str().unwrap_or_default();
        let instances = resource["instances"].as_array().map_or(&[][..], Vec::as_slice);
        let Some((_, _, kind)) = TYPES.iter().find(|(_, terraform, _)| *terraform == of) else {
            *skipped.entry(of.to_owned()).or_default() += instances.len();
            continue;
        };
        for instance in instances {
            let item = &instance["attributes"];
            let Some(id) = item["id"].as_str() else { continue };
            let name = item["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(id);
            let mut read = of_aws(kind, id, name, item, defaults);
            read.seen.attributes = renamed(item, &words_up);
            seen.push(read);
        }
    }
}

/// `metadataOptions` is `MetadataOptions`.
fn first_letter_up(key: &str) -> String {
    let mut chars = key.chars();
    chars.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// `metadata_options` is `MetadataOptions`.
fn words_up(key: &str) -> String {
    key.split('_').map(first_letter_up).collect()
}

/// Keys in another spelling; a list of one map, which is how Terraform writes a block, is that map.
fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (rename(key), renamed(value, rename))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) if items.len() == 1 && items[0].is_object() => renamed(&items[0], rename),
        Value::Array(items) => items.iter().map(|item| renamed(item, rename)).collect(),
        other => other.clone(),
    }
}
