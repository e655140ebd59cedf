use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::words::ExitReason;

/// What a supervisor can tell a life of one of its children, on whatever thread it is.
#[derive(Debug, Clone)]
pub(super) struct Leash {
    end: CancellationToken,
    reason: Arc<OnceLock<ExitReason>>,
    kill: CancellationToken,
}

impl Leash {
    /// For a new life of a child. `kill` is the child's, and fires for all its lives.
    pub(super) fn new(kill: CancellationToken) -> Self {
        Self {
            end: CancellationToken::new(),
            reason: Arc::default(),
            kill,
        }
    }

    /// Tells it to take no more work, to finish what it has, to take leave, and to end. The first
    /// reason stands.
    pub(super) fn end(&self, reason: ExitReason) {
        self.reason.get_or_init(|| reason);
        self.end.cancel();
    }

    /// Whether it was told anything.
    pub(super) fn is_pulled(&self) -> bool {
        self.end.is_cancelled() || self.kill.is_cancelled()
    }

    /// Why it was told to end, once it was.
    pub(super) async fn until_told_to_end(&self) -> ExitReason {
        self.end.cancelled().await;
        self.reason()
    }

    /// Why it was told to end.
    pub(super) fn reason(&self) -> ExitReason {
        let reason = self.reason.get().cloned();
        reason.unwrap_or(ExitReason::Shutdown)
    }

    /// Fires when its work is to be dropped.
    pub(super) fn killed(&self) -> &CancellationToken {
        &self.kill
    }
}
