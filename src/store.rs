//! Where request state and metrics are kept.
//!
//! The orchestrator writes through the [`Store`] port and does not know what is behind it: a file
//! of its own ([`Embedded`]) or a server ([`Redis`]) that several orchestrators share.
//!
//! Invariant: whatever was written is read back unchanged until its time to live is over, and
//! never after that, whether or not it has been deleted yet.
//!
//! Edges: a key holds either one value ([`Entry::new`]) or named fields ([`Entry::field`]); asking
//! for the one where there is the other finds nothing or is an error, depending on the store.
//! Writing the same batch twice is harmless, so a write that failed may simply be tried again.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

mod embedded;
mod journal;
mod key;
mod lease;
mod logs;
mod queue;
mod redis;
mod signals;

pub use self::embedded::Embedded;
pub use self::journal::{Journal, JournalReport};
pub use self::key::{StateKey, idempotency_key, session_key};
pub use self::lease::{Claim, Lease, Leases};
pub use self::logs::{Logs, Place};
pub use self::queue::{Job, Queue, Ticket};
pub use self::redis::{Redis, RedisConfig};
pub use self::signals::{Heard, Signals};

/// A place that keeps values for a limited time, and what those who share it need to work together.
///
/// Every future is `Send` and may be dropped at any time; a write that has begun may then be
/// completed all the same.
pub trait Store: Leases + Queue + Logs + Signals + 'static {
    /// Writes all entries, in order; later entries for the same key win.
    ///
    /// A value, or a field, becomes visible at once, and with its time to live.
    ///
    /// # Errors
    /// [`StoreError`] when the batch may not have been written.
    fn write(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Reads the value of a key; `None` when it is absent or expired.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell.
    fn read(&self, key: String) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// The same for many keys, each in its place.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell of one of them.
    fn read_all(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>>;

    /// Up to so many [listed](Entry::listed) keys of that family, the newest first: those that come
    /// before that one, or all. Some may be absent by now, for they have expired.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell.
    fn newest(
        &self,
        family: &'static str,
        before: Option<String>,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Forgets a key with all that it holds, or one field of it.
    ///
    /// # Errors
    /// [`StoreError`] when it may still be there.
    fn remove(&self, key: String, field: Option<String>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Reads every field of a key, sorted by name; none when it is absent or expired.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell.
    fn fields(&self, key: String) -> BoxFuture<'_, Result<Vec<(String, Bytes)>, StoreError>>;

    /// Finds out whether the store could be used now.
    ///
    /// # Errors
    /// [`StoreError`] says why it could not.
    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Deletes what has expired and returns how many keys that were; 0 where the store does so
    /// by itself.
    ///
    /// # Errors
    /// [`StoreError`] when not everything could be deleted; the next sweep goes on from there.
    fn sweep(&self) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Leaves everything in order, for the process is about to end. Whoever asks for something
    /// all the same is answered as ever.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// What kind of store this is: `embedded` or `redis`.
    fn kind(&self) -> &'static str;

    /// Whether other processes may use it at the same time.
    fn is_shared(&self) -> bool;
}

/// Something to keep for a while.
///
/// ```
/// use std::time::Duration;
/// use agent_orchestrator::store::Entry;
///
/// let hour = Duration::from_secs(3600);
/// let state = Entry::new("request:1", r#"{"status":"running"}"#, hour);
/// let count = Entry::field("totals", "requests", "17", hour);
/// assert_eq!(state.field, None);
/// assert_eq!(count.field.as_deref(), Some("requests"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key; any text.
    pub key: String,
    /// The field of the key that is written, where the key has fields.
    pub field: Option<String>,
    /// The value; any bytes.
    pub value: Bytes,
    /// How long the key is kept from now on, with all of its fields. Counted in milliseconds: at
    /// least one, at most about a thousand years.
    pub ttl: Duration,
    /// Whether the key can be found by [`Store::newest`].
    pub listed: bool,
}

impl Entry {
    /// The whole value of a key; it replaces what the key held.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<Bytes>, ttl: Duration) -> Self {
        Self {
            key: key.into(),
            field: None,
            value: value.into(),
            ttl,
            listed: false,
        }
    }

    /// The same entry, whose key can be found by [`Store::newest`] as long as it is there. The key is
    /// the name of its family, a colon, and a UUIDv7: the time at which that was made is its age.
    #[must_use]
    pub fn listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// One field of a key; its other fields stay, and live as long as this one from now on.
    #[must_use]
    pub fn field(
        key: impl Into<String>,
        field: impl Into<String>,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(key, value, ttl)
        }
    }

    /// The time to live as every store counts it.
    fn ttl_millis(&self) -> u64 {
        const THOUSAND_YEARS: u64 = 1000 * 365 * 24 * 3600 * 1000;
        u64::try_from(self.ttl.as_millis()).map_or(THOUSAND_YEARS, |ms| ms.clamp(1, THOUSAND_YEARS))
    }
}

/// A span of time in whole milliseconds.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Why a store could not do what it was asked for: which store, what happened, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be used now; trying again later may help.
    #[error("{store} is unavailable: {problem}; {remedy}")]
    Unavailable {
        /// Which store, and where it is.
        store: String,
        /// What happened.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// It holds something that was not written by this version of the orchestrator, or is damaged.
    #[error("{store} cannot be read: {problem}; {remedy}")]
    Corrupt {
        /// Which store, and where it is.
        store: String,
        /// What was found.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// It was configured in a way that can never work.
    #[error("{store} is misconfigured: {problem}; {remedy}")]
    Misconfigured {
        /// Which store.
        store: String,
        /// What is wrong.
        problem: String,
        /// What would be right.
        remedy: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_never_nothing_and_never_overflows() {
        let ttl_of = |ttl| Entry::new("k", "v", ttl).ttl_millis();
        assert_eq!(ttl_of(Duration::ZERO), 1);
        assert_eq!(ttl_of(Duration::from_micros(1500)), 1);
        assert_eq!(ttl_of(Duration::from_secs(2)), 2000);
        assert_eq!(ttl_of(Duration::MAX), 31_536_000_000_000);
    }

    #[test]
    fn an_error_says_which_store_what_happened_and_what_to_do() {
        let error = StoreError::Unavailable {
            store: "Redis at localhost:6379".into(),
            problem: "connection refused".into(),
            remedy: "check that it is running".into(),
        };
        assert_eq!(
            error.to_string(),
            "Redis at localhost:6379 is unavailable: connection refused; check that it is running"
        );
    }
}
