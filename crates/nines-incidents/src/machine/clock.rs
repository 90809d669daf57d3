//! The promise clock at work.

use nines_model::Timestamp;

use super::Writer;
use crate::promise::ESCALATE_AT_STREAK;
use crate::{Cadence, EffectKind, EntryKind, Incident, Step, Text};

/// What the clock has to say at `now`; `None` if nothing. Saying it twice is impossible: the step it gives has said
/// it, so a second call on the result gives `None`.
///
/// After a time in which nobody looked (the process was down), one entry records all the misses with their true due
/// time; reminders that would come too late are left out.
pub fn tick(incident: &Incident, cadence: &Cadence, now: Timestamp) -> Option<Step> {
    let promise = incident.promise.as_ref()?;
    let has_missed = promise.misses_by(now) > promise.misses;
    let should_nudge =
        promise.nudged_at.is_none() && now <= promise.due_at && now >= promise.nudge_at(cadence.nudge_before);
    if !has_missed && !should_nudge {
        return None;
    }
    let mut writer = Writer::begin(incident, cadence, now);
    if should_nudge {
        writer.nudge();
    }
    Some(writer.finish())
}

impl Writer<'_> {
    fn nudge(&mut self) {
        let now = self.now;
        let Some(promise) = self.incident.promise.as_mut() else { return };
        promise.nudged_at = Some(now);
        let due_at = promise.due_at;
        let left_secs = due_at.since(now).as_secs();
        self.system_entry(
            EntryKind::Nudge,
            Text::phrase(
                "promise.nudge",
                [("due_at", due_at.to_string()), ("left_secs", left_secs.to_string())],
            ),
        );
        self.effect(EffectKind::Nudge { due_at });
    }

    /// Brings misses up to `now` into the record and the timeline.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        let Some(promise) = self.incident.promise.as_mut() else { return };
        let misses = promise.misses_by(now);
        let (recorded, new) = (promise.misses, misses.saturating_sub(promise.misses));
        if new == 0 {
            return;
        }
        promise.misses = misses;
        let (due_at, missed_at) = (promise.due_at, promise.missed_at(recorded));
        let late_secs = now.since(due_at).as_secs();
        let record = &mut self.incident.promises;
        let streak_before = record.streak;
        record.missed = record.missed.saturating_add(new);
        record.streak = record.streak.saturating_add(new);
        let streak = record.streak;

        let due = ("due_at", due_at.to_string());
        let late = ("late_secs", late_secs.to_string());
        let text = if recorded == 0 && new == 1 {
            Text::phrase("promise.overdue", [due, late])
        } else {
            Text::phrase("promise.overdue_again", [due, late, ("count", new.to_string())])
        };
        self.system_entry(EntryKind::Overdue, text).at = missed_at;
        self.effect(EffectKind::Overdue { due_at, misses });

        if streak_before < ESCALATE_AT_STREAK && streak >= ESCALATE_AT_STREAK {
            let text = Text::phrase("promise.escalation", [("streak", streak.to_string())]);
            self.system_entry(EntryKind::Escalation, text);
            self.effect(EffectKind::Escalation { streak });
        }
    }
}
