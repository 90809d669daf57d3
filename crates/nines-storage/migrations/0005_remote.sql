-- Whether a segment is in the object store: `sending` from before the first byte goes out, so that none is forgotten there,
-- `kept` once it is whole. NULL: there is nothing.
ALTER TABLE segments ADD COLUMN remote_state TEXT CHECK (remote_state IN ('sending', 'kept'));

PRAGMA user_version = 5;
