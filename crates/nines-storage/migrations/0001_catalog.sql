CREATE TABLE segments (
    segment_id         INTEGER PRIMARY KEY,
    dataset_name       TEXT    NOT NULL,
    -- Relative to the folder that holds this database.
    file_path          TEXT    NOT NULL,
    row_count          INTEGER NOT NULL,
    byte_size          INTEGER NOT NULL,
    file_crc32c        INTEGER NOT NULL,
    -- Nanoseconds since the Unix epoch; both ends inclusive.
    min_time_ns        INTEGER NOT NULL,
    max_time_ns        INTEGER NOT NULL,
    min_sequence       INTEGER NOT NULL,
    max_sequence       INTEGER NOT NULL,
    newest_received_ns INTEGER NOT NULL,
    created_ns         INTEGER NOT NULL,
    -- Set when compaction or retention took it out; the file goes later.
    removed_ns         INTEGER,
    damage_reason      TEXT
) STRICT;

CREATE INDEX segments_by_dataset ON segments (dataset_name, removed_ns);

CREATE TABLE dataset_columns (
    dataset_name TEXT    NOT NULL,
    column_name  TEXT    NOT NULL,
    column_kind  TEXT    NOT NULL,
    ordinal      INTEGER NOT NULL,
    PRIMARY KEY (dataset_name, column_name)
) STRICT;

CREATE TABLE sealed_datasets (
    dataset_name    TEXT    PRIMARY KEY,
    sealed_sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE retention_clock (
    clock_id   INTEGER PRIMARY KEY CHECK (clock_id = 1),
    trusted_ns INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 1;
