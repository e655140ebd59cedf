//! Writes behind: see [`Journal`].

mod draft;
mod reading;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;
use bytes::Bytes;
use log::{info, warn};
use serde::Serialize;
use tokio::sync::Notify;

use super::{StateKey, Store, StoreError};
use crate::words::to_json;
use draft::{Draft, Drafts, Row};

/// How long writing waits for more to come, always: a transaction costs far more than a record.
const GATHER: Duration = Duration::from_millis(100);
/// How long writing waits after it has failed.
const RETRY: Duration = Duration::from_millis(500);
/// How often what has expired is deleted.
const SWEEP: Duration = Duration::from_secs(30);
/// How long what is left may take at the end, and closing the store.
const FAREWELL: Duration = Duration::from_secs(5);

/// The write-behind: what is kept of requests goes here at once, and to the store soon after.
///
/// No answer ever waits for the store. What is put in is written about a tenth of a second later, many
/// at a time; a record that is put in again before that is written once. Whoever reads sees what
/// was put in, written or not; but fields are read as far as they are written. While the store is
/// away, what is to be written waits here, up to a bound; what does not fit is counted and reported.
/// Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    waiting: Mutex<Drafts>,
    writing: Mutex<Drafts>,
    bell: Notify,
    written: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    away: AtomicBool,
}

/// How the write-behind is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JournalReport {
    /// Records that wait to be written.
    pub pending: usize,
    /// Records that were written.
    pub written: u64,
    /// Attempts to write that failed; what they held was kept and tried again.
    pub failed_writes: u64,
    /// Records that were lost because too many were waiting.
    pub dropped: u64,
}

impl Journal {
    /// Starts writing to the store, on that thread.
    pub fn start_on(thread: &ArbiterHandle, store: Arc<dyn Store>) -> Self {
        let journal = Self {
            shared: Arc::new(Shared {
                store,
                waiting: Mutex::default(),
                writing: Mutex::default(),
                bell: Notify::new(),
                written: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
                away: AtomicBool::new(false),
            }),
        };
        thread.spawn(journal.clone().write_for_ever());
        thread.spawn(journal.clone().sweep_for_ever());
        journal
    }

    /// Puts a record in the place of any of the same key.
    pub fn put(&self, key: StateKey, record: &impl Serialize, ttl: Duration) {
        self.draft(Row { key, field: None }, Draft::new(record, ttl));
    }

    /// The same for a record whose JSON there is already.
    pub fn put_made(&self, key: StateKey, json: Bytes, ttl: Duration) {
        self.draft(Row { key, field: None }, Draft::made(json, ttl));
    }

    /// The same for a record that another is likely to replace before it is written: it is made JSON
    /// only when it is written, or read.
    pub fn put_for_now(
        &self,
        key: StateKey,
        record: impl Serialize + Send + Sync + 'static,
        ttl: Duration,
    ) {
        self.draft(Row { key, field: None }, Draft::unmade(record, ttl));
    }

    /// Puts a record in the place of the same field of that key.
    pub fn put_field(&self, key: StateKey, field: String, record: &impl Serialize, ttl: Duration) {
        let field = Some(field);
        self.draft(Row { key, field }, Draft::new(record, ttl));
    }

    /// Adds a record to others of that key: those that are written at the same time are a field of it, or
    /// some, each of which is a list.
    pub fn collect(&self, key: StateKey, record: &impl Serialize, ttl: Duration) {
        let json = to_json(record);
        self.take_in(|waiting| waiting.collect(key, &json, ttl));
    }

    fn draft(&self, row: Row, draft: Draft) {
        self.take_in(|waiting| waiting.insert(row, draft));
    }

    /// Has something put to what waits, which is counted as lost when there is no room.
    fn take_in(&self, put: impl FnOnce(&mut Drafts) -> bool) {
        let mut waiting = lock(&self.shared.waiting);
        let nobody_was = waiting.is_empty();
        let taken = put(&mut waiting);
        drop(waiting);
        if !taken {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        } else if nobody_was {
            self.shared.bell.notify_one();
        }
    }

    /// Asks the store whether it is there, and how long it took to say so.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let began = Instant::now();
        let answered = self.shared.store.ping().await;
        self.note(&answered);
        answered.map(|()| began.elapsed())
    }

    /// What kind of store it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.shared.store.kind()
    }

    /// How writing is going.
    #[must_use]
    pub fn report(&self) -> JournalReport {
        let shared = &self.shared;
        JournalReport {
            pending: self.pending(),
            written: shared.written.load(Ordering::Relaxed),
            failed_writes: shared.failed.load(Ordering::Relaxed),
            dropped: shared.dropped.load(Ordering::Relaxed),
        }
    }

    /// Takes the locks in the order in which [`gather`](Self::gather) does.
    fn pending(&self) -> usize {
        let writing = lock(&self.shared.writing);
        writing.len() + lock(&self.shared.waiting).len()
    }

    /// Writes what is left, unless that takes too long, and leaves the store in order.
    pub(crate) async fn close(&self) {
        let rest = async {
            while self.report().pending > 0 {
                self.shared.bell.notify_one();
                tokio::time::sleep(GATHER).await;
            }
        };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            let pending = self.report().pending;
            warn!("{pending} records could not be written before the end");
        }
        // A store that hangs has had its time.
        let _ = tokio::time::timeout(FAREWELL, self.shared.store.close()).await;
    }

    async fn write_for_ever(self) {
        loop {
            self.shared.bell.notified().await;
            loop {
                tokio::time::sleep(GATHER).await;
                if !self.gather() {
                    break;
                }
                if self.write().await.is_err() {
                    self.shared.failed.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Moves what waits to what is being written, unless something still is.
    fn gather(&self) -> bool {
        let mut writing = lock(&self.shared.writing);
        if writing.is_empty() {
            *writing = std::mem::take(&mut *lock(&self.shared.waiting));
            writing.close_bundles();
        }
        !writing.is_empty()
    }

    /// Writes what is to be written, batch by batch; what has failed stays.
    async fn write(&self) -> Result<(), StoreError> {
        loop {
            let batch = lock(&self.shared.writing).batch();
            let count = batch.len();
            if count == 0 {
                return Ok(());
            }
            let written = self.shared.store.write(batch).await;
            self.note(&written);
            written?;
            let mut writing = lock(&self.shared.writing);
            let records = writing.retire(count) as u64;
            // Whoever sees that nothing is pending sees this, too.
            self.shared.written.fetch_add(records, Ordering::Relaxed);
        }
    }

    async fn sweep_for_ever(self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            if let Err(error) = self.shared.store.sweep().await {
                warn!("what has expired could not be deleted: {error}");
            }
        }
    }

    /// Says once that the store is away, and once that it is back.
    fn note<T>(&self, answer: &Result<T, StoreError>) {
        let was_away = self.shared.away.swap(answer.is_err(), Ordering::Relaxed);
        match answer {
            Err(error) if !was_away => {
                warn!("state: {error}; requests go on, their records wait in memory");
            }
            Ok(_) if was_away => info!("state: the store is back"),
            _ => {}
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("store", &self.kind())
            .field("report", &self.report())
            .finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one of the locks is held, and no await happens under it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
