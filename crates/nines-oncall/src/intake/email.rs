//! Alerts by mail, for senders that can do nothing else.

use std::collections::BTreeMap;

use nines_model::Timestamp;

use super::{IntakeError, TEXT_BYTES_MAX, TITLE_BYTES_MAX, clipped, level_of};
use crate::alert::{AlertStatus, Fingerprint, IncomingAlert, Source};

/// A message as a mail parser leaves it. All of it is the sender's word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Email {
    pub from: String,
    /// The address at which it arrived; `alerts+shop@…` is about the service `shop`.
    pub to: String,
    pub subject: String,
    /// The plain text.
    pub text: String,
    pub date: Option<Timestamp>,
}

/// Words at the start of a subject (in brackets, or before a colon) that say it is over.
const OVER: [&str; 7] = ["resolved", "ok", "recovery", "recovered", "up", "closed", "已恢復"];

/// Mails with the same subject, its numbers and marks aside, are one alert.
pub fn email(mail: &Email) -> Result<IncomingAlert, IntakeError> {
    let subject = mail.subject.trim();
    if subject.is_empty() {
        return Err(IntakeError::Wrong {
            pointer: "/subject".to_owned(),
            message: "is empty".to_owned(),
            hint: Some("the subject is the title of the alert, and tells alerts apart".to_owned()),
        });
    }
    let (marks, rest) = marks(subject);
    let is_over = marks.iter().any(|mark| OVER.contains(&mark.to_lowercase().as_str()));
    let level = marks.iter().find_map(|mark| level_of(mark));
    let service =
        mail.to.split_once('+').and_then(|(_, tag)| tag.split_once('@')).map(|(tag, _)| tag.to_owned());
    let mut labels = BTreeMap::from([("from".to_owned(), mail.from.clone())]);
    labels.extend(service.clone().map(|service| ("service".to_owned(), service)));
    let text = clipped(&mail.text, TEXT_BYTES_MAX);
    let key = format!("{}\n{}\n{rest}", mail.from.to_lowercase(), mail.to.to_lowercase());
    Ok(IncomingAlert {
        fingerprint: Fingerprint::of_title(Source::Email, &key),
        source: Source::Email,
        status: if is_over { AlertStatus::Resolved } else { AlertStatus::Firing },
        title: clipped(if rest.is_empty() { subject } else { rest }, TITLE_BYTES_MAX),
        level,
        service: service.filter(|service| !service.is_empty()),
        labels,
        annotations: BTreeMap::from([("text".to_owned(), text)]),
        links: Vec::new(),
        starts_at: mail.date,
        ends_at: None,
    })
}

/// The marks at the start of a subject and what is left: `Re: [P1] Firing: disk full` gives `P1`, `Firing` and
/// `disk full`. Only marks that mean something are taken off.
fn marks(subject: &str) -> (Vec<&str>, &str) {
    let (mut marks, mut rest) = (Vec::new(), subject);
    loop {
        let (mark, after) = if let Some(inner) = rest.strip_prefix('[') {
            let Some((mark, after)) = inner.split_once(']') else { break };
            (mark, after)
        } else {
            let Some((mark, after)) = rest.split_once(':') else { break };
            (mark, after)
        };
        let word = mark.trim().to_lowercase();
        let is_reply = ["re", "fwd", "fw", "aw"].contains(&word.as_str());
        let is_state = ["firing", "alert", "alarm", "problem", "down", "triggered"].contains(&word.as_str());
        if !(is_reply || is_state || OVER.contains(&word.as_str()) || level_of(&word).is_some()) {
            break;
        }
        marks.push(mark.trim());
        rest = after.trim();
    }
    (marks, rest)
}
