-- What happened to each run, in the form that its crate writes: a view of the audit log by run.

CREATE TABLE action_events (
    run TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
