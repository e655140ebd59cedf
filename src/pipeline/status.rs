use serde::{Deserialize, Serialize};

/// Where a request is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestStatus {
    /// It waits for an orchestrator that has time for it.
    Queued,
    /// Its agents are being chosen.
    Routing,
    /// Its agents work on it.
    Running,
    /// It was answered.
    Succeeded,
    /// It could not be answered.
    Failed,
    /// Its caller went away, or somebody has cancelled it.
    Cancelled,
    /// The orchestrator that worked on it ended, and nobody waits for the answer any more.
    Interrupted,
}

impl RequestStatus {
    /// All of them, by the names that clients know them by.
    pub const NAMES: &[(&str, Self)] = &[
        ("queued", Self::Queued),
        ("routing", Self::Routing),
        ("running", Self::Running),
        ("succeeded", Self::Succeeded),
        ("failed", Self::Failed),
        ("cancelled", Self::Cancelled),
        ("interrupted", Self::Interrupted),
    ];

    /// Whether nothing will come after it.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Routing | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Interrupted => true,
        }
    }
}
