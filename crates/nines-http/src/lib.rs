//! HTTP handlers: authenticate, parse, one call, render.
