-- Incidents, their timeline and what has to be done because of them. Times are nanoseconds since the Unix epoch, UTC.

CREATE TABLE incident_numbers (
    year INTEGER PRIMARY KEY,
    last_number INTEGER NOT NULL
) STRICT;

-- One step per committed change of any incident.
CREATE TABLE incident_revision (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO incident_revision (id, revision) VALUES (1, 0);

-- The columns are what lists select by; the body is the whole incident as JSON, tagged with its format.
CREATE TABLE incidents (
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL UNIQUE,
    is_open INTEGER NOT NULL,
    state TEXT NOT NULL,
    class TEXT NOT NULL,
    level TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    idempotency_key TEXT UNIQUE,
    body TEXT NOT NULL,
    PRIMARY KEY (year, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_open ON incidents (year, number) WHERE is_open = 1;

CREATE TABLE incident_services (
    service TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (service, year, number),
    FOREIGN KEY (year, number) REFERENCES incidents (year, number)
) STRICT, WITHOUT ROWID;

-- An incident that was merged has no rows here: its alerts went on to the other one.
CREATE TABLE incident_alerts (
    alert_id TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (alert_id, year, number),
    FOREIGN KEY (year, number) REFERENCES incidents (year, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE timeline_entries (
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- {"plain": …} or {"phrase": …, "params": [[name, value], …]}
    text TEXT NOT NULL,
    link TEXT,
    refers_to INTEGER,
    PRIMARY KEY (year, number, sequence),
    FOREIGN KEY (year, number) REFERENCES incidents (year, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_updates (
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    update_number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (year, number, update_number),
    FOREIGN KEY (year, number) REFERENCES incidents (year, number)
) STRICT, WITHOUT ROWID;

-- What is still to be done; done means deleted.
CREATE TABLE incident_effects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TRIGGER timeline_entries_are_final BEFORE UPDATE ON timeline_entries
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only: a correction is a new entry'); END;
CREATE TRIGGER timeline_entries_stay BEFORE DELETE ON timeline_entries
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only: entries stay'); END;
CREATE TRIGGER incident_updates_are_final BEFORE UPDATE ON incident_updates
BEGIN SELECT RAISE(ABORT, 'what people were told cannot be changed'); END;
CREATE TRIGGER incident_updates_stay BEFORE DELETE ON incident_updates
BEGIN SELECT RAISE(ABORT, 'what people were told cannot be taken back'); END;
CREATE TRIGGER incidents_stay BEFORE DELETE ON incidents
BEGIN SELECT RAISE(ABORT, 'incidents are kept for ever: cancel or merge instead'); END;

-- Also against `INSERT OR REPLACE`, which deletes without asking the triggers above: the next number or none.
CREATE TRIGGER timeline_entries_follow BEFORE INSERT ON timeline_entries
WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM timeline_entries
                      WHERE year = NEW.year AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only: entries are numbered without gaps'); END;
CREATE TRIGGER incident_updates_follow BEFORE INSERT ON incident_updates
WHEN NEW.update_number <> (SELECT coalesce(max(update_number), 0) + 1 FROM incident_updates
                           WHERE year = NEW.year AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'updates are numbered without gaps'); END;
