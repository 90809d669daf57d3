-- Runs of actions, the targets that they hold, and the simulated cloud.

CREATE TABLE action_runs (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    action TEXT NOT NULL,
    author TEXT NOT NULL,
    idempotency_key TEXT,
    incident TEXT,
    created_at INTEGER NOT NULL,
    is_over INTEGER NOT NULL,
    -- When a worker is to look at it; NULL if nothing is to be done without a command.
    due_at INTEGER,
    -- The whole run, in the form that its crate writes.
    run TEXT NOT NULL,
    UNIQUE (author, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX action_runs_by_due ON action_runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX action_runs_by_incident ON action_runs (incident) WHERE incident IS NOT NULL;
CREATE INDEX action_runs_open ON action_runs (id) WHERE is_over = 0;

-- One run at a time on a target: the key is the promise.
CREATE TABLE action_holds (
    target TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES action_runs (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX action_holds_by_run ON action_holds (run);

-- When which run was started on a target.
CREATE TABLE action_starts (
    target TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES action_runs (id),
    started_at INTEGER NOT NULL,
    PRIMARY KEY (target, run)
) STRICT, WITHOUT ROWID;

-- The global stop: a row while it is on.
CREATE TABLE action_stop (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    stopped_by TEXT NOT NULL,
    stopped_at INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE simulated_cloud (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    world TEXT NOT NULL
) STRICT;
