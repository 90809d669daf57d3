-- Who is told of news of status pages, and the news.

CREATE TABLE status_subscribers (
    page TEXT NOT NULL,
    -- A hash of page, way and address.
    id TEXT NOT NULL,
    way TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    -- NULL while pending.
    confirmed_at INTEGER,
    -- The number of the last post that it was told.
    told INTEGER NOT NULL,
    -- JSON, tagged with the version of its format, sealed: it holds the address.
    body TEXT NOT NULL,
    PRIMARY KEY (page, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX status_subscribers_behind ON status_subscribers (page, told) WHERE confirmed_at IS NOT NULL;

CREATE TABLE status_posts (
    page TEXT NOT NULL,
    -- From 1 within its page.
    number INTEGER NOT NULL,
    key TEXT NOT NULL,
    anchor TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (page, number),
    UNIQUE (page, key)
) STRICT, WITHOUT ROWID;
