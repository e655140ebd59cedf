use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::{ErrorType, Problem};

/// How often the door is looked at while everybody leaves.
const GLANCE: Duration = Duration::from_millis(5);

/// The door: only so many requests are in at once, and none once it is closed.
///
/// Whoever finds it full waits for a moment, in order, for others may just be leaving; no longer,
/// for a refusal that comes late helps nobody. No more may wait than may be in.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    patience: Duration,
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// How long requests were in of late, nanoseconds; 0 before the first has left.
    usually: CachePadded<AtomicU64>,
}

/// A request is in until this is dropped.
#[derive(Debug)]
pub struct Entry {
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// An open door for so many requests at once, before which others wait for that long.
    #[must_use]
    pub fn new(max_concurrent_requests: usize, patience: Duration) -> Self {
        let most = max_concurrent_requests.min(Semaphore::MAX_PERMITS);
        Self {
            most,
            patience,
            places: Arc::new(Semaphore::new(most)),
            waiting: Arc::new(Semaphore::new(most)),
            usually: CachePadded::default(),
        }
    }

    /// Lets a request in until its entry is dropped.
    ///
    /// # Errors
    /// `ShuttingDown` when the door is closed, `Overloaded` when too many are in.
    pub async fn enter(&self) -> Result<Entry, Problem> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Ok(Entry { _place: place }),
            Err(TryAcquireError::Closed) => Err(Problem::shutting_down()),
            Err(TryAcquireError::NoPermits) => self.wait().await,
        }
    }

    /// Lets a request in when its turn has come, however long that takes.
    ///
    /// # Errors
    /// `ShuttingDown` when the door is closed.
    pub async fn enter_sooner_or_later(&self) -> Result<Entry, Problem> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_closed| Problem::shutting_down())?;
        Ok(Entry { _place: place })
    }

    async fn wait(&self) -> Result<Entry, Problem> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Err(self.overloaded());
        };
        let place = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout(self.patience, place).await {
            Ok(Ok(place)) => Ok(Entry { _place: place }),
            Ok(Err(_closed)) => Err(Problem::shutting_down()),
            Err(_elapsed) => Err(self.overloaded()),
        }
    }

    /// Remembers how long a request was in: each counts for one in 32. Of two that leave at the
    /// very same moment one may be forgotten, which is cheaper than to have them wait for each
    /// other.
    pub fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let usually = match self.usually.load(Ordering::Relaxed) {
            0 => took,
            before => before - before / 32 + took / 32,
        };
        self.usually.store(usually, Ordering::Relaxed);
    }

    /// Requests that are in.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.most - self.places.available_permits()
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.places.close();
    }

    /// Whether nobody is let in any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.places.is_closed()
    }

    /// Waits until nobody is in.
    pub async fn empty(&self) {
        while self.in_flight() > 0 {
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn overloaded(&self) -> Problem {
        let usually = Duration::from_nanos(self.usually.load(Ordering::Relaxed));
        let detail = format!(
            "this orchestrator is already working on {} requests, as many as it may \
             (orchestrator.max_concurrent_requests)",
            self.in_flight()
        );
        Problem::new(ErrorType::Overloaded, detail)
            .retry_after(usually.clamp(Duration::from_secs(1), Duration::from_secs(30)))
    }
}
