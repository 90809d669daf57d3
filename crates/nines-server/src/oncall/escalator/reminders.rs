//! What people are told before it happens: that their shift begins, that their silence ends. Each once, whoever restarts.

use std::time::Duration;

use nines_model::Timestamp;
use nines_notify::{Draft, Event as PageEvent, Priority, Subject, SubjectKind, plan_draft};
use nines_oncall::escalation::{Directory, Urgency};
use nines_oncall::noise::SILENCE_NOTICE;
use nines_oncall::{NOTICE_LEADS, PersonId, Roster};
use serde_json::json;

use super::Escalator;

const REMIND_EVERY: Duration = Duration::from_secs(60);
/// A process that was away for a while still tells what it missed, unless that is long over.
const REMIND_BEHIND: Duration = Duration::from_secs(15 * 60);
/// Reminders can wait for every call.
const PRIORITY: Priority = Priority(3);

impl Escalator {
    pub(super) async fn remind(&mut self, roster: &Roster) -> anyhow::Result<()> {
        let monotonic = self.parts.clock.monotonic();
        if self.reminded_at.is_some_and(|at| monotonic.saturating_sub(at) < REMIND_EVERY) {
            return Ok(());
        }
        self.reminded_at = Some(monotonic);
        let now = self.parts.clock.now();
        for schedule in roster.schedules.values() {
            for notice in schedule.notices(now - REMIND_BEHIND, now, &NOTICE_LEADS)? {
                let title = format!("your shift of {} begins at {}", schedule.name, notice.starts_at);
                let key = format!("shift/{}", notice.key);
                self.remind_one(roster, &notice.person, &key, &title, "/oncall", now).await?;
            }
        }
        for silence in roster.silences.iter().filter(|silence| silence.notice_is_due(now)) {
            // One that lasted no longer than the notice was known to end when it was made.
            if silence.range.duration() <= SILENCE_NOTICE {
                continue;
            }
            let title = format!("your silence `{}` ends at {}", silence.filter, silence.range.end);
            let key = format!("silence-ends/{}/{}", silence.id, silence.range.end);
            let author = PersonId::new(&silence.author);
            self.remind_one(roster, &author, &key, &title, "/alerts", now).await?;
        }
        Ok(())
    }

    /// By the first channel of the person. Somebody who cannot be reached is not told; their calls say so loudly.
    async fn remind_one(
        &self,
        roster: &Roster,
        person: &PersonId,
        key: &str,
        title: &str,
        page: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let no_roles = std::collections::BTreeMap::new();
        let contacts = roster.for_roles(&no_roles).contacts(person, Urgency::High);
        let first: Vec<String> = contacts.into_iter().take(1).map(|contact| contact.channel).collect();
        let routes = self.routes(&first);
        if routes.is_empty() || !self.parts.repository.tell_once(key, now).await? {
            return Ok(());
        }
        let url = format!("{}{page}", self.parts.public_url);
        let payload = json!({
            "type": "oncall.reminder",
            "timestamp": now.to_string(),
            "data": {"person": person.as_str(), "title": title, "url": url},
        });
        let draft = Draft::plain(title, format!("{person}, {title}\n{url}"), payload);
        let subject = Subject { kind: SubjectKind::Outbox, id: key.to_owned() };
        let pages = plan_draft(&subject, "reminder", PageEvent::Notice, PRIORITY, &draft, &routes, now);
        self.parts.outbox.insert(&pages).await?;
        self.parts.deliverer.wake();
        Ok(())
    }
}
