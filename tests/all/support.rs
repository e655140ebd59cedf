//! Real parts for tests.

pub mod redis;
pub mod server;
