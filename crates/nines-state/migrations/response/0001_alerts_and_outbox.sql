-- Alerts and the outbox. Instants are nanoseconds since the Unix epoch, UTC; durations are nanoseconds.

-- The rule of each SLO as it stands: what a restart resumes from.
CREATE TABLE tracks (
    slo TEXT NOT NULL PRIMARY KEY,
    phase TEXT NOT NULL,
    pending_since INTEGER,
    alert_id TEXT REFERENCES alerts (id),
    changes TEXT NOT NULL,            -- JSON array of instants
    evaluated_at INTEGER
) STRICT;

CREATE TABLE alerts (
    id TEXT NOT NULL PRIMARY KEY,
    slo TEXT NOT NULL,
    service TEXT NOT NULL,
    owner TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    title TEXT NOT NULL,              -- of the newest transition
    level TEXT NOT NULL,              -- P0, P1, P2; proposed
    severity TEXT NOT NULL,
    severity_max TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    detected_at INTEGER NOT NULL,
    resolved_at INTEGER,
    page_clear_since INTEGER,
    clear_since INTEGER,
    flapping INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    transitions INTEGER NOT NULL,
    budget_left_at_start REAL,
    conditions TEXT NOT NULL,         -- JSON array
    incident_id TEXT,
    acknowledged_by TEXT,
    acknowledged_at INTEGER
) STRICT;

CREATE INDEX alerts_by_time ON alerts (detected_at DESC);
CREATE INDEX alerts_open ON alerts (detected_at DESC) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_incident ON alerts (incident_id) WHERE incident_id IS NOT NULL;

-- Every step of every alert, with its message as it was told.
CREATE TABLE alert_transitions (
    alert_id TEXT NOT NULL REFERENCES alerts (id),
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    severity TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,            -- JSON, the webhook's payload
    PRIMARY KEY (alert_id, number)
) STRICT;

CREATE TABLE pages (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    event TEXT NOT NULL,
    target TEXT NOT NULL,
    priority INTEGER NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,            -- JSON with a version
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    fallback_of TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    unknown_attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    detail TEXT,
    reference TEXT,
    merged_into TEXT
) STRICT;

CREATE INDEX pages_queue ON pages (target, priority, created_at DESC, id) WHERE state = 'queued';
CREATE INDEX pages_sending ON pages (subject_kind, subject_id, target) WHERE state = 'sending';
CREATE INDEX pages_by_subject ON pages (subject_kind, subject_id, target, sequence);
CREATE INDEX pages_foldable ON pages (target) WHERE state = 'superseded' AND merged_into IS NULL;
CREATE INDEX pages_merged ON pages (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX pages_fallbacks ON pages (fallback_of) WHERE fallback_of IS NOT NULL;
CREATE INDEX pages_by_time ON pages (created_at DESC, id);
CREATE INDEX pages_by_state ON pages (state, created_at DESC, id);

CREATE TABLE attempts (
    page_id TEXT NOT NULL REFERENCES pages (id),
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT NOT NULL,
    detail TEXT,
    PRIMARY KEY (page_id, number)
) STRICT;
