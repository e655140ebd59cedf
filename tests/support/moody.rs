//! A store that is slow or away when a test says so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_orchestrator::store::{
    Claim, Embedded, Entry, Heard, Job, Lease, Leases, Logs, Place, Queue, Signals, StateKey,
    Store, StoreError, Ticket,
};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use futures::stream::BoxStream;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::server::until;

/// A store that fails while it is told to, and whose writes wait for permission.
pub(crate) struct Moody {
    entries: Mutex<Vec<Entry>>,
    pub away: AtomicBool,
    pub begun: AtomicUsize,
    allowed: Semaphore,
    /// Has the leases, jobs, logs and signals.
    shared: Embedded,
}

impl Moody {
    /// One whose writes wait.
    pub(crate) fn slow() -> Arc<Self> {
        Arc::new(Self {
            entries: Mutex::default(),
            away: AtomicBool::new(false),
            begun: AtomicUsize::new(0),
            allowed: Semaphore::new(0),
            shared: Embedded::in_memory().unwrap(),
        })
    }

    /// One whose writes do not wait.
    pub(crate) fn quick() -> Arc<Self> {
        let store = Self::slow();
        store.let_go();
        store
    }

    /// Lets all writes go on.
    pub(crate) fn let_go(&self) {
        self.allowed.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Lets one write go on.
    pub(crate) fn let_one_go(&self) {
        self.allowed.add_permits(1);
    }

    /// Waits until so many writes have begun.
    pub(crate) async fn begun(&self, writes: usize) {
        until("a write has begun", async || {
            self.begun.load(Ordering::SeqCst) >= writes
        })
        .await;
    }

    /// The values that were written under that key, in order.
    pub(crate) fn written(&self, key: StateKey) -> Vec<String> {
        let entries = self.entries.lock().unwrap();
        let of_key = entries.iter().filter(|entry| entry.key == key.to_string());
        of_key
            .map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
            .collect()
    }

    fn check(&self) -> Result<(), StoreError> {
        if !self.away.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(StoreError::Unavailable {
            store: "the moody store".to_owned(),
            problem: "it is in a bad mood".to_owned(),
            remedy: "wait".to_owned(),
        })
    }
}

impl Store for Moody {
    fn write(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.allowed.acquire().await.unwrap().forget();
            self.check()?;
            self.entries.lock().unwrap().extend(entries);
            Ok(())
        }
        .boxed()
    }

    fn read(&self, key: String) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        async move {
            self.check()?;
            let entries = self.entries.lock().unwrap();
            let found = entries.iter().rfind(|entry| entry.key == key);
            Ok(found.map(|entry| entry.value.clone()))
        }
        .boxed()
    }

    fn read_all(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        async move { try_join_all(keys.into_iter().map(|key| self.read(key))).await }.boxed()
    }

    fn newest(
        &self,
        _family: &'static str,
        _before: Option<String>,
        _most: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        async { self.check().map(|()| Vec::new()) }.boxed()
    }

    fn remove(&self, key: String, field: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.check()?;
            let goes =
                |entry: &Entry| entry.key == key && (field.is_none() || entry.field == field);
            self.entries.lock().unwrap().retain(|entry| !goes(entry));
            Ok(())
        }
        .boxed()
    }

    fn fields(&self, key: String) -> BoxFuture<'_, Result<Vec<(String, Bytes)>, StoreError>> {
        async move {
            let entries = self.entries.lock().unwrap();
            let of_key = entries.iter().filter(|entry| entry.key == key);
            let named = of_key.filter_map(|it| Some((it.field.clone()?, it.value.clone())));
            let mut fields: Vec<_> = named.collect::<HashMap<_, _>>().into_iter().collect();
            fields.sort();
            Ok(fields)
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { self.check() }.boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        async { Ok(0) }.boxed()
    }

    fn kind(&self) -> &'static str {
        "moody"
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// Does what the store beneath does, when in the mood.
macro_rules! when_in_the_mood {
    ($($name:ident($($argument:ident: $of:ty),*) -> $answer:ty;)+) => {
        $(
            fn $name(&self, $($argument: $of),*) -> BoxFuture<'_, Result<$answer, StoreError>> {
                async move {
                    self.check()?;
                    self.shared.$name($($argument),*).await
                }
                .boxed()
            }
        )+
    };
}

impl Leases for Moody {
    when_in_the_mood! {
        acquire(lease: Lease, ttl: Duration) -> Claim;
        renew(lease: Lease, ttl: Duration) -> bool;
        release(lease: Lease) -> ();
        write_held(lease: Lease, entry: Entry) -> bool;
    }
}

impl Queue for Moody {
    when_in_the_mood! {
        enqueue(jobs: Vec<Bytes>, records: Vec<Entry>, most: usize) -> bool;
        take(worker: Uuid, most: usize) -> Vec<Job>;
        take_over(worker: Uuid, idle: Duration, most: usize) -> Vec<Job>;
        hold(worker: Uuid, jobs: Vec<Ticket>) -> ();
        leave(worker: Uuid, jobs: Vec<Ticket>) -> ();
        finish(jobs: Vec<Ticket>) -> ();
        depth() -> usize;
    }
}

impl Logs for Moody {
    when_in_the_mood! {
        begin(log: String, epoch: u32, ttl: Duration) -> Option<u64>;
        append(log: String, first: Place, entries: Vec<Bytes>, ttl: Duration) -> bool;
        entries(log: String, after: Place, most: usize) -> Vec<(Place, Bytes)>;
    }
}

impl Signals for Moody {
    when_in_the_mood! {
        publish(signal: Bytes) -> ();
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        self.shared.listen()
    }
}
