//! Records that wait to be written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::store::{Entry, StateKey};

/// What waits, by where it goes.
pub(super) type Drafts = HashMap<Row, Draft>;

/// Where a record goes: to a key, or to one of its fields.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub key: StateKey,
    pub field: Option<String>,
}

/// A record that is not written yet; it is put into bytes only when it is.
#[derive(Clone)]
pub(super) struct Draft {
    pub value: Arc<dyn Encode>,
    pub ttl: Duration,
}

/// Records that are made JSON before others on the thread have their turn.
const FEW: usize = 16;

/// Makes the records JSON, a few at a time: supervisors live on the same thread.
pub(super) async fn entries(rows: &[(&Row, &Draft)]) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(rows.len());
    for few in rows.chunks(FEW) {
        entries.extend(few.iter().map(|(row, draft)| draft.entry(row)));
        tokio::task::yield_now().await;
    }
    entries
}

/// A record, to be made JSON when it is written.
pub(super) trait Encode: Send + Sync {
    fn encode(&self) -> Bytes;
}

impl<T: Serialize + Send + Sync> Encode for T {
    fn encode(&self) -> Bytes {
        let json = serde_json::to_vec(self);
        json.expect("records have string keys and cannot fail to serialise")
            .into()
    }
}

impl Draft {
    pub(super) fn entry(&self, row: &Row) -> Entry {
        Entry {
            key: row.key.to_string(),
            field: row.field.clone(),
            value: self.value.encode(),
            ttl: self.ttl,
        }
    }
}
