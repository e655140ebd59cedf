//! Writes down events while they happen, many at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use log::warn;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::store::{Place, StateKey, Store};
use crate::words::{Listener, RequestEvent, RequestId, to_json};

/// How long writing waits for more to come.
const GATHER: Duration = Duration::from_millis(20);
const RETRY: Duration = Duration::from_millis(250);
/// How often what is left in the end is offered to a store that is away.
const LAST_TRIES: u32 = 3;
/// Events that are written of one request; what comes after them can only be heard.
const MOST: u64 = 50_000;
/// Events that are written in one go.
const AT_ONCE: usize = 500;

/// Who is told of events: of each, which of this attempt it is, counted from 1.
pub(in crate::pipeline) type Audience = Box<dyn Fn(u64, &RequestEvent) + Send + Sync>;

/// The log of one attempt at a request. Events are entered as they happen, and written behind.
pub(in crate::pipeline) struct EventLog {
    shared: Arc<Shared>,
    writing: Option<JoinHandle<()>>,
}

struct Shared {
    store: Arc<dyn Store>,
    id: RequestId,
    epoch: u32,
    ttl: Duration,
    pages: Mutex<Pages>,
    bell: Notify,
}

#[derive(Default)]
struct Pages {
    /// What is not written yet.
    unwritten: Vec<Bytes>,
    /// How many events were entered.
    entered: u64,
    over: bool,
}

impl EventLog {
    /// Begins the log of an attempt, or goes on with it where earlier attempts have left it.
    pub(in crate::pipeline) fn begin(
        store: Arc<dyn Store>,
        id: RequestId,
        epoch: u32,
        ttl: Duration,
    ) -> Self {
        let shared = Arc::new(Shared {
            store,
            id,
            epoch,
            ttl,
            pages: Mutex::default(),
            bell: Notify::new(),
        });
        let writing = tokio::spawn(Arc::clone(&shared).write_to_the_end());
        Self {
            shared,
            writing: Some(writing),
        }
    }

    /// Enters what it is told, and tells the audience.
    pub(in crate::pipeline) fn listener(&self, audience: Audience) -> Listener {
        let shared = Arc::clone(&self.shared);
        Arc::new(move |event| audience(shared.enter(&event), &event))
    }

    /// Waits until all that was entered is written, or given up.
    pub(in crate::pipeline) async fn close(mut self) {
        self.shared.end();
        if let Some(writing) = self.writing.take() {
            // It has panicked, if this is an error; the panic has been reported by then.
            let _ = writing.await;
        }
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Nothing panics while the lock is held.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, event: &RequestEvent) -> u64 {
        let event = to_json(event);
        let mut pages = self.pages();
        pages.entered += 1;
        if pages.entered <= MOST {
            pages.unwritten.push(event);
        }
        let number = pages.entered;
        drop(pages);
        self.bell.notify_one();
        number
    }

    fn end(&self) {
        self.pages().over = true;
        self.bell.notify_one();
    }

    async fn write_to_the_end(self: Arc<Self>) {
        let (mut next, mut tries) = (None, 0);
        loop {
            let over = self.pages().over;
            match self.write(&mut next).await {
                Ok(true) => tries = 0,
                Ok(false) if over => return,
                Ok(false) => {
                    self.bell.notified().await;
                    if !self.pages().over {
                        tokio::time::sleep(GATHER).await;
                    }
                }
                Err(Away) if over && tries == LAST_TRIES => {
                    return warn!("the last events of request {} are not in its log", self.id);
                }
                Err(Away) => {
                    tries += u32::from(over);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Writes the first of what is not written; `false` when there is nothing to write, for good if
    /// somebody else writes this log now.
    async fn write(&self, next: &mut Option<u64>) -> Result<bool, Away> {
        let batch: Vec<Bytes> = {
            let pages = self.pages();
            pages.unwritten.iter().take(AT_ONCE).cloned().collect()
        };
        if batch.is_empty() {
            return Ok(false);
        }
        let log = StateKey::Events(self.id).to_string();
        let number = match *next {
            Some(number) => number,
            // The first attempt begins with an empty log.
            None if self.epoch == 1 => 1,
            None => {
                let begun = self.store.begin(log.clone(), self.epoch, self.ttl).await;
                match begun.map_err(|_| Away)? {
                    Some(before) => before + 1,
                    None => return Ok(self.stop()),
                }
            }
        };
        *next = Some(number);
        let (count, epoch) = (batch.len(), self.epoch);
        let appended = self
            .store
            .append(log, Place { epoch, number }, batch, self.ttl);
        if !appended.await.map_err(|_| Away)? {
            return Ok(self.stop());
        }
        *next = Some(number + count as u64);
        self.pages().unwritten.drain(..count);
        Ok(true)
    }

    /// Somebody else goes on with the log.
    fn stop(&self) -> bool {
        let mut pages = self.pages();
        pages.unwritten.clear();
        pages.over = true;
        false
    }
}

/// The store cannot be written.
struct Away;
