//! The tests of everything, through its public doors. One program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::large_futures, clippy::large_stack_arrays)]

mod architecture;
mod background;
mod balancing;
mod events;
mod http_contract;
mod http_errors;
mod idempotency;
mod journal;
mod one_of_three;
mod own_agent;
mod pipeline;
mod processes;
mod redis_addresses;
mod redis_outages;
mod remote_agents;
mod routing;
mod sessions;
mod settings;
mod store_contract;
mod supervision;
#[path = "../support/all.rs"]
mod support;
