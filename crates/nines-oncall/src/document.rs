//! On-call as files: the kinds `Schedule`, `EscalationPolicy`, `PersonalRules`, `Silence`, `MaintenanceWindow`,
//! `MailIntegration` and `ReviewReport` under `nines/v1`.
//!
//! They stand in the same files as promises and teams and are read by the same reader: every mistake of a file at once,
//! each with line, column, path and the nearest valid word. What cannot be seen in one document (does the schedule that a
//! policy names exist?) is for whoever holds them all: see [`crate::escalation::EscalationPolicy::findings`].
//!
//! ```
//! let text = r#"
//! apiVersion: nines/v1
//! kind: Schedule
//! metadata: {name: shop}
//! spec:
//!   timeZone: Asia/Taipei
//!   layers:
//!     - name: week
//!       rotation: {every: 1w, handOver: "09:00", on: mon, from: "2026-01-05"}
//!       participants: [ann, {people: [bo, chen], shadows: [dee]}]
//! "#;
//! let documents = nines_oncall::document::parse(None, text).unwrap();
//! assert_eq!(documents.schedules[0].layers[0].participants.len(), 2);
//! ```

mod mail;
mod policy;
mod quiet;
mod report;
mod schedule;
mod words;
mod write;

use nines_model::Timestamp;
use nines_slo::documents::{Fields, ForeignKinds, Reader, parse_with};
use nines_slo::{DocumentError, DocumentWarning, Meta};

use crate::escalation::{EscalationPolicy, PersonalRules};
use crate::intake::MailIntegration;
use crate::noise::{MaintenanceWindow, Silence};
use crate::report::ReviewReport;
use crate::schedule::Schedule;
pub use write::{mail_yaml, policy_yaml, report_yaml, rules_yaml, schedule_yaml, silence_yaml, window_yaml};

/// As written under `kind:`.
pub const KINDS: [&str; 7] = [
    "Schedule",
    "EscalationPolicy",
    "PersonalRules",
    "Silence",
    "MaintenanceWindow",
    "MailIntegration",
    "ReviewReport",
];

/// The on-call documents of a text, each kind in its order. Also the reader of these kinds for
/// [`nines_slo::documents::parse_with`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Documents {
    pub schedules: Vec<Schedule>,
    pub policies: Vec<EscalationPolicy>,
    pub rules: Vec<PersonalRules>,
    pub silences: Vec<Silence>,
    pub windows: Vec<MaintenanceWindow>,
    pub mail: Vec<MailIntegration>,
    pub reports: Vec<ReviewReport>,
    pub warnings: Vec<DocumentWarning>,
}

impl Documents {
    /// Kind, name and canonical YAML of each document. The text parses back to the same document; labels and comments
    /// of what was read are not in it.
    pub fn texts(&self) -> Vec<(&'static str, String, String)> {
        let mut texts = Vec::new();
        texts.extend(self.schedules.iter().map(|it| (KINDS[0], it.name.clone(), schedule_yaml(it))));
        texts.extend(self.policies.iter().map(|it| (KINDS[1], it.name.clone(), policy_yaml(it))));
        texts.extend(self.rules.iter().map(|it| (KINDS[2], it.person.to_string(), rules_yaml(it))));
        texts.extend(self.silences.iter().map(|it| (KINDS[3], it.id.to_string(), silence_yaml(it))));
        texts.extend(self.windows.iter().map(|it| (KINDS[4], it.name.clone(), window_yaml(it))));
        texts.extend(self.mail.iter().map(|it| (KINDS[5], it.name.clone(), mail_yaml(it))));
        texts.extend(self.reports.iter().map(|it| (KINDS[6], it.name.clone(), report_yaml(it))));
        texts
    }

    /// Kind and name of each document.
    pub fn keys(&self) -> Vec<(&'static str, String)> {
        let mut keys = Vec::new();
        keys.extend(self.schedules.iter().map(|schedule| (KINDS[0], schedule.name.clone())));
        keys.extend(self.policies.iter().map(|policy| (KINDS[1], policy.name.clone())));
        keys.extend(self.rules.iter().map(|rules| (KINDS[2], rules.person.to_string())));
        keys.extend(self.silences.iter().map(|silence| (KINDS[3], silence.id.to_string())));
        keys.extend(self.windows.iter().map(|window| (KINDS[4], window.name.clone())));
        keys.extend(self.mail.iter().map(|mail| (KINDS[5], mail.name.clone())));
        keys.extend(self.reports.iter().map(|report| (KINDS[6], report.name.clone())));
        keys
    }
}

impl ForeignKinds for Documents {
    fn kinds(&self) -> &'static [&'static str] {
        &KINDS
    }

    fn read(&mut self, reader: &mut Reader<'_>, kind: &str, meta: Meta, spec: Fields<'_>) {
        match kind {
            "Schedule" => self.schedules.extend(schedule::read(reader, meta, spec)),
            "EscalationPolicy" => self.policies.extend(policy::read(reader, meta, spec)),
            "PersonalRules" => self.rules.extend(policy::rules(reader, meta, spec)),
            "Silence" => self.silences.extend(quiet::silence(reader, meta, spec)),
            "MailIntegration" => self.mail.extend(mail::read(reader, meta, spec)),
            "ReviewReport" => self.reports.extend(report::read(reader, meta, spec)),
            _ => self.windows.extend(quiet::window(reader, meta, spec)),
        }
    }
}

/// Reads the on-call documents of `text`; others are checked and left out. Versions of policies and the time at which a
/// silence was made are for whoever keeps them: they are 0 here.
///
/// # Errors
/// Every mistake found, in the order of the text.
pub fn parse(file: Option<&str>, text: &str) -> Result<Documents, Vec<DocumentError>> {
    let mut documents = Documents::default();
    let parsed = parse_with(file, text, &mut documents)?;
    documents.warnings = parsed.warnings;
    Ok(documents)
}

/// A silence that says no start begins with the epoch, which is before whenever it is applied.
const ALWAYS: Timestamp = Timestamp::EPOCH;
