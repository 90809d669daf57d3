-- Whose keys are, what accounts prove themselves by, whom identity providers vouch for, and where sessions came from.

ALTER TABLE keys ADD COLUMN account_id TEXT REFERENCES accounts (id);
-- The account that made it: who looks through a key is also who could have kept a copy of it.
ALTER TABLE keys ADD COLUMN made_by TEXT;
-- What it may do less than its grant says: a filter, names of operations separated by spaces, calls in a minute.
ALTER TABLE keys ADD COLUMN filter TEXT;
ALTER TABLE keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN rate_per_minute INTEGER;
-- Keys of earlier versions were all made with an owner's key: for four eyes they are the first owner's.
UPDATE keys SET account_id = (SELECT id FROM accounts WHERE role = 'owner' ORDER BY created_at LIMIT 1);
UPDATE keys SET made_by = account_id;

-- An identity provider's issuer and subject.
ALTER TABLE accounts ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX accounts_by_subject ON accounts (subject) WHERE subject IS NOT NULL;

ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN client TEXT NOT NULL DEFAULT '';

CREATE TABLE factors (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    revision INTEGER NOT NULL,
    -- Argon2id in the PHC string form.
    password TEXT,
    -- Sealed, see docs/formats/secrets.md.
    totp TEXT,
    totp_confirmed INTEGER NOT NULL,
    totp_step INTEGER NOT NULL,
    -- Digests of unused recovery codes, separated by spaces.
    recovery TEXT NOT NULL
) STRICT;
