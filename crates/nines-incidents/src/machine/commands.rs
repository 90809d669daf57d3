//! What people and other parts do to an incident.

use nines_model::Timestamp;

use super::{
    FIELD_BYTES_MAX, NAME_BYTES_MAX, NOTE_BYTES_MAX, TIMELINE_ENTRIES_MAX, Writer, bounded,
    checked_next_update, clipped, person, required,
};
use crate::incident::{LINKED_ALERTS_MAX, SERVICES_MAX};
use crate::{
    Actor, ApprovalRole, Audience, Cadence, Class, Command, Confirmation, EffectKind, EntryKind, Incident,
    Level, NewUpdate, Record, Refusal, Role, State, Step, Text, Update,
};

/// Carries out one command, or refuses and changes nothing.
pub fn apply(
    incident: &Incident,
    command: &Command,
    actor: &Actor,
    cadence: &Cadence,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let mut writer = Writer::begin(incident, cadence, now);
    match command {
        Command::Acknowledge => writer.acknowledge(actor)?,
        Command::Confirm { level } => writer.confirm(*level, actor)?,
        Command::Mitigate { how } => writer.mitigate(how, actor)?,
        Command::Relapse { reason } => writer.relapse(reason, actor)?,
        Command::Resolve { summary } => writer.resolve(summary, actor)?,
        Command::Reopen { reason } => writer.reopen(reason, actor)?,
        Command::Review { summary } => writer.review(summary, actor)?,
        Command::Cancel { reason } => writer.cancel(reason, actor)?,
        Command::AssignRole { role, person } => writer.assign(*role, person.as_deref(), actor)?,
        Command::ChangeClass { class, reason } => writer.change_class(*class, reason, actor)?,
        Command::CorrectFaultStart { at, reason } => writer.correct_fault_start(*at, reason, actor)?,
        Command::Note { text, link } => writer.note(text, link.as_deref(), actor)?,
        Command::Correct { sequence, text } => writer.correct(*sequence, text, actor)?,
        Command::PostUpdate(update) => writer.post_update(update, actor)?,
        Command::Record(record) => writer.record(record, actor)?,
    }
    Ok(writer.finish())
}

/// Folds `source` into `target`: the source is closed, its alerts and services go on in the target. The two steps
/// must be stored together.
pub fn merge(
    source: &Incident,
    target: &Incident,
    actor: &Actor,
    cadence: &Cadence,
    now: Timestamp,
) -> Result<[Step; 2], Refusal> {
    if source.id == target.id {
        return Err(Refusal::MergeIntoSelf { id: source.id });
    }
    let mut from = Writer::begin(source, cadence, now);
    let mut into = Writer::begin(target, cadence, now);
    into.require_open("merged into")?;
    from.go(State::Merged, "merged")?;
    from.incident.merged_into = Some(target.id);
    from.entry(actor, EntryKind::Merged, Text::phrase("merged.into", [("incident", target.id.to_string())]));
    into.entry(actor, EntryKind::Merged, Text::phrase("merged.from", [("incident", source.id.to_string())]));
    for alert in &source.alerts {
        if into.incident.alerts.iter().any(|known| known.alert_id == alert.alert_id) {
            continue;
        }
        if into.incident.alerts.len() < LINKED_ALERTS_MAX {
            into.incident.alerts.push(alert.clone());
        } else {
            into.incident.alerts_unlinked = into.incident.alerts_unlinked.saturating_add(1);
        }
    }
    for service in &source.services {
        if !into.incident.services.contains(service) && into.incident.services.len() < SERVICES_MAX {
            into.incident.services.push(service.clone());
        }
    }
    Ok([from.finish(), into.finish()])
}

impl Writer<'_> {
    fn acknowledge(&mut self, actor: &Actor) -> Result<(), Refusal> {
        let who = person(actor, "acknowledge an incident")?.to_owned();
        self.require_open("acknowledged")?;
        self.incident.marks.acked.get_or_insert(self.now);
        // Whoever takes an incident that nobody leads leads it until somebody says otherwise.
        self.incident.roles.entry(Role::Commander).or_insert_with(|| who.clone());
        if self.incident.state == State::Confirmed {
            self.go(State::Responding, "acknowledged")?;
        }
        self.entry(actor, EntryKind::Acknowledged, Text::phrase("acknowledged", [("who", who)]));
        Ok(())
    }

    fn confirm(&mut self, level: Level, actor: &Actor) -> Result<(), Refusal> {
        let who = person(actor, "confirm a level")?.to_owned();
        self.require_open("confirmed")?;
        let before = self.incident.level();
        let text = match &self.incident.confirmation {
            Some(old) => Text::phrase(
                "level.changed",
                [("who", who.clone()), ("from", old.level.to_string()), ("to", level.to_string())],
            ),
            None => Text::phrase("level.confirmed", [("who", who.clone()), ("to", level.to_string())]),
        };
        self.incident.confirmation = Some(Confirmation { level, by: who, at: self.now });
        self.incident.marks.confirmed.get_or_insert(self.now);
        self.incident.proposal = None;
        if self.incident.state == State::Reported {
            let is_taken = self.incident.marks.acked.is_some();
            self.go(if is_taken { State::Responding } else { State::Confirmed }, "confirmed")?;
        }
        self.entry(actor, EntryKind::LevelConfirmed, text);
        if level != before {
            self.effect(EffectKind::LevelChanged);
        }
        self.arm(None);
        Ok(())
    }

    fn mitigate(&mut self, how: &str, actor: &Actor) -> Result<(), Refusal> {
        let how = bounded("how", how.trim(), NOTE_BYTES_MAX)?;
        self.go(State::Mitigated, "mitigated")?;
        self.incident.marks.mitigated = Some(self.now);
        let text = match how.as_str() {
            "" => Text::phrase("mitigated.plainly", [("who", actor.name.clone())]),
            _ => Text::phrase("mitigated", [("how", how)]),
        };
        self.entry(actor, EntryKind::Mitigated, text);
        Ok(())
    }

    fn relapse(&mut self, reason: &str, actor: &Actor) -> Result<(), Refusal> {
        let reason = required("reason", reason, NOTE_BYTES_MAX, "say what came back")?;
        if self.incident.state != State::Mitigated {
            return Err(self.illegal("taken back to responding"));
        }
        self.go(State::Responding, "taken back to responding")?;
        self.incident.marks.mitigated = None;
        self.entry(actor, EntryKind::Relapsed, Text::phrase("relapsed", [("reason", reason)]));
        Ok(())
    }

    fn resolve(&mut self, summary: &str, actor: &Actor) -> Result<(), Refusal> {
        let summary = bounded("summary", summary.trim(), NOTE_BYTES_MAX)?;
        self.go(State::Resolved, "resolved")?;
        self.incident.marks.resolved = Some(self.now);
        let text = match summary.as_str() {
            "" => Text::phrase("resolved.plainly", [("who", actor.name.clone())]),
            _ => Text::phrase("resolved", [("summary", summary)]),
        };
        self.entry(actor, EntryKind::Resolved, text);
        Ok(())
    }

    fn reopen(&mut self, reason: &str, actor: &Actor) -> Result<(), Refusal> {
        let reason = required("reason", reason, NOTE_BYTES_MAX, "say what came back")?;
        if self.incident.state != State::Resolved {
            return Err(self.illegal("reopened"));
        }
        self.go(State::Responding, "reopened")?;
        self.incident.marks.mitigated = None;
        self.incident.marks.resolved = None;
        self.entry(actor, EntryKind::Reopened, Text::phrase("reopened", [("reason", reason)]));
        self.arm(None);
        Ok(())
    }

    fn review(&mut self, summary: &str, actor: &Actor) -> Result<(), Refusal> {
        let summary = required("summary", summary, NOTE_BYTES_MAX, "say what was learned, or link to it")?;
        self.go(State::Reviewed, "reviewed")?;
        self.incident.marks.reviewed = Some(self.now);
        self.entry(actor, EntryKind::Reviewed, Text::phrase("reviewed", [("summary", summary)]));
        Ok(())
    }

    fn cancel(&mut self, reason: &str, actor: &Actor) -> Result<(), Refusal> {
        let reason = required("reason", reason, NOTE_BYTES_MAX, "say why it was no incident")?;
        self.go(State::Cancelled, "cancelled")?;
        self.entry(actor, EntryKind::Cancelled, Text::phrase("cancelled", [("reason", reason)]));
        Ok(())
    }

    fn assign(&mut self, role: Role, name: Option<&str>, actor: &Actor) -> Result<(), Refusal> {
        self.require_open("given roles")?;
        let text = match name {
            Some(name) => {
                let name = required("person", name, NAME_BYTES_MAX, "name somebody")?;
                self.incident.roles.insert(role, name.clone());
                Text::phrase("role.assigned", [("person", name), ("role", role.as_str().to_owned())])
            }
            None => {
                self.incident.roles.remove(&role);
                Text::phrase("role.removed", [("role", role.as_str().to_owned())])
            }
        };
        self.entry(actor, EntryKind::RoleAssigned, text);
        Ok(())
    }

    fn change_class(&mut self, class: Class, reason: &str, actor: &Actor) -> Result<(), Refusal> {
        let who = person(actor, "change a class")?.to_owned();
        let reason = required("reason", reason, NOTE_BYTES_MAX, "say why it belongs there")?;
        let from = std::mem::replace(&mut self.incident.class, class);
        let params =
            [("who", who), ("from", from.to_string()), ("to", class.to_string()), ("reason", reason)];
        self.entry(actor, EntryKind::ClassChanged, Text::phrase("class.changed", params));
        Ok(())
    }

    fn correct_fault_start(&mut self, at: Timestamp, reason: &str, actor: &Actor) -> Result<(), Refusal> {
        person(actor, "correct the start of a fault")?;
        let reason = required("reason", reason, NOTE_BYTES_MAX, "say what shows it")?;
        let detected = self.incident.marks.detected;
        if at > detected {
            return Err(Refusal::FaultStartAfterDetection { id: self.incident.id, at, detected });
        }
        let from = std::mem::replace(&mut self.incident.marks.fault_start, at);
        self.incident.intake.started_at = at;
        let params = [("from_at", from.to_string()), ("to_at", at.to_string()), ("reason", reason)];
        self.entry(actor, EntryKind::FaultStartCorrected, Text::phrase("fault_start.corrected", params));
        Ok(())
    }

    fn note(&mut self, text: &str, link: Option<&str>, actor: &Actor) -> Result<(), Refusal> {
        self.require_room()?;
        let text = required("text", text, NOTE_BYTES_MAX, "say something")?;
        let link = link.map(|link| bounded("link", link, FIELD_BYTES_MAX)).transpose()?;
        self.entry(actor, EntryKind::Note, Text::Plain(text)).link = link;
        Ok(())
    }

    fn correct(&mut self, sequence: u64, text: &str, actor: &Actor) -> Result<(), Refusal> {
        self.require_room()?;
        let last = self.incident.entries;
        if sequence == 0 || sequence > last {
            return Err(Refusal::NoSuchEntry { id: self.incident.id, sequence, last });
        }
        let text = required("text", text, NOTE_BYTES_MAX, "say what the entry should have said")?;
        self.entry(actor, EntryKind::Correction, Text::Plain(text)).refers_to = Some(sequence);
        Ok(())
    }

    fn record(&mut self, record: &Record, actor: &Actor) -> Result<(), Refusal> {
        self.require_room()?;
        let text = match &record.text {
            Text::Plain(text) => Text::Plain(clipped(text, NOTE_BYTES_MAX)),
            phrase => phrase.clone(),
        };
        let entry = self.entry(actor, record.kind, text);
        entry.at = record.at;
        entry.link.clone_from(&record.link);
        Ok(())
    }

    fn post_update(&mut self, update: &NewUpdate, actor: &Actor) -> Result<(), Refusal> {
        let by = person(actor, "post an update")?.to_owned();
        let text = required("text", &update.text, NOTE_BYTES_MAX, "say what is new, or that nothing is")?;
        let next_update_at = checked_next_update(update.next_update_at, self.now)?;
        self.require_open("updated")?;
        let Some(promise) = self.incident.promise.clone() else { return Err(self.illegal("updated")) };

        let mut audiences = update.audiences.clone();
        if audiences.is_empty() {
            audiences.push(Audience::Responder);
        }
        audiences.sort_unstable();
        audiences.dedup();
        if audiences.contains(&Audience::Public) && !is_approved(update) {
            return Err(Refusal::NotApproved);
        }

        let fields = [
            ("scope", &update.scope, &mut self.incident.intake.scope),
            ("status", &update.status, &mut self.incident.intake.status),
            ("progress", &update.progress, &mut self.incident.intake.progress),
        ];
        for (name, new, current) in fields {
            if let Some(new) = new {
                *current = required(name, new, FIELD_BYTES_MAX, "leave it out to keep what it says now")?;
            }
        }

        let lateness = self.now.since(promise.due_at);
        let record = &mut self.incident.promises;
        if lateness.is_zero() {
            record.kept = record.kept.saturating_add(1);
            record.streak = 0;
        } else {
            record.late_updates = record.late_updates.saturating_add(1);
            record.lateness_total = record.lateness_total.saturating_add(lateness);
            record.lateness_max = record.lateness_max.max(lateness);
        }
        self.incident.updates = self.incident.updates.saturating_add(1);
        self.incident.last_update_at = Some(self.now);
        let number = self.incident.updates;
        let text_of = ("text", text.clone());
        let entry_text = if lateness.is_zero() {
            Text::phrase("update.posted", [("number", number.to_string()), text_of])
        } else {
            let late_secs = ("late_secs", lateness.as_secs().to_string());
            Text::phrase("update.posted_late", [("number", number.to_string()), late_secs, text_of])
        };
        self.entry(actor, EntryKind::Update, entry_text);
        self.effect(EffectKind::UpdatePosted { number });
        self.arm(next_update_at);
        let due_next = self.incident.next_update_at().unwrap_or(self.now);
        let level = self.incident.level();
        self.updates.push(Update {
            incident: self.incident.id,
            number,
            text,
            intake: self.incident.intake.clone(),
            next_update_at: due_next,
            level,
            channel: level.channel(),
            audiences,
            approvals: update.approvals.clone(),
            posted_at: self.now,
            by,
            due_at: promise.due_at,
            lateness,
        });
        Ok(())
    }

    fn require_room(&self) -> Result<(), Refusal> {
        if self.incident.entries >= TIMELINE_ENTRIES_MAX {
            return Err(Refusal::TimelineFull { id: self.incident.id, limit: TIMELINE_ENTRIES_MAX });
        }
        Ok(())
    }
}

/// Public relations and a manager, and not the same person twice.
fn is_approved(update: &NewUpdate) -> bool {
    let by = |role| {
        update
            .approvals
            .iter()
            .filter(move |approval| approval.role == role && !approval.by.trim().is_empty())
    };
    by(ApprovalRole::PublicRelations).any(|pr| by(ApprovalRole::Manager).any(|manager| manager.by != pr.by))
}
