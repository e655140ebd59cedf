use std::fmt;

use crate::words::RequestId;

/// Names a record of the state, under the keys that the orchestrator has always used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// The state of a request: `request:{id}`.
    Request(RequestId),
    /// The measurements of a request: `metrics:{id}`.
    Metrics(RequestId),
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
}

impl StateKey {
    /// Whether the record can be found without knowing its key.
    pub(super) fn is_listed(self) -> bool {
        matches!(self, Self::Request(_))
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => write!(f, "request:{id}"),
            Self::Metrics(id) => write!(f, "metrics:{id}"),
            Self::Rollup { hour } => write!(f, "rollup:{hour}"),
            Self::Embeddings { model } => write!(f, "routing:embeddings:{model:016x}"),
            Self::RoutingModel => f.write_str("routing:model"),
            Self::Feedback(id) => write!(f, "feedback:{id}"),
        }
    }
}
