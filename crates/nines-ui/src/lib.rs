//! The built web application as bytes.
