//! Alerts by mail, for senders that can do nothing else.

use std::collections::BTreeMap;
use std::fmt;

use nines_incidents::Level;
use nines_model::Timestamp;
use regex::{Regex, RegexBuilder};

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

/// One system that sends alerts by mail: its address, and how its mails are read.
#[derive(Debug, Clone, PartialEq)]
pub struct MailIntegration {
    pub name: String,
    /// What stands before the `@`, in lower case. Whoever knows it can send alerts.
    pub address: String,
    pub service: Option<String>,
    /// Of mails whose subject does not say one.
    pub level: Option<Level>,
    /// Domains or whole addresses that senders must have, in lower case; empty for any. A forged sender has them too.
    pub senders: Vec<String>,
    /// Its first group, else all of what it finds in subject and text, tells alerts apart. Where it finds nothing, the
    /// subject does.
    pub dedup: Option<Pattern>,
    /// Mails in whose subject or text it finds something say that it is over. Without it the marks of the subject do.
    pub resolved: Option<Pattern>,
}

/// A regular expression, equal to another by its text. Searching takes a time that is linear in what is searched.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Shorter addresses are guessed.
pub const ADDRESS_CHARS_SAFE: usize = 16;
/// RFC 5321, section 4.5.3.1.1.
pub const ADDRESS_BYTES_MAX: usize = 64;
/// Compiled; a pattern of a thousand characters of words fits.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Words at the start of a subject (in brackets, or before a colon) that say it is over.
const OVER: [&str; 7] = ["resolved", "ok", "recovery", "recovered", "up", "closed", "已恢復"];

impl Pattern {
    /// # Errors
    /// What is wrong with it, for people.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).multi_line(true).build();
        built.map(Self).map_err(|error| error.to_string().lines().last().unwrap_or_default().to_owned())
    }

    fn finds<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.captures(text)?;
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().trim())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl MailIntegration {
    /// Whether somebody with this address may send to it.
    pub fn takes_from(&self, sender: &str) -> bool {
        let sender = sender.to_lowercase();
        let is = |allowed: &String| match allowed.contains('@') {
            true => sender == *allowed,
            false => sender.rsplit_once('@').is_some_and(|(_, domain)| domain == allowed),
        };
        self.senders.is_empty() || self.senders.iter().any(is)
    }
}

/// Mails of one sender with the same subject, its numbers and marks aside, are one alert.
pub fn email(mail: &Email) -> Result<IncomingAlert, IntakeError> {
    let tag = mail.to.split_once('+').and_then(|(_, tag)| tag.split_once('@')).map(|(tag, _)| tag.to_owned());
    let read = Subject::read(&mail.subject)?;
    let key = format!("{}\n{}\n{}", mail.from.to_lowercase(), mail.to.to_lowercase(), read.rest);
    let service = tag.filter(|service| !service.is_empty());
    let fingerprint = Fingerprint::of_title(Source::Email, &key);
    Ok(alert(mail, &read, fingerprint, read.status(), read.level(), service))
}

/// As an integration says: by its address, mails with the same subject, or for which its expression finds the same, are
/// one alert.
pub fn email_of(integration: &MailIntegration, mail: &Email) -> Result<IncomingAlert, IntakeError> {
    let read = Subject::read(&mail.subject)?;
    let whole = format!("{}\n{}", mail.subject.trim(), clipped(&mail.text, TEXT_BYTES_MAX));
    let found = integration.dedup.as_ref().and_then(|pattern| pattern.finds(&whole));
    let fingerprint = match found.filter(|found| !found.is_empty()) {
        Some(found) => Fingerprint::given(Source::Email, "dedup", &format!("{}: {found}", integration.name)),
        None => Fingerprint::of_title(Source::Email, &format!("{}\n{}", integration.address, read.rest)),
    };
    let status = match &integration.resolved {
        Some(pattern) if pattern.finds(&whole).is_some() => AlertStatus::Resolved,
        Some(_) => AlertStatus::Firing,
        None => read.status(),
    };
    let level = read.level().or(integration.level);
    let mut alert = alert(mail, &read, fingerprint, status, level, integration.service.clone());
    alert.labels.insert("integration".to_owned(), integration.name.clone());
    Ok(alert)
}

fn alert(
    mail: &Email,
    subject: &Subject<'_>,
    fingerprint: Fingerprint,
    status: AlertStatus,
    level: Option<Level>,
    service: Option<String>,
) -> IncomingAlert {
    let mut labels = BTreeMap::from([("from".to_owned(), mail.from.clone())]);
    labels.extend(service.clone().map(|service| ("service".to_owned(), service)));
    let text = clipped(&mail.text, TEXT_BYTES_MAX);
    let title = if subject.rest.is_empty() { subject.whole } else { subject.rest };
    IncomingAlert {
        fingerprint,
        source: Source::Email,
        status,
        title: clipped(title, TITLE_BYTES_MAX),
        level,
        service,
        labels,
        annotations: BTreeMap::from([("text".to_owned(), text)]),
        links: Vec::new(),
        starts_at: mail.date,
        ends_at: None,
    }
}

/// `Re: [P1] Firing: disk full` has the marks `P1` and `Firing`, and says `disk full`.
struct Subject<'a> {
    whole: &'a str,
    marks: Vec<&'a str>,
    rest: &'a str,
}

impl<'a> Subject<'a> {
    fn read(subject: &'a str) -> Result<Self, IntakeError> {
        let whole = subject.trim();
        if whole.is_empty() {
            return Err(IntakeError::Wrong {
                pointer: "/subject".to_owned(),
                message: "is empty".to_owned(),
                hint: Some("the subject is the title of the alert, and tells alerts apart".to_owned()),
            });
        }
        let (marks, rest) = marks(whole);
        Ok(Self { whole, marks, rest })
    }

    fn status(&self) -> AlertStatus {
        let is_over = self.marks.iter().any(|mark| OVER.contains(&mark.to_lowercase().as_str()));
        if is_over { AlertStatus::Resolved } else { AlertStatus::Firing }
    }

    fn level(&self) -> Option<Level> {
        self.marks.iter().find_map(|mark| level_of(mark))
    }
}

/// Only marks that mean something are taken off.
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
