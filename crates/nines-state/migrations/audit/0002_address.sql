-- From where the caller came. Nothing had been written before.

ALTER TABLE audit_log ADD COLUMN address TEXT NOT NULL DEFAULT '';
