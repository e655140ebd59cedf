use tokio::sync::broadcast;

use crate::words::LifeEvent;

/// How many events a slow subscriber may lag behind before it misses some.
const BACKLOG: usize = 4096;

/// Where supervisors tell what has happened. Nobody need be listening.
#[derive(Debug, Clone)]
pub struct LifeEvents {
    sender: broadcast::Sender<LifeEvent>,
}

impl LifeEvents {
    /// A channel without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }

    /// Hears everything that happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<LifeEvent> {
        self.sender.subscribe()
    }

    pub(super) fn tell(&self, event: LifeEvent) {
        // An error only says that nobody listens.
        let _ = self.sender.send(event);
    }
}

impl Default for LifeEvents {
    fn default() -> Self {
        Self::new()
    }
}
