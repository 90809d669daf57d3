-- Address credit: what is blocked and how far each block is, and the settings. Bodies are JSON, tagged with the version of their
-- format.

CREATE TABLE credit_blocks (
    -- The network and when it was decided, with an @ between them.
    id TEXT PRIMARY KEY,
    -- Nanoseconds since the epoch.
    since INTEGER NOT NULL,
    is_over INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX credit_blocks_over ON credit_blocks (is_over, since);

CREATE TABLE credit_settings (
    -- There is one row.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    body TEXT NOT NULL
) STRICT;
