//! Incidents run by the clock: the record, its timeline and the promised next update.
