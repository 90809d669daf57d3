//! Who may do what: people, keys, roles, sessions and the one authorisation decision.
