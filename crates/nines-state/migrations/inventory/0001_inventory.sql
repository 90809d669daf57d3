-- What there is, the rules of one's own about it, and what is waived. Bodies are JSON, tagged with the version of their format.

CREATE TABLE inventory_resources (
    -- Provider, account, region, kind and id, with slashes between them.
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory_listings (
    -- Provider, account, region and kind.
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory_waivers (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory_standards (
    name TEXT PRIMARY KEY,
    -- The document as it was written.
    yaml TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory_days (
    day TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
