-- What data may be removed for: the limits that removal goes by. A stricter one that would cost much of the data is
-- entered here only once somebody has confirmed it.
CREATE TABLE accepted_limits (
    limit_kind   TEXT    NOT NULL CHECK (limit_kind IN ('retention_secs', 'disk_bytes')),
    -- A dataset, or '*' for all of them together.
    limit_scope  TEXT    NOT NULL,
    -- 9223372036854775807 is no limit.
    limit_amount INTEGER NOT NULL,
    PRIMARY KEY (limit_kind, limit_scope)
) STRICT;

PRAGMA user_version = 2;
