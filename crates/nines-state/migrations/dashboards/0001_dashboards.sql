-- Dashboards and the versions of each that are kept.

CREATE TABLE dashboards (
    name TEXT PRIMARY KEY,
    -- What a list shows, so that it reads no bodies.
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    service TEXT,
    team TEXT,
    panels INTEGER NOT NULL,
    -- The newest, a row of dashboard_versions.
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dashboard_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    -- The document as YAML; `apiVersion` says how to read it.
    body TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
