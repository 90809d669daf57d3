CREATE INDEX escalation_orders_by_incident ON escalation_orders (incident, number);
CREATE INDEX escalation_orders_by_time ON escalation_orders (done_at) WHERE done_at IS NOT NULL;

-- Alerts of other systems, as they stand. What they were merged from is in the body.
CREATE TABLE foreign_alerts (
    fingerprint TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    -- Times that it arrived.
    received INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    -- Why nobody is told, in words.
    suppressed TEXT,
    -- The alerts that are told together with it, and the incident that they opened or joined.
    alert_group TEXT NOT NULL,
    incident TEXT,
    -- Versioned JSON: the alert with what was merged into it.
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX foreign_alerts_by_time ON foreign_alerts (is_open DESC, last_at DESC);
CREATE INDEX foreign_alerts_by_group ON foreign_alerts (alert_group) WHERE is_open = 1;
CREATE INDEX foreign_alerts_by_incident ON foreign_alerts (incident) WHERE incident IS NOT NULL;

-- What people have taken apart: alerts of this fingerprint are one only if they agree in these labels too.
CREATE TABLE alert_separations (
    fingerprint TEXT PRIMARY KEY,
    -- JSON list of label names.
    labels TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Addresses of calendars. The address itself is the secret, so only its hash is here.
CREATE TABLE calendar_feeds (
    id TEXT PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    schedule TEXT NOT NULL,
    person TEXT,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
