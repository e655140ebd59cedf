//! A store in a file of its own, so that nothing has to be installed to run the orchestrator.
//!
//! The database ([redb](https://docs.rs/redb)) blocks while it works, so that all work is done by
//! one thread of the store's own, in the order in which it was asked for; the async threads only
//! wait for the answers.
//!
//! Invariant: a write that was answered `Ok` is on the disk, and survives a crash of the process
//! and of the machine.
//!
//! Edges: after a failure of the disk (it was full, say) the file is closed, and opened again for
//! the next operation. Sweeping frees space for new entries, but does not make the file smaller.
//! A value that was replaced takes its space until it would have expired.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use redb::{Database, Error};
use tokio::sync::broadcast;

use self::desk::Desk;
use self::engine::Engine;
use self::tables::Batch;
use self::worker::Worker;
use super::{Entry, Store, StoreError};

mod block;
mod desk;
mod engine;
mod index;
mod reading;
mod sharing;
mod tables;
mod worker;

type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Signals that a slow listener may be behind before it misses some.
const SIGNALS: usize = 1024;

/// A [`Store`] in a file, or in memory.
///
/// Dropping it waits until everything that was asked for is done, and closes the file.
///
/// ```
/// use std::time::Duration;
/// use agent_orchestrator::store::{Embedded, Entry, Store, StoreError};
///
/// # futures::executor::block_on(async {
/// let store = Embedded::in_memory()?;
/// store.write(vec![Entry::new("greeting", "hello", Duration::from_secs(60))]).await?;
/// assert_eq!(store.read("greeting".into()).await?.as_deref(), Some(&b"hello"[..]));
/// # Ok::<(), StoreError>(())
/// # }).unwrap();
/// ```
pub struct Embedded {
    name: String,
    clock: Clock,
    worker: Worker,
    desk: Desk,
    signals: broadcast::Sender<Bytes>,
}

impl Embedded {
    /// Opens the store in the file at `path`; the file and its directories are made if need be.
    ///
    /// Blocks until the file is open. After a crash it is checked from end to end first, which
    /// takes a few seconds per gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be opened for writing or another process
    /// has it open, [`StoreError::Corrupt`] when it is something else than a store.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::start(Engine::file(path)?)
    }

    /// Opens an empty store that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no thread can be started for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::start(Engine::memory()?)
    }

    /// Tells the time by `clock` instead of the system's clock, so that hours can pass at once.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use agent_orchestrator::store::Embedded;
    ///
    /// let tomorrow = || SystemTime::now() + Duration::from_secs(24 * 3600);
    /// let store = Embedded::in_memory()?.with_clock(tomorrow);
    /// # Ok::<(), agent_orchestrator::store::StoreError>(())
    /// ```
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    fn start(engine: Engine) -> Result<Self, StoreError> {
        let name = engine.name().to_owned();
        let worker = Worker::start(engine).map_err(|error| StoreError::Unavailable {
            store: name.clone(),
            problem: format!("no thread could be started for it: {error}"),
            remedy: "raise the limit on threads of this user".to_owned(),
        })?;
        Ok(Self {
            name,
            clock: Box::new(SystemTime::now),
            worker,
            desk: Desk::default(),
            signals: broadcast::Sender::new(SIGNALS),
        })
    }

    /// Looks something up in the database.
    async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Database) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, StoreError> {
        let done = self.worker.look(look).await;
        done.unwrap_or_else(|| Err(self.stopped()))
    }

    /// Changes the database, and waits until that is on the disk.
    async fn change<R: Send + 'static>(
        &self,
        make: impl FnMut(&mut Batch<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, StoreError> {
        let done = self.worker.change(make).await;
        done.unwrap_or_else(|| Err(self.stopped()))
    }

    fn stopped(&self) -> StoreError {
        StoreError::Unavailable {
            store: self.name.clone(),
            problem: "its thread has stopped after a panic".to_owned(),
            remedy: "restart the orchestrator, and move the file away if that does not help"
                .to_owned(),
        }
    }

    /// Whole milliseconds since 1970 that have passed.
    fn now(&self) -> u64 {
        u64::try_from(self.since_1970().as_millis()).unwrap_or(u64::MAX)
    }

    /// The same, the present one included: what counts from here does not end too early.
    fn now_rounded_up(&self) -> u64 {
        u64::try_from(self.since_1970().as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    fn since_1970(&self) -> Duration {
        (self.clock)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}

impl Store for Embedded {
    fn write(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), StoreError>> {
        let now = self.now_rounded_up();
        self.change(move |batch| entries.iter().try_for_each(|entry| batch.put(entry, now)))
            .boxed()
    }

    fn read(&self, key: String) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let now = self.now();
        self.look(move |db| reading::read(db, &key, now)).boxed()
    }

    fn read_all(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        let now = self.now();
        self.look(move |db| keys.iter().map(|key| reading::read(db, key, now)).collect())
            .boxed()
    }

    fn newest(
        &self,
        family: &'static str,
        before: Option<String>,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let now = self.now();
        self.look(move |db| reading::newest(db, family, before.as_deref(), most, now))
            .boxed()
    }

    fn remove(&self, key: String, field: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch| batch.remove(&key, field.as_deref()))
            .boxed()
    }

    fn fields(&self, key: String) -> BoxFuture<'_, Result<Vec<(String, Bytes)>, StoreError>> {
        let now = self.now();
        self.look(move |db| reading::fields(db, &key, None, usize::MAX, now))
            .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.look(reading::check).boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        let now = self.now();
        async move {
            let mut deleted = 0;
            // One transaction at a time, so that others need not wait for the whole sweep.
            loop {
                let swept = self.look(move |db| tables::sweep(db, now)).await?;
                deleted += swept.deleted;
                if swept.finished {
                    return Ok(deleted);
                }
            }
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        // A thread that has stopped has closed the file.
        self.worker.tell(Engine::close).map(drop).boxed()
    }

    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::executor::block_on;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_store_can_be_opened_again_as_soon_as_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/on/the/way/store.redb");
        for round in 0..20u8 {
            let store = Embedded::open(&path).unwrap();
            let write = store.write(vec![Entry::new("round", vec![round], MINUTE)]);
            block_on(write).unwrap();
        }
    }

    #[test]
    fn what_was_asked_for_is_done_before_the_store_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let store = Embedded::open(&path).unwrap();
        for i in 0..20 {
            let write = store.write(vec![Entry::new(format!("key:{i}"), "kept", MINUTE)]);
            let _not_waited_for = write.now_or_never();
        }
        drop(store);

        let store = Embedded::open(&path).unwrap();
        for i in 0..20 {
            let value = block_on(store.read(format!("key:{i}"))).unwrap();
            assert_eq!(value.unwrap(), "kept");
        }
    }

    #[test]
    fn time_passes_as_the_clock_says() {
        let seconds = Arc::new(AtomicU64::new(1_000));
        let hand = seconds.clone();
        let store = Embedded::in_memory()
            .unwrap()
            .with_clock(move || UNIX_EPOCH + Duration::from_secs(hand.load(Ordering::SeqCst)));
        block_on(store.write(vec![Entry::new("key", "value", MINUTE)])).unwrap();

        seconds.store(1_059, Ordering::SeqCst);
        assert_eq!(block_on(store.sweep()).unwrap(), 0);
        assert!(block_on(store.read("key".into())).unwrap().is_some());
        seconds.store(1_060, Ordering::SeqCst);
        assert!(block_on(store.read("key".into())).unwrap().is_none());
        assert_eq!(block_on(store.sweep()).unwrap(), 1);
        assert_eq!(block_on(store.sweep()).unwrap(), 0);
    }

    #[test]
    fn a_store_whose_thread_has_died_says_so_instead_of_hanging() {
        let store = Embedded::in_memory().unwrap();
        let dying = store.look::<()>(|_| panic!("this panic is part of a test"));
        let error = block_on(dying).unwrap_err();
        assert!(
            error.to_string().contains("its thread has stopped"),
            "{error}"
        );
        assert_eq!(block_on(store.ping()).unwrap_err(), error);
    }
}
