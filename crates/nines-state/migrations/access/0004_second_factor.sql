-- Whether a one-time code was shown when a session was opened. Of those that are open already nobody knows: no.

ALTER TABLE sessions ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0;
