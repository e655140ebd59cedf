//! Logs: what happened, in order and numbered.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::StoreError;

/// Many short logs, each with one writer at a time and any number of readers.
///
/// A writer begins an epoch, and from then on all that writers of earlier epochs append is refused.
/// Entries are numbered from 1, without gaps, over all epochs.
///
/// Edges: appending the same entries twice, as after an answer that was lost, appends them once.
pub trait Logs: Send + Sync {
    /// Begins an epoch and says how many entries there are; `None` when a later epoch has begun.
    ///
    /// # Errors
    /// [`StoreError`] when it may not have begun.
    fn begin(
        &self,
        log: String,
        epoch: u32,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Appends entries, the first of which has that number, and keeps the log for that long from now
    /// on; `false` when a later epoch has begun.
    ///
    /// # Errors
    /// [`StoreError`] when not all may have been appended.
    fn append(
        &self,
        log: String,
        first: Place,
        entries: Vec<Bytes>,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Reads up to so many entries that come after that place.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    fn entries(
        &self,
        log: String,
        after: Place,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<(Place, Bytes)>, StoreError>>;
}

/// Where an entry is in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The epoch in which it was appended; 0, for a reader who does not know it.
    pub epoch: u32,
    /// Its number.
    pub number: u64,
}

impl Place {
    /// Before all entries.
    pub const START: Self = Self {
        epoch: 0,
        number: 0,
    };

    /// Reads a place as stores write it: epoch and number, with a dash between.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('-')?;
        Some(Self {
            epoch: epoch.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}
