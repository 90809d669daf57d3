-- Status pages, and statements for the public on their way.

CREATE TABLE status_pages (
    name TEXT PRIMARY KEY,
    -- JSON, tagged with the version of its format.
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE public_statements (
    incident TEXT NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (incident, number)
) STRICT, WITHOUT ROWID;
