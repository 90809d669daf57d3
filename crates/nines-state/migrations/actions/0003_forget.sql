-- Old runs are forgotten with their starts.
CREATE INDEX action_starts_by_run ON action_starts (run);
