//! The demo shop: five services, their traffic and four ways to break them.
