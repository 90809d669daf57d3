-- Documents of Cedar policies, each version as it was applied.

CREATE TABLE policy_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    -- 0: switched off, and says nothing until it is applied again.
    is_enabled INTEGER NOT NULL,
    applied_at INTEGER NOT NULL,
    applied_by TEXT NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- The last number of each name, which outlives the document: no version comes twice.
CREATE TABLE policy_numbers (
    name TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
