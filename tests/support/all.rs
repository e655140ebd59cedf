//! Real parts for tests.

#![allow(dead_code, unused_imports)] // each program of tests needs some of it

pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod config;
pub(crate) mod embedding;
pub(crate) mod model;
pub(crate) mod moody;
pub(crate) mod raw;
pub(crate) mod redis;
pub(crate) mod refusal;
pub(crate) mod remote;
pub(crate) mod sentinel;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod sse;
pub(crate) mod stage;
