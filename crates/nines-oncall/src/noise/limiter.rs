//! How much one person is sent.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;

use crate::PersonId;

/// Messages to one person in [`MESSAGES_WINDOW`], whatever happens: somebody who gets more reads none.
pub const MESSAGES_MAX: usize = 10;
pub const MESSAGES_WINDOW: Duration = Duration::from_secs(300);
/// Of those, one is kept for the digest …
pub const URGENT_MAX: usize = MESSAGES_MAX - 1;
/// … and two for P0, so that an unrelated P0 in a storm of smaller things is sent at once.
pub const ORDINARY_MAX: usize = URGENT_MAX - 2;
/// How long a digest collects; with a P0 in it, not at all.
pub const DIGEST_WAIT: Duration = Duration::from_secs(60);
/// Titles that a digest lists; it counts all.
const TITLES_LISTED: usize = 20;

/// A message that may be sent to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub level: Level,
    pub title: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Send,
    /// It goes into the digest, as the so-manieth.
    Digest {
        waiting: u64,
    },
}

/// Everything that was too much, in one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub person: PersonId,
    pub count: u64,
    pub by_level: BTreeMap<Level, u64>,
    /// The gravest first.
    pub titles: Vec<String>,
    pub since: Timestamp,
}

/// Counts what each person was sent. Memory is bounded by the number of people.
#[derive(Debug, Clone, Default)]
pub struct Limiter {
    people: BTreeMap<PersonId, Inbox>,
}

#[derive(Debug, Clone, Default)]
struct Inbox {
    /// When the messages of the last window were sent; at most [`MESSAGES_MAX`].
    sent: VecDeque<Timestamp>,
    digested_at: Option<Timestamp>,
    waiting: Option<Digest>,
    /// The titles of `waiting`, with their levels.
    titles: Vec<(Level, String)>,
}

impl Limiter {
    /// Whether a message to a person is sent now. The caller sends it exactly if the answer is [`Verdict::Send`].
    pub fn offer(&mut self, person: &PersonId, message: &Message, now: Timestamp) -> Verdict {
        let inbox = self.people.entry(person.clone()).or_default();
        inbox.forget(now);
        let limit = if message.level == Level::P0 { URGENT_MAX } else { ORDINARY_MAX };
        // What is no digest may not take the place of one that has been sent in this window.
        if inbox.sent.len() < limit + usize::from(inbox.has_digest_in_window(now)) {
            inbox.sent.push_back(now);
            return Verdict::Send;
        }
        Verdict::Digest { waiting: inbox.put(person, message, now) }
    }

    /// A message that was sent before this process started counts too.
    pub fn restore(&mut self, person: &PersonId, sent_at: Timestamp) {
        self.people.entry(person.clone()).or_default().sent.push_back(sent_at);
    }

    /// The digests that are to be sent now; each counts as a message.
    pub fn due(&mut self, now: Timestamp) -> Vec<Digest> {
        let mut due = Vec::new();
        for inbox in self.people.values_mut() {
            inbox.forget(now);
            let has_urgent =
                inbox.waiting.as_ref().is_some_and(|digest| digest.by_level.contains_key(&Level::P0));
            let is_ripe = inbox
                .waiting
                .as_ref()
                .is_some_and(|digest| has_urgent || now.since(digest.since) >= DIGEST_WAIT);
            if !is_ripe || inbox.has_digest_in_window(now) || inbox.sent.len() >= MESSAGES_MAX {
                continue;
            }
            if let Some(mut digest) = inbox.waiting.take() {
                inbox.titles.sort();
                digest.titles = inbox.titles.drain(..).map(|(_, title)| title).collect();
                inbox.sent.push_back(now);
                inbox.digested_at = Some(now);
                due.push(digest);
            }
        }
        self.people.retain(|_, inbox| !inbox.sent.is_empty() || inbox.waiting.is_some());
        due
    }

    /// What waits for a digest, over all people.
    pub fn waiting(&self) -> u64 {
        self.people.values().filter_map(|inbox| inbox.waiting.as_ref()).map(|digest| digest.count).sum()
    }
}

impl Inbox {
    fn forget(&mut self, now: Timestamp) {
        while self.sent.front().is_some_and(|at| now.since(*at) >= MESSAGES_WINDOW) {
            self.sent.pop_front();
        }
    }

    fn has_digest_in_window(&self, now: Timestamp) -> bool {
        self.digested_at.is_some_and(|at| now.since(at) < MESSAGES_WINDOW)
    }

    fn put(&mut self, person: &PersonId, message: &Message, now: Timestamp) -> u64 {
        let digest = self.waiting.get_or_insert_with(|| Digest {
            person: person.clone(),
            count: 0,
            by_level: BTreeMap::new(),
            titles: Vec::new(),
            since: now,
        });
        digest.count += 1;
        *digest.by_level.entry(message.level).or_default() += 1;
        let title = (message.level, message.title.clone());
        if self.titles.len() < TITLES_LISTED {
            self.titles.push(title);
        } else if let Some(least) = self.titles.iter_mut().max_by_key(|(level, _)| *level)
            && message.level.is_graver_than(least.0)
        {
            // A grave one that comes late is listed in place of a small one that came early.
            *least = title;
        }
        digest.count
    }
}
