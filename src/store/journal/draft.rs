//! Records that wait to be written.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::store::{Entry, StateKey};
use crate::words::{RequestId, to_json};

/// Records, and their bytes, that may wait.
const ROOM: usize = 65_536;
const ROOM_BYTES: usize = 256 << 20;
/// Records, and their bytes, that are written in one go; of a larger one, that one alone.
const BATCH: usize = 4_096;
const BATCH_BYTES: usize = 8 << 20;

/// Where a record goes: to a key, or to one of its fields.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub key: StateKey,
    pub field: Option<String>,
}

/// A record that is not written yet.
#[derive(Clone)]
pub(super) struct Draft {
    body: Body,
    pub ttl: Duration,
}

#[derive(Clone)]
enum Body {
    Made(Bytes),
    /// Is made JSON when that is needed.
    Unmade(Arc<dyn Unmade>),
}

/// How long a record that is not made is taken to be.
const UNMADE_BYTES: usize = 2 << 10;

impl Draft {
    /// Makes the record JSON, on the thread that has just made the record and has it at hand.
    pub(super) fn new(record: &impl Serialize, ttl: Duration) -> Self {
        Self::made(to_json(record), ttl)
    }

    /// One whose JSON there is already.
    pub(super) fn made(json: Bytes, ttl: Duration) -> Self {
        let body = Body::Made(json);
        Self { body, ttl }
    }

    /// Leaves the record as it is until its JSON is needed.
    pub(super) fn unmade(record: impl Serialize + Send + Sync + 'static, ttl: Duration) -> Self {
        let body = Body::Unmade(Arc::new(record));
        Self { body, ttl }
    }

    pub(super) fn json(&self) -> Bytes {
        match &self.body {
            Body::Made(json) => json.clone(),
            Body::Unmade(record) => record.make(),
        }
    }

    fn len(&self) -> usize {
        match &self.body {
            Body::Made(json) => json.len(),
            Body::Unmade(_) => UNMADE_BYTES,
        }
    }
}

trait Unmade: Send + Sync {
    fn make(&self) -> Bytes;
}

impl<T: Serialize + Send + Sync> Unmade for T {
    fn make(&self) -> Bytes {
        to_json(self)
    }
}

/// Records that go to one field together: one of many is dearer than many bytes.
struct Bundle {
    /// A list in the making, without the bracket at its end.
    json: Vec<u8>,
    ttl: Duration,
}

/// What waits, by where it goes: stores are quicker with what lies together.
#[derive(Default)]
pub(super) struct Drafts {
    rows: BTreeMap<Row, Draft>,
    bundles: BTreeMap<StateKey, Bundle>,
    /// Of all rows and bundles.
    bytes: usize,
}

impl Drafts {
    /// Puts a record in the place of any that goes to the same row; `false` when there is no room.
    pub(super) fn insert(&mut self, row: Row, draft: Draft) -> bool {
        let more = self.rows.len() < ROOM;
        let place = self.rows.entry(row);
        let replaced = match &place {
            Place::Occupied(old) => old.get().len(),
            Place::Vacant(_) => 0,
        };
        let bytes = self.bytes - replaced + draft.len();
        if bytes > ROOM_BYTES {
            return false;
        }
        match place {
            Place::Occupied(mut old) => {
                old.insert(draft);
            }
            Place::Vacant(place) if more => {
                place.insert(draft);
            }
            Place::Vacant(_) => return false,
        }
        self.bytes = bytes;
        true
    }

    /// Adds a record to the bundle of that key; `false` when there is no room.
    pub(super) fn collect(&mut self, key: StateKey, json: &[u8], ttl: Duration) -> bool {
        let bytes = self.bytes + 1 + json.len();
        if bytes > ROOM_BYTES {
            return false;
        }
        let bundle = self.bundles.entry(key).or_insert_with(|| {
            let json = Vec::new();
            Bundle { json, ttl }
        });
        let before = if bundle.json.is_empty() { b'[' } else { b',' };
        bundle.json.push(before);
        bundle.json.extend_from_slice(json);
        self.bytes = bytes;
        true
    }

    /// Makes each bundle a record of its own, in a field that no other one has.
    pub(super) fn close_bundles(&mut self) {
        for (key, Bundle { mut json, ttl }) in std::mem::take(&mut self.bundles) {
            json.push(b']');
            self.bytes += 1;
            let field = Some(Uuid::now_v7().to_string());
            let draft = Draft::made(json.into(), ttl);
            self.rows.insert(Row { key, field }, draft);
        }
    }

    pub(super) fn get(&self, row: &Row) -> Option<&Draft> {
        self.rows.get(row)
    }

    /// Up to so many records of requests, the newest first: those that come before that one, or all.
    pub(super) fn requests(
        &self,
        before: Option<RequestId>,
        most: usize,
    ) -> Vec<(RequestId, Draft)> {
        let row = |id| Row {
            key: StateKey::Request(id),
            field: None,
        };
        // Requests come before all other keys.
        let end = before.map_or(Bound::Unbounded, |id| Bound::Excluded(row(id)));
        let rows = self.rows.range((Bound::Unbounded, end)).rev();
        let requests = rows.filter_map(|(row, draft)| match row.key {
            StateKey::Request(id) => Some((id, draft.clone())),
            _ => None,
        });
        requests.take(most).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.bundles.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.bundles.is_empty()
    }

    /// The first records, as many as are to be written in one go.
    pub(super) fn batch(&self) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |(_, draft): &(&Row, &Draft)| {
            let is_first = bytes == 0;
            bytes += draft.len();
            is_first || bytes <= BATCH_BYTES
        };
        let rows = self.rows.iter().take(BATCH).take_while(fits);
        rows.map(|(row, draft)| entry(row, draft)).collect()
    }

    /// Forgets the first records, which were written.
    pub(super) fn retire(&mut self, count: usize) {
        for _ in 0..count {
            if let Some((_, draft)) = self.rows.pop_first() {
                self.bytes -= draft.len();
            }
        }
    }
}

fn entry(row: &Row, draft: &Draft) -> Entry {
    Entry {
        key: row.key.to_string(),
        field: row.field.clone(),
        value: draft.json(),
        ttl: draft.ttl,
        listed: row.key.is_listed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hour: i64) -> Row {
        Row {
            key: StateKey::Rollup { hour },
            field: None,
        }
    }

    fn draft(json: &Bytes) -> Draft {
        Draft::made(json.clone(), Duration::from_secs(60))
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_and_never_empty() {
        let (large, small) = (Bytes::from(vec![0; BATCH_BYTES + 1]), Bytes::from(vec![0]));
        let mut drafts = Drafts::default();
        for (hour, json) in [(1, &small), (2, &large), (3, &small), (4, &small)] {
            assert!(drafts.insert(row(hour), draft(json)));
        }
        for count in [1, 1, 2] {
            assert_eq!(drafts.batch().len(), count);
            drafts.retire(count);
        }
        assert!(drafts.is_empty() && drafts.batch().is_empty());
        assert_eq!(drafts.bytes, 0);
    }

    #[test]
    fn what_is_collected_becomes_one_record_for_each_key() {
        let ttl = Duration::from_secs(60);
        let second = |second| StateKey::Metrics { second };
        let mut drafts = Drafts::default();
        for (key, json) in [(1, "1"), (2, "[2]"), (1, "{}")] {
            assert!(drafts.collect(second(key), json.as_bytes(), ttl));
        }
        assert_eq!((drafts.len(), drafts.bytes), (2, 9));
        drafts.close_bundles();
        let made = drafts.batch();
        let made: Vec<_> = made.iter().map(|it| (&*it.key, &it.value[..])).collect();
        assert_eq!(
            made,
            [("metrics:1", &b"[1,{}]"[..]), ("metrics:2", b"[[2]]")]
        );

        assert!(drafts.collect(second(1), b"3", ttl));
        drafts.close_bundles();
        assert_eq!(drafts.len(), 3, "each bundle has a field of its own");
        drafts.retire(3);
        assert_eq!(drafts.bytes, 0);
        let most = vec![0; ROOM_BYTES];
        assert!(!drafts.collect(second(1), &most, ttl) && drafts.is_empty());
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_a_record_may_take_the_place_of_another() {
        let most = Bytes::from(vec![0; ROOM_BYTES]);
        let mut drafts = Drafts::default();
        assert!(drafts.insert(row(1), draft(&most)));
        assert!(!drafts.insert(row(2), draft(&Bytes::from_static(b"x"))));
        assert!(drafts.insert(row(1), draft(&most)));
        assert!(drafts.insert(row(1), draft(&Bytes::from_static(b"x"))));
        assert!(drafts.insert(row(2), draft(&Bytes::from_static(b"x"))));
        assert_eq!((drafts.len(), drafts.bytes), (2, 2));
    }
}
