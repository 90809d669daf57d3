-- Where groups of Prometheus rules stand: pending, firing and lately resolved alerts, as nines_rules::format writes them.
CREATE TABLE rule_groups (
    file TEXT NOT NULL,
    name TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (file, name)
) STRICT, WITHOUT ROWID;
