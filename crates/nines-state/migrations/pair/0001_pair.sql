-- Where this file stands in the log that a pair shares (docs/formats/pair-log.md). Only files of a paired node have these.
CREATE TABLE pair_position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Which pair: a file is never continued by the log of another.
    pair TEXT NOT NULL,
    -- Of the last write that is in the file.
    sequence INTEGER NOT NULL
) STRICT;

-- Writes that are in the file and not yet in the log, because PostgreSQL did not answer.
CREATE TABLE pair_backlog (
    sequence INTEGER PRIMARY KEY,
    -- The same however often it is sent: the log has it once.
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    changes BLOB NOT NULL
) STRICT;
