use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{ErrorType, Problem};
use crate::judgement::{Load, Outcome, Place};

/// How often the door is looked at while everybody leaves.
const GLANCE: Duration = Duration::from_millis(5);

/// The door: only so many requests are in at once, and none once it is closed.
#[derive(Debug)]
pub struct Admission {
    load: Arc<Load>,
    closed: AtomicBool,
}

impl Admission {
    /// An open door for so many requests at once.
    #[must_use]
    pub fn new(max_concurrent_requests: usize) -> Self {
        Self {
            load: Load::new(max_concurrent_requests),
            closed: AtomicBool::new(false),
        }
    }

    /// Lets a request in until its place is dropped.
    ///
    /// # Errors
    /// `ShuttingDown` when the door is closed, `Overloaded` when too many are in.
    pub fn enter(&self) -> Result<Place, Problem> {
        let place = self.load.reserve();
        // Looked at after the place was taken: whoever is let in, `empty` waits for.
        if self.is_closed() {
            return Err(Problem::shutting_down());
        }
        place.ok_or_else(|| self.overloaded())
    }

    /// Remembers how long a request was in.
    pub fn learn(&self, took: Duration) {
        self.load.learn(Outcome::Success, took);
    }

    /// Requests that are in.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.load.taken()
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether nobody is let in any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until nobody is in.
    pub async fn empty(&self) {
        while self.in_flight() > 0 {
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn overloaded(&self) -> Problem {
        let usually = self.load.response_time().unwrap_or_default();
        let detail = format!(
            "this orchestrator is already working on {} requests, as many as it may \
             (orchestrator.max_concurrent_requests)",
            self.in_flight()
        );
        Problem::new(ErrorType::Overloaded, detail)
            .retry_after(usually.clamp(Duration::from_secs(1), Duration::from_secs(30)))
    }
}
