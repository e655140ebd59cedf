//! Several orchestrators that share one Redis are one system, and what one has promised is kept, whoever
//! is killed.
//!
//! Processes are started and killed by the dozen here, and so these tests are a program of their own: the
//! others need not share the machine with them. `make soak` runs the longest for ten minutes.

#![allow(clippy::unwrap_used, clippy::large_futures)]

mod again;
mod agents;
mod alone;
mod chaos;
mod conversations;
mod fleet;
mod following;
mod patient;
#[path = "../support/all.rs"]
mod support;
mod tally;
mod together;
