-- Questions that teams keep: searches and SQL.

CREATE TABLE saved_questions (
    -- The name in lower case, by which it is unique.
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('search', 'sql')),
    team TEXT,
    description TEXT NOT NULL,
    dataset TEXT,
    text TEXT NOT NULL,
    time_from TEXT,
    time_to TEXT,
    -- A JSON array of field names.
    columns TEXT NOT NULL,
    split_by TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
