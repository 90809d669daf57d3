-- What probes and heartbeats stand at, one JSON document each, so that a restart forgets nothing.
CREATE TABLE watch_state (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
