-- Applied documents with their history. A deletion is a revision without text.

CREATE TABLE object_revisions (
    -- Over all objects, so that a reader can ask what changed since.
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    yaml TEXT,
    applied_at INTEGER NOT NULL,
    applied_by TEXT NOT NULL,
    UNIQUE (kind, name, revision)
) STRICT;

CREATE TRIGGER object_revisions_are_final BEFORE UPDATE ON object_revisions
BEGIN SELECT RAISE(ABORT, 'an applied revision is final: apply another'); END;
CREATE TRIGGER object_revisions_stay BEFORE DELETE ON object_revisions
BEGIN SELECT RAISE(ABORT, 'applied revisions are kept'); END;
-- Also against `INSERT OR REPLACE`, which deletes without asking the triggers above.
CREATE TRIGGER object_revisions_follow BEFORE INSERT ON object_revisions
WHEN NEW.revision <> (SELECT coalesce(max(revision), 0) + 1 FROM object_revisions
                      WHERE kind = NEW.kind AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'revisions are numbered without gaps'); END;
