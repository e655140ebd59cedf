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
/// Bytes of a bundle, after which another is begun.
const BUNDLE_BYTES: usize = 64 << 10;

/// Where a record goes: to a key, or to one of its fields.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub key: StateKey,
    pub field: Option<String>,
}

/// A record that is not written yet, or a list of some.
#[derive(Clone)]
pub(super) struct Draft {
    body: Body,
    records: usize,
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
        Self::of(Body::Made(json), ttl)
    }

    /// Leaves the record as it is until its JSON is needed.
    pub(super) fn unmade(record: impl Serialize + Send + Sync + 'static, ttl: Duration) -> Self {
        Self::of(Body::Unmade(Arc::new(record)), ttl)
    }

    fn of(body: Body, ttl: Duration) -> Self {
        let records = 1;
        Self { body, records, ttl }
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

/// Records that go to one field together: a field costs more than what is in it.
#[derive(Default)]
struct Bundle {
    /// A list in the making, without the bracket at its end.
    json: Vec<u8>,
    records: usize,
    ttl: Duration,
}

impl Bundle {
    fn add(&mut self, json: &[u8]) {
        let mark = if self.records == 0 { b'[' } else { b',' };
        self.json.push(mark);
        self.json.extend_from_slice(json);
        self.records += 1;
    }
}

/// What waits, by where it goes: stores are quicker with what lies together.
#[derive(Default)]
pub(super) struct Drafts {
    rows: BTreeMap<Row, Draft>,
    bundles: BTreeMap<StateKey, Bundle>,
    /// In all rows and bundles, and how long they are.
    records: usize,
    bytes: usize,
}

impl Drafts {
    /// Puts a record in the place of any that goes to the same row; `false` when there is no room.
    pub(super) fn insert(&mut self, row: Row, draft: Draft) -> bool {
        let more = self.records < ROOM;
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
                self.records += draft.records;
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
        if bytes > ROOM_BYTES || self.records >= ROOM {
            return false;
        }
        let bundle = self.bundles.entry(key).or_default();
        bundle.add(json);
        bundle.ttl = ttl;
        let is_full = bundle.json.len() >= BUNDLE_BYTES;
        (self.records, self.bytes) = (self.records + 1, bytes);
        if is_full && let Some(bundle) = self.bundles.remove(&key) {
            self.close(key, bundle);
        }
        true
    }

    /// Makes all bundles rows.
    pub(super) fn close_bundles(&mut self) {
        while let Some((key, bundle)) = self.bundles.pop_first() {
            self.close(key, bundle);
        }
    }

    /// Makes the bundle a row, in a field that no other one has.
    fn close(&mut self, key: StateKey, bundle: Bundle) {
        let Bundle {
            mut json,
            records,
            ttl,
        } = bundle;
        json.push(b']');
        self.bytes += 1;
        let body = Body::Made(json.into());
        let draft = Draft { body, records, ttl };
        let field = Some(Uuid::now_v7().to_string());
        self.rows.insert(Row { key, field }, draft);
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
        self.records
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
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

    /// Forgets the first rows, which were written; returns how many records they were.
    pub(super) fn retire(&mut self, rows: usize) -> usize {
        let before = self.records;
        for _ in 0..rows {
            if let Some((_, draft)) = self.rows.pop_first() {
                self.records -= draft.records;
                self.bytes -= draft.len();
            }
        }
        before - self.records
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
            assert_eq!(drafts.retire(count), count);
        }
        assert!(drafts.is_empty() && drafts.batch().is_empty());
        assert_eq!(drafts.bytes, 0);
    }

    fn collect(drafts: &mut Drafts, second: u64, json: &str) -> bool {
        let (key, ttl) = (StateKey::Metrics { second }, Duration::from_secs(60));
        drafts.collect(key, json.as_bytes(), ttl)
    }

    #[test]
    fn what_is_collected_becomes_one_row_for_each_key() {
        let mut drafts = Drafts::default();
        for (second, json) in [(1, "1"), (2, "[2]"), (1, "{}")] {
            assert!(collect(&mut drafts, second, json));
        }
        assert_eq!((drafts.len(), drafts.bytes), (3, 9));
        drafts.close_bundles();
        let made = drafts.batch();
        let made: Vec<_> = made.iter().map(|it| (&*it.key, &it.value[..])).collect();
        assert_eq!(
            made,
            [("metrics:1", &b"[1,{}]"[..]), ("metrics:2", b"[[2]]")]
        );

        assert!(collect(&mut drafts, 1, "3"));
        drafts.close_bundles();
        assert_eq!(drafts.batch().len(), 3, "each has a field of its own");
        assert_eq!(drafts.retire(1), 2);
        assert_eq!(drafts.retire(2), 2);
        assert_eq!((drafts.len(), drafts.bytes), (0, 0));
    }

    #[test]
    fn what_is_collected_is_bounded_in_records_and_in_bytes() {
        let mut drafts = Drafts::default();
        let most = "x".repeat(ROOM_BYTES);
        assert!(!collect(&mut drafts, 1, &most));
        assert!(drafts.is_empty());
        while collect(&mut drafts, 1, "1234567890") {}
        assert_eq!(drafts.len(), ROOM);
        assert!(!drafts.insert(row(1), draft(&Bytes::from_static(b"x"))));
        drafts.close_bundles();
        let fields = drafts.batch();
        assert!(fields.len() > 1);
        for field in fields {
            assert!(field.value.len() <= BUNDLE_BYTES + 12);
            let records: Vec<u64> = serde_json::from_slice(&field.value).unwrap();
            assert!(records.iter().all(|it| *it == 1_234_567_890));
        }
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
