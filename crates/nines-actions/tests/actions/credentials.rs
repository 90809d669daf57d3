//! The chain of credentials, each link against an endpoint or file of its kind.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use nines_actions::CloudError;
use nines_actions::cloud::aws::Chain;
use nines_base::{ManualClock, SharedClock};
use nines_egress::{Config, Egress, Policy};
use nines_model::Timestamp;

use crate::support::T0;

const KEYS: &str = r#"{"Code": "Success", "AccessKeyId": "ROLE", "SecretAccessKey": "s", "Token": "t",
    "Expiration": "2026-11-18T20:00:00Z"}"#;

fn chain(variables: &[(&str, &str)]) -> Chain {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Chain { variables: variables.collect::<BTreeMap<_, _>>(), ..Chain::default() }
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn loopback() -> Option<Egress> {
    Egress::new(Config { policy: Policy::with_loopback(), ..Config::default() }).ok()
}

fn clock() -> SharedClock {
    ManualClock::at(T0)
}

#[tokio::test]
async fn the_environment_comes_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    let file = "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n\
                [ops]\naws_access_key_id = OPS\naws_secret_access_key = s\n";
    let mut at = std::fs::File::options()
        .create_new(true)
        .write(true)
        .open(folder.path().join(".aws/credentials"))
        .unwrap();
    std::io::Write::write_all(&mut at, file.as_bytes()).unwrap();
    let home = Some(folder.path().to_owned());
    let key = async |variables: &[(&str, &str)]| {
        let chain = Chain { home: home.clone(), ..chain(variables) };
        chain.load(&clock()).await.unwrap().access_key
    };
    assert_eq!(key(&[("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "s")]).await, "ENV");
    assert_eq!(key(&[("AWS_ACCESS_KEY_ID", "ENV")]).await, "FILE");
    assert_eq!(key(&[("AWS_PROFILE", "ops")]).await, "OPS");
    let nothing = chain(&[]).load(&clock()).await.unwrap_err();
    assert!(matches!(nothing, CloudError::Forbidden { .. }), "{nothing}");
}

#[tokio::test]
async fn a_container_gives_keys_for_its_token() {
    let app = Router::new().route(
        "/v1/credentials",
        get(|headers: HeaderMap| async move {
            let is_right = headers.get("authorization").is_some_and(|value| value == "pod-token");
            if is_right { (StatusCode::OK, KEYS) } else { (StatusCode::FORBIDDEN, "") }
        }),
    );
    let url = format!("{}/v1/credentials", serve(app).await);
    let load = async |token: &str| {
        let variables = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token),
        ];
        Chain { metadata: loopback(), ..chain(&variables) }.load(&clock()).await
    };
    let keys = load("pod-token").await.unwrap();
    assert_eq!(keys.access_key, "ROLE");
    assert_eq!(keys.expires_at, Some(Timestamp::parse_rfc3339("2026-11-18T20:00:00Z").unwrap()));
    assert!(matches!(load("wrong").await, Err(CloudError::Unreachable { .. })));
}

#[tokio::test]
async fn an_instance_gives_keys_for_a_session_token_only() {
    let guarded = |body: &'static str| {
        get(move |headers: HeaderMap| async move {
            let is_right = headers.get("x-aws-ec2-metadata-token").is_some_and(|value| value == "session");
            if is_right { (StatusCode::OK, body) } else { (StatusCode::UNAUTHORIZED, "") }
        })
    };
    let token = put(|headers: HeaderMap| async move {
        let has_ttl = headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds");
        if has_ttl { (StatusCode::OK, "session") } else { (StatusCode::BAD_REQUEST, "") }
    });
    let app = Router::new()
        .route("/latest/api/token", token)
        .route("/latest/meta-data/iam/security-credentials/", guarded("web-role\n"))
        .route("/latest/meta-data/iam/security-credentials/web-role", guarded(KEYS));
    let metadata_url = Some(serve(app).await);
    let instance = Chain { metadata: loopback(), metadata_url, ..chain(&[]) };
    assert_eq!(instance.load(&clock()).await.unwrap().access_key, "ROLE");
    // What a stranger's URL may never reach is reached only with an egress that was made for it.
    let strict = Chain { metadata: Egress::new(Config::default()).ok(), ..instance };
    assert!(strict.load(&clock()).await.is_err());
}
