-- The browsers in which people take notifications, and the node's own key for them.

CREATE TABLE push_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- PKCS #8 in base64url, sealed, see docs/formats/secrets.md.
    sealed TEXT NOT NULL
) STRICT;

CREATE TABLE browsers (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    -- What the account is called.
    person TEXT NOT NULL,
    label TEXT NOT NULL,
    -- Address and keys as JSON, sealed; NULL once the push service said that it is gone.
    sealed TEXT,
    registered_at INTEGER NOT NULL,
    used_at INTEGER,
    -- Of the last message; NULL if it was taken.
    failure TEXT
) STRICT;
