//! Jira: one issue for each incident, found again by its label; further pages are comments, and the end moves it to a
//! status that is done. Cloud (with a user: REST 3, Basic, documents as ADF) and Data Center (REST 2, bearer, text).
//! Limits: summary 255, description and comment 32767 characters. Source: developer.atlassian.com, REST API 3 and 2.

use nines_base::percent_encoded;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use nines_egress::{Egress, Request};
use serde_json::{Value, json};

use super::dialect::{Message, clean, clean_lines};
use super::{
    Channel, ChannelKind, Delivery, Limits, Outcome, outcome_of_error, outcome_of_status, wrong_content,
};
use crate::{Content, Secret};

const SUMMARY_MAX: usize = 255;
const TEXT_MAX: usize = 32_000;

#[derive(Debug, Clone)]
pub struct JiraConfig {
    /// `https://example.atlassian.net` or one's own.
    pub url: String,
    pub project: String,
    /// Such as `Task` or `Incident`.
    pub issue_type: String,
    /// The e-mail address of a Cloud account; `None` for Data Center.
    pub user: Option<String>,
    pub token: Secret,
}

#[derive(Debug)]
pub struct Jira {
    config: JiraConfig,
    egress: Egress,
}

impl Jira {
    pub fn new(config: JiraConfig, egress: Egress) -> Self {
        Self { config, egress }
    }

    fn api(&self) -> String {
        let version = if self.config.user.is_some() { 3 } else { 2 };
        format!("{}/rest/api/{version}", self.config.url.trim_end_matches('/'))
    }

    async fn call(&self, request: Request) -> Result<Value, Outcome> {
        let token = self.config.token.expose();
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = match &self.config.user {
            Some(user) => request
                .header(AUTHORIZATION, &format!("Basic {}", STANDARD.encode(format!("{user}:{token}")))),
            None => request.bearer(token),
        };
        let response = self.egress.send(request).await.map_err(|error| outcome_of_error(&error))?;
        if !response.status.is_success() {
            return Err(with_reason(outcome_of_status(response.status, &response.headers), &response.body));
        }
        Ok(serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// The issue that has this label.
    async fn find(&self, label: &str) -> Result<Option<String>, Outcome> {
        let jql = percent_encoded(&format!(
            "project = \"{}\" AND labels = \"{label}\" ORDER BY created ASC",
            self.config.project.replace('"', "")
        ));
        let path = if self.config.user.is_some() { "search/jql" } else { "search" };
        let url = format!("{}/{path}?jql={jql}&fields=summary&maxResults=1", self.api());
        let found = self.call(Request::get(url)).await?;
        Ok(found["issues"][0]["key"].as_str().map(str::to_owned))
    }

    async fn try_deliver(&self, message: &Message<'_>) -> Result<String, Outcome> {
        let label = message.key().replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
        let text = clean_lines(&format!("{}\n{}", message.title, message.text), TEXT_MAX);
        let api = self.api();
        let Some(key) = self.find(&label).await? else {
            let priority = message.level().unwrap_or("P2");
            let fields = json!({
                "project": {"key": self.config.project},
                "issuetype": {"name": self.config.issue_type},
                "summary": clean(message.title, SUMMARY_MAX),
                "description": self.document(&text),
                "labels": ["nines", label, format!("nines-{priority}")],
            });
            let made = self
                .call(Request::post(format!("{api}/issue"), json!({"fields": fields}).to_string()))
                .await?;
            return made["key"]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| Outcome::Unknown { detail: "the answer names no issue".to_owned() });
        };
        let issue = format!("{api}/issue/{}", percent_encoded(&key));
        let comment = json!({"body": self.document(&text)}).to_string();
        self.call(Request::post(format!("{issue}/comment"), comment)).await?;
        if message.is_over() {
            self.finish(&issue).await?;
        }
        Ok(key)
    }

    /// Moves the issue by the first transition that leads to a done status; there may be none, or it may be done.
    async fn finish(&self, issue: &str) -> Result<(), Outcome> {
        let known = self.call(Request::get(format!("{issue}/transitions"))).await?;
        let transitions = known["transitions"].as_array().cloned().unwrap_or_default();
        let done = transitions.iter().find(|it| it["to"]["statusCategory"]["key"] == "done");
        if let Some(id) = done.and_then(|it| it["id"].as_str()) {
            let body = json!({"transition": {"id": id}}).to_string();
            self.call(Request::post(format!("{issue}/transitions"), body)).await?;
        }
        Ok(())
    }

    /// Text as this Jira takes it.
    fn document(&self, text: &str) -> Value {
        if self.config.user.is_none() {
            // Wiki markup: braces would begin macros.
            return json!(text.replace('{', "\\{").replace('[', "\\["));
        }
        let paragraph =
            |line: &str| json!({"type": "paragraph", "content": [{"type": "text", "text": line}]});
        let lines: Vec<Value> = text.lines().filter(|line| !line.trim().is_empty()).map(paragraph).collect();
        json!({"type": "doc", "version": 1, "content": lines})
    }
}

/// What Jira says about it, cut.
fn with_reason(outcome: Outcome, body: &[u8]) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return outcome };
    let reason = answer["errorMessages"][0].as_str().map(str::to_owned);
    let reason = reason.or_else(|| answer["errors"].as_object().map(|_| answer["errors"].to_string()));
    match (outcome, reason) {
        (Outcome::Permanent { detail }, Some(reason)) => {
            Outcome::Permanent { detail: format!("{detail}: {}", clean(&reason, 200)) }
        }
        (outcome, _) => outcome,
    }
}

#[async_trait::async_trait]
impl Channel for Jira {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Jira
    }

    /// One after the other: the second page of an incident must find the issue of the first.
    fn limits(&self) -> Limits {
        Limits { concurrency: 1, interval: Duration::from_millis(200) }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Content::Message { title, text, payload } = &delivery.content else {
            return wrong_content(self.kind());
        };
        match self.try_deliver(&Message { delivery, title, text, payload }).await {
            Ok(key) => Outcome::Delivered { reference: Some(key) },
            Err(outcome) => outcome,
        }
    }
}
