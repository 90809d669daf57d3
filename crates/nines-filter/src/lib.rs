//! The one filter language: parser, typed AST, and matching over an event in memory.
