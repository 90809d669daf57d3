//! On-call documents among all others: read from the same text, kept in the same table, joined into the roster.

use std::collections::BTreeSet;

use nines_http::Runbooks;
use nines_oncall::document::{Documents, KINDS};
use nines_oncall::intake::MailIntegration;
use nines_oncall::{BROWSERS, PersonId, Roster};
use nines_slo::documents::parse_with;
use nines_slo::{ChannelTarget, Document, DocumentError, DocumentWarning, ParsedFile, Registry};

use super::actions;

/// Reads a text in which documents of both sorts may stand.
///
/// # Errors
/// Every mistake of either sort.
pub fn read(file: Option<&str>, text: &str) -> Result<(ParsedFile, Documents), Vec<DocumentError>> {
    let mut documents = Documents::default();
    let parsed = parse_with(file, text, &mut documents)?;
    let keys = documents.keys();
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].contains(key) {
            let message = format!("{} {} is there twice in these documents", key.0, key.1);
            return Err(vec![fault(file, message, "rename one of them")]);
        }
    }
    Ok((parsed, documents))
}

pub fn is_ours(kind: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|known| known.eq_ignore_ascii_case(kind))
}

/// What is declared, joined: each document of `new` in place of the one with its key.
pub fn joined(old: &Documents, new: &Documents) -> Documents {
    let mut all = old.clone();
    for (kind, name) in new.keys() {
        remove(&mut all, kind, &name);
    }
    all.schedules.extend(new.schedules.iter().cloned());
    all.policies.extend(new.policies.iter().cloned());
    all.rules.extend(new.rules.iter().cloned());
    all.silences.extend(new.silences.iter().cloned());
    all.windows.extend(new.windows.iter().cloned());
    all.mail.extend(new.mail.iter().cloned());
    all.reports.extend(new.reports.iter().cloned());
    all
}

/// Takes one document out; whether it was there.
pub fn remove(documents: &mut Documents, kind: &str, name: &str) -> bool {
    let before = documents.keys().len();
    match kind {
        "Schedule" => documents.schedules.retain(|it| it.name != name),
        "EscalationPolicy" => documents.policies.retain(|it| it.name != name),
        "PersonalRules" => documents.rules.retain(|it| it.person.as_str() != name),
        "ReviewReport" => documents.reports.retain(|it| it.name != name),
        "MailIntegration" => documents.mail.retain(|it| it.name != name),
        "Silence" => documents.silences.retain(|it| it.id.0 != name),
        _ => documents.windows.retain(|it| it.name != name),
    }
    documents.keys().len() < before
}

/// What is wrong only as things are now, for `documents` that have just been read: worth a warning, not a refusal.
pub fn findings(
    documents: &Documents,
    all: &Documents,
    registry: &Registry,
    runbooks: &Runbooks,
    in_browsers: &BTreeSet<PersonId>,
) -> Vec<DocumentWarning> {
    use nines_oncall::escalation::{Finding, TargetKind};
    let roster = Roster::of(all, registry).with_browsers(in_browsers.clone());
    let no_roles = std::collections::BTreeMap::new();
    let directory = roster.for_roles(&no_roles);
    let schedules: Vec<_> = roster.schedules.values().cloned().collect();
    // Whether targets exist does not depend on the time; gaps are on the page of each schedule.
    let instant = nines_model::TimeRange::new(nines_model::Timestamp::EPOCH, nines_model::Timestamp::EPOCH);
    let mut warnings = Vec::new();
    for policy in &documents.policies {
        let mut say =
            |message: String| warnings.push(warning(format!("policy `{}`: {message}", policy.name)));
        for finding in policy.findings(&directory, &schedules, instant) {
            match finding {
                Finding::Unknown { step, target } => say(format!("step {step}: {target} does not exist")),
                Finding::Nobody { step, target } => say(format!("step {step}: nobody is behind {target}")),
                Finding::NoContacts { step, person } => {
                    say(format!("step {step}: {person} has no channel by which to be called"));
                }
                Finding::Gap { .. } => {}
            }
        }
        for target in policy.steps.iter().flat_map(|step| &step.targets) {
            let is_known = |name: &str| registry.get(nines_slo::DocumentKind::Channel, name).is_some();
            match target.kind {
                TargetKind::Action => {
                    if let Err(error) = actions::intent(runbooks, &target.name, &target.with) {
                        say(format!("{target}: {error}"));
                    }
                }
                TargetKind::Webhook if !is_known(&target.name) => {
                    say(format!("{target}: there is no channel of that name"));
                }
                _ => {}
            }
        }
    }
    for mail in &documents.mail {
        let has_its = |other: &&MailIntegration| other.address == mail.address && other.name != mail.name;
        if let Some(other) = all.mail.iter().find(has_its) {
            let (name, other) = (&mail.name, &other.name);
            warnings.push(warning(format!(
                "mail integration {name}: {other} has the same address, and one of them gets nothing"
            )));
        }
    }
    let is_mail = |name: &str| match registry.get(nines_slo::DocumentKind::Channel, name).map(|it| &**it) {
        Some(Document::Channel(channel)) => matches!(channel.target, ChannelTarget::Email { .. }),
        _ => false,
    };
    for report in &documents.reports {
        let readers = nines_http::reports::readers(report, &roster, &is_mail);
        let told = readers.problems.iter().map(|problem| format!("report {}: {problem}", report.name));
        warnings.extend(told.map(warning));
    }
    for rules in &documents.rules {
        for contact in rules.high.iter().chain(&rules.low) {
            let (person, channel) = (&rules.person, &contact.channel);
            if channel == BROWSERS {
                if !in_browsers.contains(person) {
                    warnings.push(warning(format!(
                        "rules of {person}: {person} has no browser registered yet; that is done on the page of the account, /you"
                    )));
                }
                continue;
            }
            if registry.get(nines_slo::DocumentKind::Channel, channel).is_none() {
                warnings.push(warning(format!("rules of {person}: there is no channel `{channel}`")));
            }
        }
    }
    warnings
}

fn warning(message: String) -> DocumentWarning {
    DocumentWarning { file: None, line: 0, column: 0, path: String::new(), message }
}

fn fault(file: Option<&str>, message: String, hint: &str) -> DocumentError {
    DocumentError {
        file: file.map(Into::into),
        line: 1,
        column: 1,
        path: String::new(),
        message,
        hint: Some(hint.to_owned()),
    }
}
