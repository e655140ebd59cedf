//! Who keeps the agents alive.
//!
//! An agent's instance is a [mailbox](crate::mailbox) that stays, and a succession of lives that
//! serve it. A life is an actix actor, the host, with the agent inside it, on a thread of the
//! agents. A supervisor, an actor on a thread that no agent can block, hears of every end,
//! whatever its cause, and decides what follows. There is one for each group of agents, and a
//! root above them all:
//!
//! ```text
//! root                            ends the process when it cannot keep a supervisor alive
//! └─ supervisor                   of a group, or of an agent without one
//!    └─ instance  =  mailbox      the queue, the answers' slots, the breaker: they stay
//!                    └─ life 1, 2, 3 …    host + agent, one after the other
//! ```
//!
//! Of a panic exactly one caller hears: the one whose task panicked. Work in flight beside it is
//! finished if it can be; work that waits is done by the next life.

mod agent_spec;
mod birth;
mod clock;
mod cohort;
mod doors;
mod events;
mod guarded;
mod host;
mod job;
mod leash;
mod obituary;
mod pulse;
mod registry;
mod root;
mod supervisor;
mod threads;
mod watch;

pub use agent_spec::{AgentSpec, JobTimeout, OnFailure, SpecError};
pub use clock::{Clock, TimeSource};
pub use events::LifeEvents;
pub use registry::{Changed, Origin, Registered, Registry, Scaling};
pub(crate) use root::{Dismiss, Enlist, Operate, Operation, Root, Scale, Shutdown};
pub use root::{HouseRules, RegistryError};
pub(crate) use threads::AgentThreads;
