//! How an orchestrator ends: whoever is in is answered, and what was promised is left to others.

use std::time::Duration;

use super::Orchestrator;
use crate::supervision::Shutdown;

/// How long it may take to leave requests to others.
const LEAVING: Duration = Duration::from_secs(2);

impl Orchestrator {
    /// Lets nobody in any more, and waits until all who were in have their answers, or `patience`
    /// is at its end; then ends all agents and writes what is still to be written.
    pub async fn shutdown_within(&self, patience: Duration) {
        self.drain(patience).await;
        self.leave_the_rest().await;
        self.end_agents().await;
        self.house.metrics.close().await;
        self.house.journal.close().await;
        self.house.registry.end_threads();
        self.house.workshop.stop();
        self.house.control.stop();
    }

    /// Leaves to others what is not finished of that for which nobody waits here.
    pub(crate) async fn leave_the_rest(&self) {
        self.house.background.end();
        let idle = self.house.background.idle();
        if tokio::time::timeout(LEAVING, idle).await.is_err() {
            log::warn!(
                "some requests could not be left to others, who find that out by themselves"
            );
        }
        self.take_leave().await;
    }

    /// [`shutdown_within`](Self::shutdown_within) half a minute.
    pub async fn shutdown(&self) {
        self.shutdown_within(Duration::from_secs(30)).await;
    }

    /// Ends all agents; whoever still waits for one is told that it was stopped.
    pub(crate) async fn end_agents(&self) {
        // Its end has been told to everybody, if it came before.
        let _ = self.house.root.send(Shutdown).await;
    }

    /// Lets nobody in any more, and waits until all who were in have their answers.
    pub(crate) async fn drain(&self, patience: Duration) {
        self.house.admission.close();
        self.house.background.close();
        let empty = self.house.admission.empty();
        if tokio::time::timeout(patience, empty).await.is_err() {
            log::warn!("some requests were not finished within {patience:?}");
        }
    }
}
