//! Counting occurrences into groups.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use nines_model::{SmolStr, TimeRange, Timestamp};

use super::stack::frames;
use super::{Example, Fingerprint, Group, Source, VersionCount};
use crate::figures::Grid;

/// Groups held; occurrences of later ones are counted as left out. A group costs up to about 40 kB, most of it its stack.
pub const GROUPS_MAX: usize = 1_000;
/// Users of one group that are told apart. Beyond, the number is a lower bound.
pub const USERS_MAX: usize = 10_000;
/// Occurrences without an exception that wait until all exceptions are known.
const PENDING_MAX: usize = 100_000;
/// Exceptions that are remembered, so that the log of one is not counted again: some 60 bytes each.
const REMEMBERED_MAX: usize = 500_000;
/// Different stack texts whose fingerprint is remembered: 16 bytes each.
const PARSED_MAX: usize = 100_000;
/// Versions, commits and places of one group.
const PARTS_MAX: usize = 20;
const EXAMPLES_MAX: usize = 5;
const STACK_BYTES_MAX: usize = 16 << 10;
const MESSAGE_BYTES_MAX: usize = 2 << 10;

/// One error as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrence<'a> {
    /// Nanoseconds since the Unix epoch.
    pub at: i64,
    pub service: &'a str,
    /// Exception type, `error.type` or severity.
    pub kind: &'a str,
    pub message: &'a str,
    pub stack: Option<&'a str>,
    /// Where it was logged, for records without a stack.
    pub file: Option<&'a str>,
    pub line: Option<u32>,
    pub function: Option<&'a str>,
    pub version: Option<&'a str>,
    pub commit: Option<&'a str>,
    pub user: Option<&'a str>,
    pub trace_id: Option<&'a str>,
    pub span_id: Option<&'a str>,
    /// The span's name.
    pub place: Option<&'a str>,
}

#[derive(Debug, Clone)]
pub struct ErrorTally {
    range: TimeRange,
    grid: Grid,
    groups: HashMap<Fingerprint, Tally>,
    /// What a stack's text was found to be: reading it again for every occurrence would cost most of the time.
    parsed: HashMap<u64, Fingerprint>,
    /// Trace and fingerprint of each exception that was counted.
    counted: HashSet<u64>,
    /// Trace and service of each exception, with and without its type.
    raised: HashSet<u64>,
    /// The earliest exception of a trace.
    by_trace: HashMap<u64, (i64, Fingerprint)>,
    pending: Vec<Pending>,
    left_out: u64,
}

#[derive(Debug, Clone)]
struct Tally {
    group: Group,
    users: HashSet<u64>,
    /// Occurrences before the range.
    before: u64,
    latest: i64,
    follows: HashMap<Fingerprint, u64>,
    with_trace: u64,
}

/// An occurrence that counts only if no exception explains it.
#[derive(Debug, Clone)]
struct Pending {
    source: Source,
    at: i64,
    service: SmolStr,
    kind: SmolStr,
    message: String,
    place: Option<SmolStr>,
    file: Option<SmolStr>,
    line: Option<u32>,
    function: Option<SmolStr>,
    version: Option<SmolStr>,
    commit: Option<SmolStr>,
    user: Option<SmolStr>,
    trace_id: Option<SmolStr>,
    span_id: Option<SmolStr>,
}

impl ErrorTally {
    /// Groups are of `range`; occurrences before it only say whether a group is new.
    pub fn over(range: TimeRange) -> Self {
        Self {
            range,
            grid: Grid::over(range),
            groups: HashMap::new(),
            parsed: HashMap::new(),
            counted: HashSet::new(),
            raised: HashSet::new(),
            by_trace: HashMap::new(),
            pending: Vec::new(),
            left_out: 0,
        }
    }

    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Occurrences that are in no group, because a bound was reached.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// An exception. One that several spans or records of a trace tell counts once.
    pub fn exception(&mut self, it: &Occurrence<'_>) {
        let Some(trace) = it.trace_id else {
            self.count(Source::Exception, it);
            return;
        };
        let of_type = hash_of((trace, it.service, it.kind));
        if it.stack.is_none() && self.raised.contains(&of_type) {
            return;
        }
        let fingerprint = self.fingerprint(Source::Exception, it);
        let key = hash_of((trace, fingerprint));
        if self.counted.contains(&key) {
            return;
        }
        if self.counted.len() < REMEMBERED_MAX {
            self.counted.insert(key);
            self.raised.insert(of_type);
            self.raised.insert(hash_of((trace, it.service)));
            let first = self.by_trace.entry(hash_of(trace)).or_insert((it.at, fingerprint));
            *first = (*first).min((it.at, fingerprint));
        }
        self.count_as(fingerprint, Source::Exception, it);
    }

    /// An error without an exception. Counts in [`ErrorTally::finish`], if its service raised none in the trace.
    pub fn other(&mut self, source: Source, it: &Occurrence<'_>) {
        if self.pending.len() >= PENDING_MAX {
            self.left_out += 1;
            return;
        }
        let own = |text: Option<&str>| text.map(SmolStr::new);
        self.pending.push(Pending {
            source,
            at: it.at,
            service: it.service.into(),
            kind: it.kind.into(),
            message: cut(it.message, MESSAGE_BYTES_MAX).to_owned(),
            place: own(it.place),
            file: own(it.file),
            line: it.line,
            function: own(it.function),
            version: own(it.version),
            commit: own(it.commit),
            user: own(it.user),
            trace_id: own(it.trace_id),
            span_id: own(it.span_id),
        });
    }

    /// The groups of the range, the most frequent first; those that only follow others last.
    pub fn finish(&mut self, compared: bool) -> Vec<Group> {
        let mut pending = std::mem::take(&mut self.pending);
        // In order of time, so that the latest message does not depend on the order of reading.
        pending.sort_by(|a, b| (a.at, &a.span_id).cmp(&(b.at, &b.span_id)));
        // One failure of a service is one occurrence, however many of its spans and records tell it.
        let mut told: HashSet<u64> = HashSet::new();
        for it in &pending {
            if let Some(trace) = &it.trace_id {
                if self.raised.contains(&hash_of((trace.as_str(), it.service.as_str()))) {
                    continue;
                }
                let key =
                    hash_of((trace.as_str(), it.service.as_str(), it.source, it.kind.as_str(), &it.place));
                if !told.insert(key) {
                    continue;
                }
            }
            let occurrence = it.as_occurrence();
            let fingerprint = self.count(it.source, &occurrence);
            if let (Some(trace), Some(tally)) = (&it.trace_id, self.groups.get_mut(&fingerprint)) {
                tally.with_trace += 1;
                if let Some((_, cause)) = self.by_trace.get(&hash_of(trace.as_str())) {
                    *tally.follows.entry(*cause).or_default() += 1;
                }
            }
        }
        let mut groups: Vec<Group> = self
            .groups
            .drain()
            .map(|(_, tally)| tally.finish(compared))
            .filter(|group| group.count > 0)
            .collect();
        groups.sort_by(|a, b| {
            let key = |group: &Group| (group.is_echo(), std::cmp::Reverse(group.count), group.fingerprint);
            key(a).cmp(&key(b))
        });
        groups
    }

    fn count(&mut self, source: Source, it: &Occurrence<'_>) -> Fingerprint {
        let fingerprint = self.fingerprint(source, it);
        self.count_as(fingerprint, source, it);
        fingerprint
    }

    fn fingerprint(&mut self, source: Source, it: &Occurrence<'_>) -> Fingerprint {
        let key = it.stack.map(|stack| hash_of((it.service, it.kind, stack)));
        if let Some(known) = key.and_then(|key| self.parsed.get(&key)) {
            return *known;
        }
        // A status without a message is told apart by where it is.
        let message = match (source, it.message) {
            (Source::Status, _) | (_, "") => it.place.unwrap_or_default(),
            (_, message) => message,
        };
        let made = Fingerprint::of(it.service, it.kind, &frames_of(it), message);
        if let Some(key) = key
            && self.parsed.len() < PARSED_MAX
        {
            self.parsed.insert(key, made);
        }
        made
    }

    fn count_as(&mut self, fingerprint: Fingerprint, source: Source, it: &Occurrence<'_>) {
        if !self.groups.contains_key(&fingerprint) {
            if self.groups.len() >= GROUPS_MAX {
                self.left_out += 1;
                return;
            }
            self.groups.insert(fingerprint, Tally::new(fingerprint, source, it, self.grid));
        }
        let tally = self.groups.get_mut(&fingerprint).expect("it was just looked up or put in");
        if it.at < self.range.start.as_nanos() {
            tally.before += 1;
        } else {
            tally.add(it, self.grid);
        }
    }
}

impl Pending {
    fn as_occurrence(&self) -> Occurrence<'_> {
        Occurrence {
            at: self.at,
            service: &self.service,
            kind: &self.kind,
            message: &self.message,
            stack: None,
            file: self.file.as_deref(),
            line: self.line,
            function: self.function.as_deref(),
            version: self.version.as_deref(),
            commit: self.commit.as_deref(),
            user: self.user.as_deref(),
            trace_id: self.trace_id.as_deref(),
            span_id: self.span_id.as_deref(),
            place: self.place.as_deref(),
        }
    }
}

impl Tally {
    fn new(fingerprint: Fingerprint, source: Source, it: &Occurrence<'_>, grid: Grid) -> Self {
        let group = Group {
            fingerprint,
            service: it.service.into(),
            source,
            kind: it.kind.into(),
            message: String::new(),
            stack: None,
            frames: Vec::new(),
            count: 0,
            before: None,
            first_seen: Timestamp::MAX,
            last_seen: Timestamp::MIN,
            users: 0,
            users_at_least: false,
            versions: Vec::new(),
            commits: Vec::new(),
            places: Vec::new(),
            examples: Vec::new(),
            series: grid.empty(),
            follows: None,
        };
        Self {
            group,
            users: HashSet::new(),
            before: 0,
            latest: i64::MIN,
            follows: HashMap::new(),
            with_trace: 0,
        }
    }

    fn add(&mut self, it: &Occurrence<'_>, grid: Grid) {
        let group = &mut self.group;
        group.count += 1;
        let at = Timestamp::from_nanos(it.at);
        group.first_seen = group.first_seen.min(at);
        group.last_seen = group.last_seen.max(at);
        let point = &mut group.series[grid.slot(it.at)];
        point.requests += 1;
        point.errors += 1;
        if it.at >= self.latest {
            self.latest = it.at;
            group.message.clear();
            group.message.push_str(cut(it.message, MESSAGE_BYTES_MAX));
            if it.stack.is_some() || group.stack.is_none() {
                group.stack = it.stack.map(|stack| cut(stack, STACK_BYTES_MAX).to_owned());
            }
        }
        if let Some(user) = it.user {
            if self.users.len() < USERS_MAX {
                self.users.insert(hash_of(user));
            } else {
                group.users_at_least |= !self.users.contains(&hash_of(user));
            }
        }
        add_version(&mut group.versions, it.version, at);
        add_version(&mut group.commits, it.commit, at);
        if let Some(place) = it.place {
            let room = group.places.len() < PARTS_MAX;
            match group.places.iter_mut().find(|(name, _)| name == place) {
                Some((_, count)) => *count += 1,
                None if room => group.places.push((place.into(), 1)),
                None => {}
            }
        }
        if let Some(trace) = it.trace_id {
            let span_id = it.span_id.unwrap_or_default().into();
            group.examples.push(Example { at, trace_id: trace.into(), span_id });
            if group.examples.len() > EXAMPLES_MAX * 4 {
                newest(&mut group.examples);
            }
        }
        if group.frames.is_empty() {
            group.frames = frames_of(it);
        }
    }

    fn finish(self, compared: bool) -> Group {
        let mut group = self.group;
        group.users = self.users.len() as u64;
        group.before = compared.then_some(self.before);
        if let Some(stack) = &group.stack {
            group.frames = frames(stack);
        }
        for versions in [&mut group.versions, &mut group.commits] {
            versions.sort_by(|a, b| (b.last_seen, &b.version).cmp(&(a.last_seen, &a.version)));
        }
        group.places.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        newest(&mut group.examples);
        let most = self.follows.into_iter().max_by_key(|(cause, count)| (*count, *cause));
        group.follows = most.map(|(cause, count)| (cause, count as f64 / self.with_trace.max(1) as f64));
        group
    }
}

impl Group {
    /// Nearly always seen with an exception of another service: look there first.
    pub fn is_echo(&self) -> bool {
        self.follows.is_some_and(|(_, share)| share >= 0.5)
    }
}

/// From the stack, else from where the record says that it was written.
fn frames_of(it: &Occurrence<'_>) -> Vec<super::Frame> {
    if let Some(stack) = it.stack {
        return frames(stack);
    }
    let function: SmolStr = it.function.unwrap_or_default().into();
    match it.file {
        Some(file) => {
            vec![super::Frame { function, file: Some(file.into()), line: it.line, in_app: true }]
        }
        None => Vec::new(),
    }
}

fn newest(examples: &mut Vec<Example>) {
    examples.sort_by(|a, b| (b.at, &a.trace_id, &a.span_id).cmp(&(a.at, &b.trace_id, &b.span_id)));
    // Several spans of one trace are one example.
    examples.dedup_by(|a, b| a.trace_id == b.trace_id);
    examples.truncate(EXAMPLES_MAX);
}

fn add_version(versions: &mut Vec<VersionCount>, version: Option<&str>, at: Timestamp) {
    let Some(version) = version else { return };
    let room = versions.len() < PARTS_MAX;
    match versions.iter_mut().find(|known| known.version == version) {
        Some(known) => {
            known.count += 1;
            known.first_seen = known.first_seen.min(at);
            known.last_seen = known.last_seen.max(at);
        }
        None if room => {
            versions.push(VersionCount { version: version.into(), count: 1, first_seen: at, last_seen: at });
        }
        None => {}
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = "shop::titles::decode at src/titles.rs:52\nshop::rank::page at src/rank.rs:143";

    fn occurrence(at: i64) -> Occurrence<'static> {
        Occurrence {
            at,
            service: "shop",
            kind: "UnicodeDecodeError",
            message: "bad byte",
            stack: Some(STACK),
            trace_id: Some("t1"),
            span_id: Some("s1"),
            version: Some("5.2.0"),
            user: Some("anna"),
            ..Occurrence::default()
        }
    }

    fn tally() -> ErrorTally {
        ErrorTally::over(TimeRange::new(Timestamp::from_nanos(100), Timestamp::from_nanos(200)))
    }

    #[test]
    fn one_failure_is_counted_once_however_often_it_is_told() {
        let mut tally = tally();
        tally.exception(&occurrence(110));
        // The span around it recorded it too.
        tally.exception(&Occurrence { span_id: Some("s0"), ..occurrence(110) });
        // Its log record, its span's status, and the log line of a handler above.
        tally.exception(&Occurrence { stack: None, ..occurrence(111) });
        tally.other(Source::Status, &Occurrence { kind: "500", stack: None, ..occurrence(110) });
        tally
            .other(Source::Log, &Occurrence { kind: "ERROR", stack: None, span_id: None, ..occurrence(112) });
        let groups = tally.finish(true);
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].count, groups[0].users, groups[0].before), (1, 1, Some(0)));
        let culprit = groups[0].culprit().unwrap();
        assert_eq!((culprit.file.as_deref(), culprit.line), (Some("src/titles.rs"), Some(52)));
    }

    #[test]
    fn lines_that_move_make_no_new_group_but_other_code_does() {
        let mut tally = tally();
        let moved = STACK.replace("52", "57");
        let other = STACK.replace("decode", "encode");
        for (at, stack) in [(110, STACK), (120, &moved), (130, &other)] {
            let trace = format!("t{at}");
            tally.exception(&Occurrence { stack: Some(stack), trace_id: Some(&trace), ..occurrence(at) });
        }
        let counts: Vec<_> = tally.finish(false).iter().map(|group| group.count).collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn echoes_name_what_they_follow_and_come_last() {
        let mut tally = tally();
        tally.exception(&occurrence(110));
        for at in 110..115 {
            let trace = if at < 114 { "t1".to_owned() } else { "t9".to_owned() };
            tally.other(
                Source::Status,
                &Occurrence {
                    at,
                    service: "gateway",
                    kind: "502",
                    trace_id: Some(&trace),
                    span_id: Some("g"),
                    place: Some("GET /"),
                    ..Occurrence::default()
                },
            );
        }
        let groups = tally.finish(false);
        assert_eq!(groups[0].service, "shop");
        assert_eq!((&*groups[1].service, groups[1].count), ("gateway", 2), "once per trace");
        assert_eq!(groups[1].follows, Some((groups[0].fingerprint, 0.5)));
    }

    #[test]
    fn what_was_there_before_is_not_new() {
        let mut tally = tally();
        tally.exception(&Occurrence { trace_id: Some("t0"), ..occurrence(50) });
        tally.exception(&occurrence(150));
        let groups = tally.finish(true);
        assert_eq!((groups[0].count, groups[0].before), (1, Some(1)));
        assert_eq!(groups[0].first_seen, Timestamp::from_nanos(150));
    }

    #[test]
    fn endless_kinds_are_left_out_and_counted() {
        let mut tally = tally();
        for number in 0..GROUPS_MAX + 5 {
            let (kind, span) = (format!("Error{number}"), format!("{number}"));
            tally.exception(&Occurrence { kind: &kind, span_id: Some(&span), ..occurrence(150) });
        }
        assert_eq!((tally.finish(false).len(), tally.left_out()), (GROUPS_MAX, 5));
    }
}
