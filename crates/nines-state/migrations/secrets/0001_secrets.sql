-- Secrets: ciphertext and wrapped data keys only (docs/formats/secrets.md). Times are nanoseconds since the Unix epoch, UTC.

CREATE TABLE secret_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    -- The id of the master key that wrapped the data key.
    master TEXT NOT NULL,
    wrapped_key BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

-- The last version number that each name was given: it outlives the versions, so that none is given twice.
CREATE TABLE secret_numbers (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT;

-- Data keys that seal other things than secrets, such as documents.
CREATE TABLE sealing_keys (
    purpose TEXT PRIMARY KEY,
    master TEXT NOT NULL,
    wrapped_key BLOB NOT NULL
) STRICT;
