//! Promises: indicators, objectives, error budgets and burn rates, live and from history.
