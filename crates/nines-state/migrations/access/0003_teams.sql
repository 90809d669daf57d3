-- What accounts may do in teams, and keys that are kept to one.

CREATE TABLE memberships (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    -- As documents declare it; a team that is declared no more has members who may do nothing there.
    team TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (account_id, team)
) STRICT, WITHOUT ROWID;

ALTER TABLE keys ADD COLUMN team TEXT;
