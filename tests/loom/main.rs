//! What threads do to one another in a mailbox and at a breaker, over all interleavings.
//!
//! The files under test are those that the orchestrator is built of; only the locks and atomics in
//! them are the model checker's.

#![allow(clippy::unwrap_used)]

mod judgement;
mod mailbox;
