//! A master key that never leaves a key service, and a start while that is silent.

use super::clouds::Moto;
use super::*;

#[tokio::test]
async fn a_node_starts_while_its_key_service_is_silent_if_it_was_told_where_to_remember() -> anyhow::Result<()>
{
    let moto = Moto::start().await?;
    let key = moto.script("aws.py", "key").await?;
    let url = moto.url.clone();
    let master = format!("kms:{}", key.as_str().context("a key has an id")?);
    let folder = tempfile::tempdir()?;
    let (data, cache) = (folder.path().join("data"), folder.path().join("run"));
    std::fs::create_dir_all(&cache)?;
    let cache = cache.join("keys").to_string_lossy().into_owned();
    let aws = ["--aws-region", "ap-northeast-1", "--aws-endpoint", &url, "--allow-egress", "127.0.0.0/8"];
    let without = [aws.as_slice(), &["--master-key", &master]].concat();
    let with = [without.as_slice(), &["--master-key-cache", &cache]].concat();
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

    // What was sealed before the cache was asked for is in it after one start with it.
    let node = Node::start_with(&data, &without, &keys).await?;
    let body = json!({"value": "hush-1"}).to_string().into_bytes();
    let put = node.api()?.call("PUT", "/api/v1/secrets/early", Some(("application/json", body))).await?;
    ensure!(put.0 < 300, "{put:?}");
    node.kill().await?;
    let node = Node::start_with(&data, &with, &keys).await?;
    let body = json!({"value": "hush-2"}).to_string().into_bytes();
    let put = node.api()?.call("PUT", "/api/v1/secrets/late", Some(("application/json", body))).await?;
    ensure!(put.0 < 300, "{put:?}");
    let (owner, listed) = (node.key("owner.key")?, node.api()?.get("/api/v1/secrets").await?);
    ensure!(listed["master"] == master.as_str(), "{listed:#}");
    node.kill().await?;

    drop(moto);
    let mut arguments = vec!["serve", "--data", data.to_str().context("UTF-8")?];
    for listener in ["--listen", "--otlp-grpc", "--otlp-http"] {
        arguments.extend([listener, "127.0.0.1:0"]);
    }
    let refused = command(&[arguments.as_slice(), &without].concat())?.envs(keys).output().await?;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && told.contains("--master-key-cache"), "{told}");

    let node = Node::start_with(&data, &with, &keys).await?;
    let api = Api::new(&node.addresses.http, &owner);
    for (name, value) in [("early", "hush-1"), ("late", "hush-2")] {
        let reason = json!({"reason": "the key service is silent"});
        let shown = api.post(&format!("/api/v1/secrets/{name}/reveal"), &reason).await?;
        ensure!(shown["value"] == value, "{name}: {shown}");
    }
    // Nothing new can be sealed, and that is said.
    let body = json!({"value": "hush-3"}).to_string().into_bytes();
    let (status, answer) = api.call("PUT", "/api/v1/secrets/new", Some(("application/json", body))).await?;
    ensure!(status == 503 && answer["detail"].to_string().contains(&master), "{status} {answer}");
    node.stop().await
}
