//! Agents crash, stop, hang and fail to start, and nobody notices but whom it concerns.
//!
//! Where to find each kind of fault:
//!
//! | fault | file |
//! |---|---|
//! | panics, at once and across an await; what waits and works beside them | `crashes` |
//! | all other ways to die; stop hooks; stale and double deaths | `deaths` |
//! | failing starts, policies, intensity, back-off, cool-down, a full queue | `restarts` |
//! | strategies, order, bystanders, escalation | `tree` |
//! | jobs that hang, threads that are blocked | `hangs` |
//! | requests that crash whoever gets them | `poison` |
//! | draining, shutdown time-outs, killing | `endings` |
//! | pausing, rolling restarts, agents and instances that come and go | `operators` |
//! | breakers and their probes | `balancing::breakers` |
//! | Redis down or slow | `redis_outages` |
//! | everything at once | the program `chaos` |

mod bounds;
mod crashes;
mod deaths;
mod doors;
mod endings;
mod hangs;
mod health;
mod operators;
mod poison;
mod restarts;
mod tree;
