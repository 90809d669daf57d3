-- Postmortems, and what people add to weekly meetings and takeovers.

CREATE TABLE postmortems (
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- JSON, tagged with the version of its format.
    body TEXT NOT NULL,
    PRIMARY KEY (year, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE learning_sheets (
    kind TEXT NOT NULL CHECK (kind IN ('meeting', 'takeover')),
    -- A week such as 2026-W47, or the name of a service.
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
