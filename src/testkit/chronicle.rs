use tokio::sync::broadcast;

use super::PATIENCE;
use crate::supervision::LifeEvents;
use crate::words::LifeEvent;

/// What happens in the lives of the agents from the moment it is opened.
#[derive(Debug)]
pub struct Chronicle {
    events: broadcast::Receiver<LifeEvent>,
}

impl Chronicle {
    /// Opens a chronicle of these events.
    #[must_use]
    pub fn of(events: &LifeEvents) -> Self {
        Self {
            events: events.subscribe(),
        }
    }

    /// What happens next.
    ///
    /// # Panics
    /// When nothing does within [`PATIENCE`], or thousands of events were left unread.
    pub async fn next(&mut self) -> LifeEvent {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        let event = event.expect("nothing happened in the lives of the agents");
        event.expect("the chronicle is read as it is written, and ends after its reader")
    }

    /// Reads on until such an event.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn wait_for(&mut self, is_it: impl Fn(&LifeEvent) -> bool) -> LifeEvent {
        loop {
            let event = self.next().await;
            if is_it(&event) {
                return event;
            }
        }
    }

    /// Reads on until an event that reads like this, for example `a/0 began life 2`.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn until(&mut self, line: &str) -> LifeEvent {
        self.wait_for(|event| event.to_string() == line).await
    }
}
