//! The inventory as a whole: what is there, what vanishes, what is waived, and what it adds up to.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{ManualClock, Random};
use nines_inventory::memory::MemoryInventory;
use nines_inventory::{
    By, Defaults, Inventory, Listing, NewWaiver, Query, Resource, ResourceKey, Scope, Seen, Truth,
    WaiverState, builtin, parse, read, shaped,
};
use nines_model::Timestamp;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);

fn bucket(id: &str, team: Option<&str>, is_good: bool) -> Seen {
    let flag = json!(is_good);
    let block = json!({"BlockPublicAcls": flag, "IgnorePublicAcls": flag, "BlockPublicPolicy": flag, "RestrictPublicBuckets": flag});
    let key = ResourceKey {
        provider: "aws".to_owned(),
        account: "1".to_owned(),
        region: "eu-west-1".to_owned(),
        kind: "aws.s3.bucket".to_owned(),
        id: id.to_owned(),
    };
    let tags = team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect();
    Seen { key, name: id.to_owned(), tags, attributes: json!({"PublicAccessBlockConfiguration": block}) }
}

fn listing(seen: Vec<Seen>, incomplete: Option<&str>) -> Listing {
    Listing {
        provider: "aws".to_owned(),
        account: "1".to_owned(),
        region: "eu-west-1".to_owned(),
        kind: "aws.s3.bucket".to_owned(),
        seen,
        incomplete: incomplete.map(str::to_owned),
    }
}

fn by(name: &str) -> By {
    By { name: name.to_owned(), people: vec![name.to_owned()] }
}

struct Fixture {
    repository: Arc<MemoryInventory>,
    clock: Arc<ManualClock>,
    inventory: Inventory,
}

impl Fixture {
    async fn new() -> Self {
        let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
        let repository = Arc::new(MemoryInventory::default());
        let inventory = Self::open(&repository, &clock).await;
        Self { repository, clock, inventory }
    }

    async fn open(repository: &Arc<MemoryInventory>, clock: &Arc<ManualClock>) -> Inventory {
        Inventory::open(repository.clone(), clock.clone(), Random::from_seed(1)).await.unwrap()
    }

    fn ids(&self, query: &Query) -> Vec<String> {
        self.inventory.resources(query, 100).0.into_iter().map(|(resource, _)| resource.key.id).collect()
    }
}

#[tokio::test]
async fn only_a_complete_listing_says_that_something_is_gone() {
    let fixture = Fixture::new().await;
    let inventory = &fixture.inventory;
    let two = || vec![bucket("a", None, true), bucket("b", None, true)];
    inventory.take(&listing(two(), None)).await.unwrap();
    inventory.take(&listing(vec![], Some("access denied"))).await.unwrap();
    assert_eq!(fixture.ids(&Query::default()), ["a", "b"]);
    let state = &inventory.listings()[0];
    assert!(state.complete_at.is_some() && state.problem.as_deref() == Some("access denied"));
    inventory.take(&listing(vec![bucket("a", None, true)], None)).await.unwrap();
    assert_eq!(fixture.ids(&Query::default()), ["a"]);
    assert_eq!(fixture.ids(&Query { is_gone: true, ..Query::default() }), ["b"]);
    // It comes back as itself, and what is gone for a quarter is forgotten.
    inventory.take(&listing(two(), None)).await.unwrap();
    assert_eq!(fixture.ids(&Query::default()), ["a", "b"]);
    inventory.take(&listing(vec![bucket("a", None, true)], None)).await.unwrap();
    fixture.clock.advance(DAY * 91);
    inventory.take(&listing(vec![bucket("a", None, true)], None)).await.unwrap();
    assert!(fixture.ids(&Query { is_gone: true, ..Query::default() }).is_empty());
    // All of it outlives a restart.
    let again = Fixture::open(&fixture.repository, &fixture.clock).await;
    assert_eq!(again.resources(&Query::default(), 10).1, 1);
}

#[tokio::test]
async fn a_waiver_needs_two_people_and_ends() {
    let fixture = Fixture::new().await;
    let inventory = &fixture.inventory;
    inventory.take(&listing(vec![bucket("open", Some("shop"), false)], None)).await.unwrap();
    let failed = || inventory.report().rules["s3-public-block"];
    assert_eq!((failed().failed, failed().waived), (1, 0));
    let now = fixture.inventory.now();
    let new = |ends_at| NewWaiver {
        rule: "s3-public-block".to_owned(),
        scope: Scope { owner: Some("shop".to_owned()), ..Scope::default() },
        reason: "public downloads, by design".to_owned(),
        owner: "mei".to_owned(),
        ends_at,
    };
    let too_long = inventory.ask_waiver(new(now + DAY * 400), &by("mei")).await.unwrap_err().to_string();
    assert!(too_long.contains("more than 366 days"), "{too_long}");
    let nobody = NewWaiver { scope: Scope::default(), ..new(now + DAY) };
    assert!(inventory.ask_waiver(nobody, &by("mei")).await.is_err());
    let asked = inventory.ask_waiver(new(now + DAY * 30), &by("mei")).await.unwrap();
    assert_eq!(failed().failed, 1, "one person is not enough");
    let alone = inventory.approve_waiver(&asked.id, &by("mei")).await.unwrap_err().to_string();
    assert!(alone.contains("cannot approve"), "{alone}");
    // A key that mei made for bo, and a key of nobody, are no second pair of eyes.
    for people in [vec!["bo".to_owned(), "mei".to_owned()], Vec::new()] {
        let other = By { name: "a key".to_owned(), people };
        assert!(inventory.approve_waiver(&asked.id, &other).await.is_err(), "{other:?}");
    }
    let agreed = inventory.approve_waiver(&asked.id, &by("lin")).await.unwrap();
    assert_eq!(agreed.state(now), WaiverState::InForce);
    assert_eq!((failed().failed, failed().waived), (0, 1));
    fixture.clock.advance(DAY * 31);
    assert_eq!((failed().failed, failed().waived), (1, 0), "it has ended");
}

#[tokio::test]
async fn the_score_of_each_day_is_kept_and_no_longer_than_said() {
    let fixture = Fixture::new().await;
    fixture.inventory.keep_day().await.unwrap();
    assert!(fixture.inventory.days().is_empty(), "nothing was judged, which is no hundred");
    fixture.inventory.take(&listing(vec![bucket("a", None, false)], None)).await.unwrap();
    for _ in 0..450 {
        fixture.inventory.keep_day().await.unwrap();
        fixture.clock.advance(DAY);
    }
    let days = fixture.inventory.days();
    assert_eq!(days.len(), nines_inventory::DAYS_MAX);
    assert!(days.windows(2).all(|two| two[0].day < two[1].day));
    assert!(days[0].total.score().is_some_and(|score| score < 50.0));
}

#[tokio::test]
async fn ones_own_standards_take_the_place_of_those_built_in() {
    let fixture = Fixture::new().await;
    let inventory = &fixture.inventory;
    inventory.take(&listing(vec![bucket("a", None, false)], None)).await.unwrap();
    let text = "apiVersion: nines/v1\nkind: Standard\nmetadata: {name: s3-public-block}\nspec:\n  appliesTo: [aws.s3.bucket]\n  require: {name: true, matches: '^a'}\n  severity: low\n  why: w\n  mend: m\n---\napiVersion: nines/v1\nkind: Standard\nmetadata: {name: tag-owner}\nspec: {appliesTo: ['aws.*'], require: {name: true, exists: true}, severity: low, why: w, mend: m, disabled: true}\n";
    assert_eq!(inventory.apply(None, text).await.unwrap(), ["s3-public-block", "tag-owner"]);
    let report = inventory.report();
    assert_eq!(report.rules["s3-public-block"].passed, 1);
    assert!(!report.rules.contains_key("tag-owner"));
    inventory.remove_standard("s3-public-block").await.unwrap();
    assert_eq!(inventory.report().rules["s3-public-block"].failed, 1);
    let told = inventory.remove_standard("s3-public-block").await.unwrap_err().to_string();
    assert!(told.contains("built in"), "{told}");
    let wrong = inventory.apply(None, &text.replace("severity: low", "severity: lo")).await;
    assert!(wrong.is_err());
}

fn judged(kind: &str, name: &str, attributes: Value) -> BTreeMap<String, Truth> {
    let at = Timestamp::from_secs(1_800_000_000);
    let key = ResourceKey {
        provider: "aws".to_owned(),
        account: "1".to_owned(),
        region: "r".to_owned(),
        kind: kind.to_owned(),
        id: name.to_owned(),
    };
    let resource = Resource {
        key,
        name: name.to_owned(),
        tags: BTreeMap::new(),
        attributes: shaped(kind, attributes),
        first_seen_at: at,
        last_seen_at: at,
        gone_at: None,
    };
    let fitting =
        builtin::standards().into_iter().filter(|one| one.is_for(kind) && !one.name.starts_with("tag-"));
    let of_it = fitting
        .filter(|one| one.when.as_ref().is_none_or(|when| when.holds(&resource, at).truth != Truth::False));
    of_it.map(|one| (one.name.clone(), one.require.holds(&resource, at).truth)).collect()
}

/// One good and one bad thing of each kind that standards are built in for: every standard must tell them apart.
#[test]
fn each_built_in_standard_tells_good_from_bad() {
    let statement =
        |action: &str| json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}});
    let versions = |action: &str| json!([{"IsDefaultVersion": true, "Document": statement(action)}]);
    let pairs = [
        (
            "aws.ec2.instance",
            json!({"MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"}}),
            json!({"MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "enabled"}, "PublicIpAddress": "198.51.100.7"}),
        ),
        ("aws.ec2.volume", json!({"Encrypted": true}), json!({"Encrypted": "false"})),
        (
            "aws.ec2.security-group",
            json!({"IpPermissions": [{"FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, {"FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}),
            json!({"IpPermissions": [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]}),
        ),
        ("aws.ec2.vpc", json!({"FlowLogs": [{"FlowLogStatus": "ACTIVE"}]}), json!({"FlowLogs": []})),
        (
            "aws.elb.load-balancer",
            json!({"Type": "application", "LoadBalancerAttributes": [{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "deletion_protection.enabled", "Value": "true"}]}),
            json!({"Type": "application", "LoadBalancerAttributes": [{"Key": "access_logs.s3.enabled", "Value": "false"}, {"Key": "deletion_protection.enabled", "Value": "false"}]}),
        ),
        (
            "aws.elb.listener",
            json!({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}),
            json!({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-2016-08"}),
        ),
        (
            "aws.s3.bucket",
            json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}, "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}, "VersioningConfiguration": {"Status": "Enabled"}, "LifecycleConfiguration": {"Rules": [{"Status": "Enabled"}]}}),
            json!({"PublicAccessBlockConfiguration": null, "ServerSideEncryptionConfiguration": null, "VersioningConfiguration": {"Status": null}, "LifecycleConfiguration": null}),
        ),
        ("aws.logs.group", json!({"retentionInDays": 30}), json!({})),
        (
            "aws.cloudwatch.alarm",
            json!({"ActionsEnabled": true, "AlarmActions": ["arn:aws:sns:r:1:t"]}),
            json!({"ActionsEnabled": true, "AlarmActions": []}),
        ),
        (
            "aws.dynamodb.table",
            json!({"SSEDescription": {"Status": "ENABLED"}, "ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}, "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}}),
            json!({"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}, "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}),
        ),
        (
            "aws.wafv2.web-acl",
            json!({"DefaultAction": {"Block": {}}, "LoggingConfiguration": {"LogDestinationConfigs": ["arn:aws:firehose:r:1:x"]}, "Rules": []}),
            json!({"DefaultAction": {"Allow": {}}, "LoggingConfiguration": null, "Rules": []}),
        ),
        (
            "aws.cloudfront.distribution",
            json!({"ViewerCertificate": {"MinimumProtocolVersion": "TLSv1.2_2021"}, "DefaultCacheBehavior": {"ViewerProtocolPolicy": "https-only"}, "Origins": [{"S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": "E1"}], "Logging": {"Enabled": true}}),
            json!({"ViewerCertificate": {"MinimumProtocolVersion": "TLSv1"}, "DefaultCacheBehavior": {"ViewerProtocolPolicy": "allow-all"}, "Origins": [{"S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": ""}], "Logging": {"Enabled": false}}),
        ),
        (
            "aws.athena.workgroup",
            json!({"Configuration": {"EnforceWorkGroupConfiguration": true, "BytesScannedCutoffPerQuery": 10_000_000, "ResultConfiguration": {"EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}}}}),
            json!({"Configuration": {"EnforceWorkGroupConfiguration": false, "ResultConfiguration": {}}}),
        ),
        ("aws.ssm.parameter", json!({"Type": "SecureString"}), json!({"Type": "String"})),
        (
            "aws.firehose.stream",
            json!({"DeliveryStreamEncryptionConfiguration": {"Status": "ENABLED"}, "Destinations": [{"ExtendedS3DestinationDescription": {"CloudWatchLoggingOptions": {"Enabled": true}}}]}),
            json!({"DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"}, "Destinations": [{"ExtendedS3DestinationDescription": {"CloudWatchLoggingOptions": {"Enabled": false}}, "S3DestinationDescription": null}]}),
        ),
        (
            "aws.apigateway.stage",
            json!({"accessLogSettings": {"destinationArn": "arn:aws:logs:r:1:g"}, "methodSettings": {"*/*": {"throttlingRateLimit": 100.0}}, "methods": [{"httpMethod": "GET", "authorizationType": "AWS_IAM"}]}),
            json!({"methods": [{"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false}]}),
        ),
        (
            "aws.iam.policy",
            json!({"PolicyVersionList": versions("s3:GetObject")}),
            json!({"PolicyVersionList": versions("*")}),
        ),
        (
            "aws.iam.role",
            json!({"RolePolicyList": [{"PolicyDocument": statement("s3:*")}]}),
            json!({"RolePolicyList": [{"PolicyDocument": statement("*")}]}),
        ),
        (
            "aws.iam.group",
            json!({"GroupPolicyList": []}),
            json!({"GroupPolicyList": [{"PolicyDocument": statement("*")}]}),
        ),
        (
            "aws.iam.user",
            json!({"HasPassword": true, "MFADevices": [{"SerialNumber": "arn:m"}], "AccessKeys": [{"Status": "Active", "CreateDate": "2027-01-01T00:00:00Z", "LastUsedDate": "2027-01-10T00:00:00Z"}]}),
            json!({"HasPassword": true, "MFADevices": [], "UserPolicyList": [{"PolicyName": "p"}], "AccessKeys": [{"Status": "Active", "CreateDate": "2020-01-01T00:00:00Z"}]}),
        ),
    ];
    let mut met = 0;
    for (kind, good, bad) in pairs {
        let (fine, wrong) = if kind == "aws.ssm.parameter" {
            ("/shop/prod/db-password", "dbPassword")
        } else if kind.starts_with("aws.iam") {
            ("shop-deploy", "-odd name")
        } else {
            ("a", "a")
        };
        for (name, attributes, wanted) in [(fine, good, Truth::True), (wrong, bad, Truth::False)] {
            for (rule, truth) in judged(kind, name, attributes) {
                met += 1;
                assert_eq!(truth, wanted, "{kind}: {rule}");
            }
        }
        // And of a thing of which nothing was collected, no standard about attributes says that it is fine.
        for (rule, truth) in judged(kind, fine, json!({"$unknown": "access denied"})) {
            let is_by_name = rule.ends_with("-naming");
            assert!(
                truth == Truth::Unknown || is_by_name,
                "{kind}: {rule} is {truth:?} of what is not known"
            );
        }
    }
    println!(
        "{} standards are built in; {met} verdicts of good and bad things are as they must be",
        builtin::standards().len()
    );
}

#[test]
fn names_of_built_in_standards_are_unique_and_their_texts_whole() {
    let mut names: Vec<_> =
        builtin::TEXTS.iter().flat_map(|text| parse(None, text).unwrap()).map(|one| one.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_mistake_in_a_standard_is_located() {
    let text = "apiVersion: nines/v1\nkind: Standard\nmetadata: {name: x}\nspec:\n  appliesTo: [a.b]\n  require:\n    all:\n      - {attribut: A, exists: true}\n  severity: hgh\n  why: w\n  mend: m\n";
    let errors = parse(Some("rules.yaml"), text).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [8, 8, 9], "{errors:?}");
    assert!(read(None, text, &Defaults::default()).is_err());
}
