-- The key in whose place a key came; each is replaced once.
ALTER TABLE keys ADD COLUMN replaces TEXT;

CREATE UNIQUE INDEX keys_by_replaced ON keys (replaces) WHERE replaces IS NOT NULL;
