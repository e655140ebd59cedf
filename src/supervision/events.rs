use log::{Level, log};
use tokio::sync::broadcast;

use crate::judgement::{BreakerChange, BreakerListener};
use crate::words::{BreakerState, InstanceId, LifeEvent};

/// How many events a slow subscriber may lag behind before it misses some.
const BACKLOG: usize = 4096;

/// Where supervisors and breakers tell what has happened. Nobody need be listening.
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

    /// Says in the log, and to all who hear, how the breaker of that instance changes.
    pub(super) fn of_breaker(self, instance: InstanceId) -> BreakerListener {
        Box::new(move |BreakerChange { state, cause }| {
            let level = if state == BreakerState::Open {
                Level::Warn
            } else {
                Level::Info
            };
            let event = LifeEvent::BreakerChanged {
                instance: instance.clone(),
                state,
                cause: cause.to_string().into(),
            };
            log!(level, "{event}");
            self.tell(event);
        })
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
