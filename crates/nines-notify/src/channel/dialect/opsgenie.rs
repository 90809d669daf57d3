//! Opsgenie's Alert API. Limits: message 130 characters, alias 512, description 15000. Source: docs.opsgenie.com, "Alert
//! API". The alias is the incident's, so that all its pages are one alert, and its end closes it.

use nines_base::percent_encoded;
use std::time::Duration;

use http::header::AUTHORIZATION;
use nines_egress::Request;
use serde_json::json;

use super::{Dialect, Message, clean, clean_lines, cut, json_request};
use crate::{ChannelKind, Limits, Secret};

const MESSAGE_MAX: usize = 130;
const ALIAS_MAX: usize = 512;
const DESCRIPTION_MAX: usize = 15_000;

#[derive(Debug, Clone)]
pub struct Opsgenie {
    /// `https://api.eu.opsgenie.com` for accounts in Europe.
    pub api_url: String,
    pub api_key: Secret,
}

impl Opsgenie {
    pub const API_URL: &str = "https://api.opsgenie.com";
}

impl Dialect for Opsgenie {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Opsgenie
    }

    fn limits(&self) -> Limits {
        Limits { concurrency: 2, interval: Duration::from_millis(200) }
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let api = self.api_url.trim_end_matches('/');
        let alias = cut(&message.key(), ALIAS_MAX);
        let (url, body) = if message.is_over() {
            let url = format!("{api}/v2/alerts/{}/close?identifierType=alias", percent_encoded(&alias));
            (url, json!({"source": "nines", "note": clean(message.title, 1_000)}))
        } else {
            let priority = match message.level() {
                Some("P0") => "P1",
                Some("P1") => "P2",
                Some("P2") => "P3",
                _ => "P5",
            };
            let body = json!({
                "message": clean(message.title, MESSAGE_MAX),
                "alias": alias,
                "description": clean_lines(message.text, DESCRIPTION_MAX),
                "priority": priority,
                "source": "nines",
                "entity": message.data("service"),
                "details": {"url": message.url(), "page": message.delivery.page.0},
            });
            (format!("{api}/v2/alerts"), body)
        };
        json_request(url, &body).header(AUTHORIZATION, &format!("GenieKey {}", self.api_key.expose()))
    }
}
