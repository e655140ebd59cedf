//! Requests for which nobody waits: stored before they are accepted, and done by whichever orchestrator
//! has time, again and again until there is a result.
//!
//! ```text
//! accept -> the store's queue -> take -> lease -> attempt -> result, written under the lease -> finish
//! ```
//!
//! Invariant: every request that was accepted gets one result, written once: an attempt whose lease has
//! ended can write nothing any more.
//!
//! Edges: agents may be asked more than once for the same request, for an orchestrator may end between
//! their answer and the result. A request that ends its orchestrators is given up after
//! [`max_attempts`](BackgroundConfig::max_attempts).

mod cancel;
mod dead;
mod duty;
mod intake;
mod order;
mod shift;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_rt::ArbiterHandle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::Orchestrator;
use crate::store::Ticket;
use intake::Application;

pub(crate) use dead::DeadLetter;
pub(super) use order::Order;

/// How requests are done for which nobody waits.
#[derive(Debug, Clone)]
pub struct BackgroundConfig {
    /// Requests that this orchestrator works on at once.
    pub concurrency: usize,
    /// Requests that may be unfinished, in all orchestrators together.
    pub capacity: usize,
    /// How often a request is begun before it is given up.
    pub max_attempts: u32,
}

impl Default for BackgroundConfig {
    fn default() -> Self {
        Self {
            concurrency: 32,
            capacity: 100_000,
            max_attempts: 5,
        }
    }
}

/// How long a request may wait, and its state is kept until it is finished. After that it is kept as
/// long as any other.
pub(in crate::pipeline) const UNFINISHED_TTL: Duration = Duration::from_secs(7 * 86_400);

/// Applications that wait to be written together.
const APPLICATIONS: usize = 1024;

/// The way to those who work in the background.
pub(crate) struct Background {
    applications: mpsc::Sender<Application>,
    places: Arc<Semaphore>,
    /// The jobs that are worked on here.
    held: Mutex<HashSet<Ticket>>,
    bell: Notify,
    closing: CancellationToken,
}

/// Those who work in the background, before they begin.
pub(crate) struct Staff {
    applications: mpsc::Receiver<Application>,
}

impl Background {
    pub(crate) fn new(config: &BackgroundConfig) -> (Self, Staff) {
        let (send, applications) = mpsc::channel(APPLICATIONS);
        let concurrency = config.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let background = Self {
            applications: send,
            places: Arc::new(Semaphore::new(concurrency)),
            held: Mutex::default(),
            bell: Notify::new(),
            closing: CancellationToken::new(),
        };
        (background, Staff { applications })
    }

    /// Says that there may be work.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Begins nothing any more; what was begun goes on until [`end`](Self::end).
    pub(crate) fn close(&self) {
        self.places.close();
        self.bell.notify_one();
    }

    /// Leaves what is not finished to others.
    pub(crate) fn end(&self) {
        self.close();
        self.closing.cancel();
    }

    /// Waits until nothing is worked on here any more.
    pub(crate) async fn idle(&self) {
        while !self.held().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, HashSet<Ticket>> {
        // Nothing panics while the lock is held.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Staff {
    /// Begins to work, on that thread.
    pub(crate) fn start_on(self, thread: &ArbiterHandle, orchestrator: &Orchestrator) {
        let (taking_in, working) = (orchestrator.clone(), orchestrator.clone());
        thread.spawn(intake::take_in(taking_in, self.applications));
        thread.spawn_fn(move || {
            actix_rt::spawn(shift::take(working.clone()));
            actix_rt::spawn(shift::take_over(working.clone()));
            actix_rt::spawn(shift::hold(working));
        });
    }
}
