//! PagerDuty's Events API v2. Limits: summary 1024 characters, `dedup_key` 255, an event 512 KB. Source:
//! developer.pagerduty.com, "Send an alert event". All pages of one incident are one alert there, and its end resolves it.

use std::time::Duration;

use nines_egress::{Request, Response};
use serde_json::{Value, json};

use super::{Dialect, Message, clean, clean_lines, cut, json_request, read_status};
use crate::{ChannelKind, Limits, Outcome, Secret};

const SUMMARY_MAX: usize = 1_024;
const KEY_MAX: usize = 255;

#[derive(Debug, Clone)]
pub struct PagerDuty {
    pub api_url: String,
    pub routing_key: Secret,
}

impl PagerDuty {
    pub const API_URL: &str = "https://events.pagerduty.com";
}

impl Dialect for PagerDuty {
    fn kind(&self) -> ChannelKind {
        ChannelKind::PagerDuty
    }

    /// Two hundred a minute for one key are what they promise to take.
    fn limits(&self) -> Limits {
        Limits { concurrency: 2, interval: Duration::from_millis(300) }
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let action = match message.data("state") {
            _ if message.is_over() => "resolve",
            Some("responding" | "mitigated") => "acknowledge",
            _ => "trigger",
        };
        let severity = match message.level() {
            Some("P0") => "critical",
            Some("P1") => "error",
            Some("P2") => "warning",
            _ => "info",
        };
        let source = message.data("service").unwrap_or("nines");
        let links: Vec<Value> =
            message.url().map(|url| json!({"href": url, "text": "Open"})).into_iter().collect();
        let body = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": cut(&message.key(), KEY_MAX),
            "client": "nines",
            "client_url": message.url(),
            "links": links,
            "payload": {
                "summary": clean(message.title, SUMMARY_MAX),
                "source": clean(source, SUMMARY_MAX),
                "severity": severity,
                "timestamp": message.delivery.created_at.to_string(),
                "component": source,
                "custom_details": {"text": clean_lines(message.text, 20_000), "page": message.delivery.page.0},
            },
        });
        json_request(format!("{}/v2/enqueue", self.api_url.trim_end_matches('/')), &body)
    }

    fn read(&self, response: &Response) -> Outcome {
        match read_status(response) {
            Outcome::Delivered { .. } => {
                let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                Outcome::Delivered { reference: answer["dedup_key"].as_str().map(str::to_owned) }
            }
            other => other,
        }
    }
}
