//! The inventory on a real node: things in moto, made with Amazon's own client, collected, judged, waived, and gone.

use super::clouds::Moto;
use super::*;

/// What a rule says of the thing whose key ends so.
async fn verdict(api: &Api, end: &str, rule: &str) -> anyhow::Result<(String, String)> {
    let found = api.get("/api/v1/inventory/resources?limit=5000").await?;
    let all = found["resources"].as_array().context("resources")?;
    let is_it = |one: &&Value| one["key"].as_str().is_some_and(|key| key.ends_with(end));
    let one = all.iter().find(is_it).with_context(|| format!("there is no `{end}`"))?;
    let key = one["key"].as_str().context("a key")?;
    let whole = api.get(&format!("/api/v1/inventory/resource?key={key}")).await?;
    let verdicts = whole["verdicts"].as_array().context("verdicts")?;
    let of_rule = verdicts.iter().find(|one| one["rule"] == rule);
    let of_rule = of_rule.with_context(|| format!("{rule} says nothing of {end}: {whole:#}"))?;
    let text = |part: &str| of_rule[part].as_str().unwrap_or_default().to_owned();
    Ok((text("verdict"), text("because")))
}

#[tokio::test]
async fn what_there_is_in_aws_is_judged_and_what_is_refused_is_unknown() -> anyhow::Result<()> {
    let moto = Moto::start().await?;
    let made = moto.script("inventory.py", "make").await?;
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    let folder = tempfile::tempdir()?;
    let more =
        ["--aws-region", "ap-northeast-1", "--aws-endpoint", &moto.url, "--allow-egress", "127.0.0.0/8"];
    let (id, secret) = (text("key"), text("secret"));
    let keys = [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    let data = folder.path().join("data");
    let node = Node::start_with(&data, &more, &keys).await?;
    let (owner, lin) = (node.api()?, somebody(&node, "lin", "editor").await?);
    let key = node.key("owner.key")?;

    // By the command line, as somebody would.
    let (code, out, err) = nines(&node, &key, &["inventory", "collect"]).await?;
    ensure!(code == 0 && out.contains("aws.ec2.instance"), "{code} {out} {err}");
    ensure!(!err.contains("is not known"), "every kind answers: {err}");
    for (end, rule, wanted) in [
        (text("good-instance"), "ec2-imdsv2", "passed"),
        (text("bad-instance"), "ec2-imdsv2", "failed"),
        (text("good-group"), "sg-no-world", "passed"),
        (text("bad-group"), "sg-no-world", "failed"),
        (text("good-balancer"), "elb-deletion-protection", "passed"),
        (text("good-balancer"), "elb-access-logs", "passed"),
        (text("bad-balancer"), "elb-deletion-protection", "failed"),
        ("good-bucket".to_owned(), "s3-public-block", "passed"),
        ("good-bucket".to_owned(), "s3-encryption", "passed"),
        ("good-bucket".to_owned(), "s3-versioning", "passed"),
        ("good-bucket".to_owned(), "s3-lifecycle", "passed"),
        ("good-bucket".to_owned(), "tag-owner", "passed"),
        ("bad-bucket".to_owned(), "s3-public-block", "failed"),
        ("bad-bucket".to_owned(), "s3-versioning", "failed"),
        ("bad-bucket".to_owned(), "s3-lifecycle", "failed"),
        ("bad-bucket".to_owned(), "tag-owner", "failed"),
        ("aws.dynamodb.table/good-table".to_owned(), "dynamodb-pitr", "passed"),
        ("aws.dynamodb.table/bad-table".to_owned(), "dynamodb-pitr", "failed"),
        ("aws.logs.group/good-table".to_owned(), "cloudwatch-retention", "passed"),
        ("aws.logs.group/bad-table".to_owned(), "cloudwatch-retention", "failed"),
        ("alarm:good-table".to_owned(), "cloudwatch-alarm-actions", "passed"),
        ("alarm:bad-table".to_owned(), "cloudwatch-alarm-actions", "failed"),
        ("/shop/prod/db-password".to_owned(), "ssm-secure-string", "passed"),
        ("apiToken".to_owned(), "ssm-secure-string", "failed"),
        ("limitless".to_owned(), "athena-limit", "failed"),
        ("aws.firehose.stream/plain".to_owned(), "firehose-encryption", "failed"),
        ("/prod".to_owned(), "apigateway-auth", "failed"),
        ("user/looker".to_owned(), "iam-user-no-inline", "failed"),
        ("user/looker".to_owned(), "iam-key-unused", "passed"),
        ("policy/everything".to_owned(), "iam-policy-no-star", "failed"),
        ("role/reader".to_owned(), "iam-role-no-star", "passed"),
    ] {
        let (found, because) = verdict(&owner, &end, rule).await?;
        ensure!(found == wanted, "{rule} of {end} is {found} because {because}");
    }
    let kinds = owner.get("/api/v1/inventory/score").await?;
    for (kind, rule) in
        [("aws.wafv2.web-acl", "waf-default-action"), ("aws.cloudfront.distribution", "cloudfront-https")]
    {
        let found =
            owner.get(&format!("/api/v1/inventory/resources?kind={kind}&rule={rule}&verdict=failed")).await?;
        ensure!(found["count"] == 1, "{kind}: {found:#} {kinds:#}");
    }
    // Parameters are listed, never read.
    let all = owner
        .get("/api/v1/inventory/resources?limit=5000&format=csv")
        .await
        .map_or_else(|error| error.to_string(), |answer| answer.to_string());
    ensure!(!all.contains("hunter2"), "a parameter's value came along");

    // What is no longer listed is gone, and only then.
    moto.script("inventory.py", "vanish").await?;
    let (code, _, err) = nines(&node, &key, &["inventory", "collect"]).await?;
    ensure!(code == 0, "{err}");
    let gone = owner.get("/api/v1/inventory/resources?gone=true").await?;
    ensure!(gone["count"] == 1 && gone["resources"][0]["id"] == "old-bucket", "{gone:#}");

    // A waiver of two people, which a restart does not forget.
    let bucket = owner.get("/api/v1/inventory/resources?q=bad-bucket").await?;
    let bucket = bucket["resources"][0]["key"].as_str().context("a key")?.to_owned();
    let waive = ["inventory", "waive", "s3-versioning", "--resource", &bucket];
    let why = ["--reason", "holds copies only, by design", "--owner", "mei", "--days", "30"];
    let (code, out, err) = nines(&node, &key, &[&waive[..], &why[..]].concat()).await?;
    ensure!(code == 6, "it waits for somebody: {code} {out} {err}");
    let waiver = out.trim().to_owned();
    let approve = format!("/api/v1/inventory/waivers/{waiver}/approve");
    let (status, alone) = post(&owner, &approve, &json!({})).await?;
    ensure!(status == 409, "{status} {alone:#}");
    ensure!(verdict(&owner, "bad-bucket", "s3-versioning").await?.0 == "failed", "one person is not enough");
    let (status, agreed) = post(&lin, &approve, &json!({})).await?;
    ensure!(status == 200 && agreed["state"] == "in_force", "{status} {agreed:#}");
    node.stop().await?;
    let node = Node::start_with(&data, &more, &keys).await?;
    let owner = node.api()?;
    ensure!(verdict(&owner, "bad-bucket", "s3-versioning").await?.0 == "waived", "the waiver is forgotten");
    let score = owner.get("/api/v1/inventory/score").await?;
    ensure!(score["days"].as_array().map(Vec::len) == Some(1) && score["total"]["waived"] == 1, "{score:#}");

    // From here on the user may not list tables: moto says so, and nothing of them is called compliant or gone.
    moto.script("inventory.py", "refuse").await?;
    let (code, _, err) = nines(&node, &key, &["inventory", "collect"]).await?;
    ensure!(code == 0 && err.contains("aws.dynamodb.table is not known"), "{code} {err}");
    let score = owner.get("/api/v1/inventory/score").await?;
    let tables = score["listings"].as_array().into_iter().flatten();
    let tables = tables.clone().find(|one| one["kind"] == "aws.dynamodb.table").context("listed")?.clone();
    ensure!(tables["problem"].is_string() && tables["complete_at"].is_string(), "{tables:#}");
    let still = owner.get("/api/v1/inventory/resources?kind=aws.dynamodb.table").await?;
    ensure!(still["count"] == 2, "{still:#}");

    // A file, located mistakes, and a check that fails below a score.
    let file = folder.path().join("switches.yaml");
    let path = file.to_str().context("the path is UTF-8")?;
    std::fs::OpenOptions::new().create_new(true).write(true).open(&file)?;
    super::clouds::write(
        &file,
        "apiVersion: nines/v1\nkind: Resources\nspec:\n  resources:\n    - {kind: onprem.switch, idd: sw-1}\n",
    )?;
    let (code, _, err) = nines(&node, &key, &["inventory", "import", path]).await?;
    ensure!(code == 1 && err.contains(":5:") && err.contains("idd"), "{code} {err}");
    super::clouds::write(
        &file,
        "apiVersion: nines/v1\nkind: Resources\nspec:\n  resources:\n    - {kind: onprem.switch, id: sw-1, tags: {team: net}}\n",
    )?;
    let (code, out, err) = nines(&node, &key, &["inventory", "import", path]).await?;
    ensure!(code == 0 && out.contains("onprem.switch"), "{code} {out} {err}");
    let (code, out, _) = nines(&node, &key, &["inventory", "check", "--min-score", "99"]).await?;
    ensure!(code == 1 && out.contains("sg-no-world"), "{code} {out}");
    let (code, csv, _) = nines(&node, &key, &["inventory", "list", "--csv", "--rule", "sg-no-world"]).await?;
    ensure!(code == 0 && csv.contains(&text("bad-group")) && csv.contains("0.0.0.0/0"), "{csv}");
    println!(
        "31 verdicts of good and bad things in moto as expected; 1 vanished, 1 waived, 1 kind refused and unknown"
    );
    node.stop().await
}
