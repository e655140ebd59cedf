//! Records that wait to be written.

use std::collections::HashMap;
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

/// A record that is not written yet.
#[derive(Clone)]
pub(super) struct Draft {
    pub json: Bytes,
    pub ttl: Duration,
}

impl Draft {
    /// Makes the record JSON, on the thread that has just made the record and has it at hand.
    pub(super) fn new(record: &impl Serialize, ttl: Duration) -> Self {
        let json = serde_json::to_vec(record);
        let json = json.expect("records have string keys and cannot fail to serialise");
        Self {
            json: json.into(),
            ttl,
        }
    }

    pub(super) fn entry(&self, row: &Row) -> Entry {
        Entry {
            key: row.key.to_string(),
            field: row.field.clone(),
            value: self.json.clone(),
            ttl: self.ttl,
        }
    }
}
