//! Agents crash, stop, hang and fail to start, and nobody notices but whom it concerns.

mod bounds;
mod crashes;
mod doors;
mod endings;
mod health;
mod restarts;
