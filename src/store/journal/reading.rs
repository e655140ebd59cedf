//! Reads records, written or not.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::draft::{Draft, Row};
use super::{Journal, lock};
use crate::store::{StateKey, StoreError};
use crate::words::RequestId;

impl Journal {
    /// The record of that key, written or not.
    ///
    /// # Errors
    /// When it has to be read from the store and cannot be.
    pub async fn read(&self, key: StateKey) -> Result<Option<Bytes>, StoreError> {
        if let Some(draft) = self.unwritten(key) {
            return Ok(Some(draft.json()));
        }
        let read = self.shared.store.read(key.to_string()).await;
        self.note(&read);
        read
    }

    /// Up to so many records of requests that are not written yet, the newest first: those that come
    /// before that one, or all.
    pub(crate) fn unwritten_requests(
        &self,
        before: Option<RequestId>,
        most: usize,
    ) -> Vec<(RequestId, Bytes)> {
        let mut found = BTreeMap::new();
        for drafts in [&self.shared.writing, &self.shared.waiting] {
            // What waits is newer than what is being written, and takes its place.
            found.extend(lock(drafts).requests(before, most));
        }
        let newest = found.into_iter().rev().take(most);
        newest.map(|(id, draft)| (id, draft.json())).collect()
    }

    /// All fields of that key, as far as they are written.
    ///
    /// # Errors
    /// When they cannot be read from the store.
    pub async fn fields(&self, key: StateKey) -> Result<Vec<(String, Bytes)>, StoreError> {
        let read = self.shared.store.fields(key.to_string()).await;
        self.note(&read);
        read
    }

    fn unwritten(&self, key: StateKey) -> Option<Draft> {
        let row = Row { key, field: None };
        let waiting = lock(&self.shared.waiting).get(&row).cloned();
        waiting.or_else(|| lock(&self.shared.writing).get(&row).cloned())
    }
}
