-- What a pair keeps in PostgreSQL. Made by whichever node comes first.
CREATE TABLE IF NOT EXISTS nines_lease (
    one int PRIMARY KEY CHECK (one = 1),
    -- NULL: given back, or nobody's yet.
    holder text,
    -- Where people reach the holder.
    url text NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    -- What the two members show each other.
    secret text NOT NULL,
    -- Which files the log continues; NULL until the first leader has put its files here.
    pair text,
    -- The newest whole snapshot.
    snapshot bigint NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS nines_members (
    name text PRIMARY KEY,
    -- The data directory behind the name.
    directory text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- How far its files are, as JSON by file.
    positions text NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS nines_log (
    file text NOT NULL,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    -- Made once for a write, however often it is sent.
    id text NOT NULL UNIQUE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changes bytea NOT NULL,
    PRIMARY KEY (file, seq)
);
CREATE TABLE IF NOT EXISTS nines_snapshots (
    number bigint NOT NULL,
    file text NOT NULL,
    part int NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (number, file, part)
);
INSERT INTO nines_lease (one, secret)
VALUES (1, replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''))
ON CONFLICT DO NOTHING;
