//! The direct way to the other node, for when PostgreSQL is gone.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, StatusCode};
use nines_egress::{Config, Egress, Policy, Request};
use serde::{Deserialize, Serialize};

use crate::machine::Question;

/// Where a standby is asked.
pub const PROMISE_PATH: &str = "/pair/promise";
/// Where a standby says how it stands.
pub const STATUS_PATH: &str = "/pair";
/// Less than what a promise is worth, or the answer would come too late to be of use.
const LIMIT: Duration = Duration::from_millis(1000);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub epoch: i64,
    pub waiting: bool,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    #[serde(rename = "promise_ms")]
    Promise(u64),
    #[serde(rename = "reason")]
    Refused(String),
    /// Not a member of this pair.
    #[serde(skip)]
    Stranger,
}

#[derive(Clone)]
pub(crate) struct Peer {
    url: String,
    status_url: String,
    egress: Egress,
}

impl Peer {
    /// `url`: where the other node listens, as configured by whoever runs the pair; it may be on any network.
    pub fn new(url: &str) -> Result<Self, nines_egress::EgressError> {
        let any = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|network| network.parse().ok()).collect();
        let egress = Egress::new(Config {
            policy: Policy { allow: any },
            connect_timeout: LIMIT,
            timeout: LIMIT,
            ..Config::default()
        })?;
        let base = url.trim_end_matches('/');
        Ok(Self { url: format!("{base}{PROMISE_PATH}"), status_url: format!("{base}{STATUS_PATH}"), egress })
    }

    /// Whether a standby listens there.
    pub async fn answers(&self) -> bool {
        let answer = self.egress.send(Request::get(self.status_url.clone())).await;
        answer.is_ok_and(|answer| answer.status == StatusCode::OK)
    }

    pub async fn ask(&self, secret: &str, question: Question) -> Option<Duration> {
        let asked = Asked { epoch: question.epoch, waiting: question.waiting };
        let body = serde_json::to_vec(&asked).ok()?;
        let request = Request::post(self.url.clone(), body)
            .header(CONTENT_TYPE, "application/json")
            .header(HeaderName::from_static("nines-pair"), secret);
        let answer = match self.egress.send(request).await {
            Ok(answer) if answer.status == StatusCode::OK => answer,
            Ok(answer) => {
                let reason = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
                tracing::debug!(status = answer.status.as_u16(), reason, "the peer does not promise");
                return None;
            }
            Err(error) => {
                tracing::warn!(error = nines_base::chain(&error), "the peer does not answer");
                return None;
            }
        };
        match serde_json::from_slice(&answer.body).ok()? {
            Answer::Promise(millis) => Some(Duration::from_millis(millis)),
            _ => None,
        }
    }
}
