//! Alerts that are told together.

use std::collections::HashMap;
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;

use crate::alert::IncomingAlert;

/// How long a new group collects before it is first told. A P0 waits for nothing.
pub const GROUP_WAIT: Duration = Duration::from_secs(30);
/// How long changes of a group that was told are collected.
pub const GROUP_INTERVAL: Duration = Duration::from_secs(300);
/// A group that stays as it is is told again.
pub const REPEAT_AFTER: Duration = Duration::from_secs(4 * 3_600);
/// Groups at once. What finds no place of its own goes into one group of everything else.
pub const GROUPS_MAX: usize = 10_000;
/// Titles that a notice lists; it counts all.
const TITLES_LISTED: usize = 10;

#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    /// Labels in which alerts of one group agree.
    pub by: Vec<String>,
    pub wait: Duration,
    pub interval: Duration,
    pub repeat: Duration,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            by: vec!["service.name".to_owned()],
            wait: GROUP_WAIT,
            interval: GROUP_INTERVAL,
            repeat: REPEAT_AFTER,
        }
    }
}

/// What of a group is told.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupNotice {
    /// `label=value` of each label of the grouping.
    pub group: String,
    pub why: GroupWhy,
    /// The gravest of what fires; of what fired last, when all has ended.
    pub level: Level,
    /// Alerts that fire.
    pub firing: usize,
    /// Those of them that are new since the last notice.
    pub new: usize,
    /// Those that have ended since.
    pub ended: usize,
    /// Of the first new ones.
    pub titles: Vec<String>,
    /// When the oldest change that is told here came in.
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupWhy {
    First,
    LevelRaised { from: Level },
    Changed,
    Repeated,
    Ended,
}

#[derive(Debug, Clone, Default)]
pub struct Grouper {
    grouping: Grouping,
    groups: HashMap<String, Group>,
}

#[derive(Debug, Clone)]
struct Group {
    firing: HashMap<String, Level>,
    level: Level,
    new: usize,
    ended: usize,
    titles: Vec<String>,
    since: Timestamp,
    due_at: Timestamp,
    told_at: Option<Timestamp>,
    told_level: Level,
}

impl Grouper {
    pub fn new(grouping: Grouping) -> Self {
        Self { grouping, groups: HashMap::new() }
    }

    /// An alert that is to be told fires. Answers its group.
    pub fn fired(&mut self, alert: &IncomingAlert, now: Timestamp) -> String {
        let mut key = self.key(alert);
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            "everything else".clone_into(&mut key);
        }
        let level = alert.level.unwrap_or(Level::P2);
        let wait = if level == Level::P0 { Duration::ZERO } else { self.grouping.wait };
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group::new(level, now, now + wait));
        if group.firing.insert(alert.fingerprint.id.clone(), level).is_none() {
            group.mark_changed(now, self.grouping.interval);
            group.new += 1;
            if group.titles.len() < TITLES_LISTED {
                group.titles.push(alert.title.clone());
            }
        }
        if level.is_graver_than(group.level) {
            group.level = level;
        }
        // What is graver than anything told waits no longer than it would alone.
        if group.told_at.is_none() || group.level.is_graver_than(group.told_level) {
            group.due_at = group.due_at.min(now + wait);
        }
        key
    }

    pub fn ended(&mut self, alert: &IncomingAlert, now: Timestamp) {
        let key = self.key(alert);
        let interval = self.grouping.interval;
        for key in [key.as_str(), "everything else"] {
            let Some(group) = self.groups.get_mut(key) else { continue };
            if group.firing.remove(&alert.fingerprint.id).is_some() {
                group.mark_changed(now, interval);
                group.ended += 1;
                if let Some(gravest) = group.firing.values().min() {
                    group.level = *gravest;
                }
            }
        }
    }

    /// What is to be told at `now`: the gravest first, and among equals the oldest.
    pub fn due(&mut self, now: Timestamp) -> Vec<GroupNotice> {
        let repeat = self.grouping.repeat;
        let mut notices = Vec::new();
        for (key, group) in &mut self.groups {
            if now >= group.due_at {
                notices.extend(group.tell(key, now, repeat));
            }
        }
        let is_done = |group: &Group| group.firing.is_empty() && group.told_at == Some(now);
        self.groups.retain(|_, group| !is_done(group) && !group.is_void());
        notices.sort_by(|a, b| (a.level, a.since, &a.group).cmp(&(b.level, b.since, &b.group)));
        notices
    }

    /// When [`Grouper::due`] has something to say.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.groups.values().map(|group| group.due_at).min()
    }

    /// Alerts that fire, in all groups.
    pub fn firing(&self) -> usize {
        self.groups.values().map(|group| group.firing.len()).sum()
    }

    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The group that an alert belongs to.
    pub fn key(&self, alert: &IncomingAlert) -> String {
        let parts =
            self.grouping.by.iter().map(|label| format!("{label}={}", alert.get(label).unwrap_or_default()));
        parts.collect::<Vec<_>>().join(",")
    }
}

impl Group {
    fn new(level: Level, now: Timestamp, due_at: Timestamp) -> Self {
        Self {
            firing: HashMap::new(),
            level,
            new: 0,
            ended: 0,
            titles: Vec::new(),
            since: now,
            due_at,
            told_at: None,
            told_level: level,
        }
    }

    fn mark_changed(&mut self, now: Timestamp, interval: Duration) {
        if self.new == 0 && self.ended == 0 {
            self.since = now;
            if let Some(told_at) = self.told_at {
                self.due_at = self.due_at.min((told_at + interval).max(now));
            }
        }
    }

    /// It came and went before anybody was told.
    fn is_void(&self) -> bool {
        self.firing.is_empty() && self.told_at.is_none() && self.new == 0
    }

    fn tell(&mut self, key: &str, now: Timestamp, repeat: Duration) -> Option<GroupNotice> {
        let why = match self.told_at {
            // What ended before it was told is counted in the list and wakes nobody.
            None if self.firing.is_empty() => {
                self.new = 0;
                return None;
            }
            None => GroupWhy::First,
            Some(_) if self.firing.is_empty() => GroupWhy::Ended,
            Some(_) if self.level.is_graver_than(self.told_level) => {
                GroupWhy::LevelRaised { from: self.told_level }
            }
            Some(_) if self.new > 0 || self.ended > 0 => GroupWhy::Changed,
            Some(_) => GroupWhy::Repeated,
        };
        let notice = GroupNotice {
            group: key.to_owned(),
            why,
            level: self.level,
            firing: self.firing.len(),
            new: std::mem::take(&mut self.new),
            ended: std::mem::take(&mut self.ended),
            titles: std::mem::take(&mut self.titles),
            since: self.since,
        };
        self.told_at = Some(now);
        self.told_level = self.level;
        self.since = now;
        self.due_at = now + repeat;
        Some(notice)
    }
}
