//! Who keeps the agents alive.
//!
//! An agent's instance is a [mailbox](crate::mailbox) that stays, and a succession of lives that
//! serve it. A life is an actix actor, the host, with the agent inside it, on a thread of the
//! agents. A supervisor, an actor on a thread that no agent can block, hears of every end,
//! whatever its cause, and decides what follows.
//!
//! Of a panic exactly one caller hears: the one whose task panicked. Work in flight beside it is
//! finished if it can be; work that waits is done by the next life.

mod agent_spec;
mod doors;
mod events;
mod host;
mod obituary;
mod registry;
mod supervisor;
mod threads;

pub use agent_spec::{AgentSpec, OnFailure, SpecError};
pub use events::LifeEvents;
pub use registry::{HouseRules, Registered, Registry};
pub(crate) use threads::AgentThreads;
