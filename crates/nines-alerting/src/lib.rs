//! Rules over promises: from a burn rate to an alert and its message.
