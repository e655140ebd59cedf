//! The agents that come with the orchestrator, and the catalog that the configuration chooses
//! from.
//!
//! They are written as anybody's would be: they know the words, and nothing of what routes,
//! balances and supervises them.

mod catalog;
pub mod chat;
pub mod knowledge;
pub mod llm;
pub mod remote;
pub mod util;

pub use catalog::{AgentEntry, AgentKind, Builtin, SUPERVISOR_KEYS, Surroundings, read_supervisor};
