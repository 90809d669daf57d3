-- What changes of on-call while people work. Schedules and policies are documents and stand among the objects.

CREATE TABLE oncall_overrides (
    -- The order in which they were made, which is the order in which they hold.
    number INTEGER PRIMARY KEY,
    schedule TEXT NOT NULL,
    id TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    -- Versioned JSON: who instead of whom.
    change TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (schedule, id)
) STRICT;

CREATE TABLE oncall_turns (
    policy TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE escalations (
    incident TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    is_over INTEGER NOT NULL CHECK (is_over IN (0, 1)),
    -- Versioned JSON.
    state TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX escalations_open ON escalations (incident) WHERE is_over = 0;

CREATE TABLE escalation_orders (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    incident TEXT NOT NULL REFERENCES escalations (incident),
    -- Versioned JSON.
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    ordered_at INTEGER NOT NULL,
    done_at INTEGER
) STRICT;

CREATE INDEX escalation_orders_pending ON escalation_orders (number) WHERE done_at IS NULL;

CREATE TABLE silences (
    id TEXT PRIMARY KEY,
    filter TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    matched_at INTEGER,
    noticed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE oncall_told (
    key TEXT PRIMARY KEY,
    told_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
