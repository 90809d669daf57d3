-- What ever reported, and what somebody wants to be told of it: one JSON document each, so that a restart forgets nothing.
CREATE TABLE fleet (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
