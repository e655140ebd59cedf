use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::words::{RequestId, hex};

/// Names a record of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// The state of a request: `request:{id}`.
    Request(RequestId),
    /// The measurements of the requests of one second, counted since 1970, one for each attempt:
    /// `metrics:{second}`, whose fields are lists of those that were written together. As keys of their own they would cost a
    /// server as much as all else, and whoever wants those of a while would have to know the requests.
    Metrics {
        /// The second.
        second: u64,
    },
    /// The sums of one hour, a field for each orchestrator: `rollup:{hour}`, counted in hours
    /// since 1970.
    Rollup {
        /// The hour.
        hour: i64,
    },
    /// What the router has learned from users: `routing:model`.
    RoutingModel,
    /// What an embedding model makes of texts, by a hash of its name: `routing:embeddings:{model}`,
    /// a field for each text.
    Embeddings {
        /// The hash.
        model: u64,
    },
    /// What a user said of a request: `feedback:{id}`.
    Feedback(RequestId),
    /// That a request is to be cancelled: `cancel:{id}`.
    Cancel(RequestId),
    /// What happens to a request: `events:{id}`.
    Events(RequestId),
    /// A request that was given up: `dead:{id}`.
    Dead(RequestId),
    /// That an orchestrator lives: `instance:{id}`.
    Instance(Uuid),
    /// The agents that were registered at run time, a field for each: `agents`.
    Recruits,
    /// How agents elsewhere are, a field for each instance: `health`.
    Health,
    /// The orchestrators that were heard of, a field for each: `instances`.
    Instances,
}

/// The key of what was said in a session: `session:{id}`.
#[must_use]
pub fn session_key(id: &str) -> String {
    format!("session:{id}")
}

/// The key of what was answered under an idempotency key: `idempotency:{key}`, or a hash of the key
/// where that has more than letters, digits and `.`, `_`, `:`, `-`.
#[must_use]
pub fn idempotency_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if key.len() <= 128 && key.chars().all(plain) && !key.starts_with(HASHED) {
        return format!("idempotency:{key}");
    }
    format!("idempotency:{HASHED}{}", hex(&Sha256::digest(key)))
}

const HASHED: &str = "sha256:";

impl StateKey {
    /// The family of all [`Request`](Self::Request)s.
    pub const REQUEST: &str = "request";
    /// The family of all [`Dead`](Self::Dead) ones.
    pub const DEAD: &str = "dead";

    /// Whether the record can be found without knowing its key.
    pub(super) fn is_listed(self) -> bool {
        matches!(self, Self::Request(_))
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => write!(f, "{}:{id}", Self::REQUEST),
            Self::Metrics { second } => write!(f, "metrics:{second}"),
            Self::Rollup { hour } => write!(f, "rollup:{hour}"),
            Self::Embeddings { model } => write!(f, "routing:embeddings:{model:016x}"),
            Self::RoutingModel => f.write_str("routing:model"),
            Self::Feedback(id) => write!(f, "feedback:{id}"),
            Self::Cancel(id) => write!(f, "cancel:{id}"),
            Self::Events(id) => write!(f, "events:{id}"),
            Self::Dead(id) => write!(f, "{}:{id}", Self::DEAD),
            Self::Instance(id) => write!(f, "instance:{id}"),
            Self::Recruits => f.write_str("agents"),
            Self::Health => f.write_str("health"),
            Self::Instances => f.write_str("instances"),
        }
    }
}
