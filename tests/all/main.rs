//! The tests of everything, through its public doors. One program, so that it is linked once.

#![allow(clippy::unwrap_used)]

mod store_contract;
mod support;
