//! The one way out: every HTTP call that Nines makes, resolved, checked and bounded.
