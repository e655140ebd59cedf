//! Requests that are found without knowing their ids, the newest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::kept::Kept;
use super::{Orchestrator, Problem, RequestStatus};
use crate::store::StateKey;
use crate::words::{AgentName, RequestId};

/// Records that are read in one go while those that are asked for are looked for.
const CHUNK: usize = 100;
/// Records that are looked at for one page at most; the cursor leads on from there.
const MOST_LOOKED_AT: usize = 2000;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging {
    /// What comes before that request.
    pub before: Option<RequestId>,
    /// Up to so many.
    pub limit: usize,
}

impl Paging {
    pub(super) fn before(self, family: &str) -> Option<String> {
        self.before.map(|id| format!("{family}:{id}"))
    }
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// Where the next part begins, if there may be one.
    pub next: Option<RequestId>,
}

impl<T> Page<T> {
    /// A part that came of those keys: the last one, unless there are as many as were asked for.
    pub(super) fn new(items: Vec<T>, keys: &[String], asked: usize) -> Self {
        let last = keys.last().filter(|_| keys.len() >= asked);
        let next = last.and_then(|key| RequestId::parse(key.split_once(':')?.1));
        Self { items, next }
    }
}

/// Which requests are asked for; all, where it does not say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub status: Option<RequestStatus>,
    pub agent: Option<AgentName>,
}

impl Orchestrator {
    /// Requests of late, the newest first, as they are shown but without their answers.
    ///
    /// # Errors
    /// `StateUnavailable`.
    pub(crate) async fn requests(
        &self,
        wanted: &Wanted,
        paging: Paging,
    ) -> Result<Page<Box<RawValue>>, Problem> {
        let mut page = Page {
            items: Vec::new(),
            next: paging.before,
        };
        let mut alive = HashMap::new();
        let mut looked_at = 0;
        loop {
            let records = self.records_before(page.next).await?;
            let last = records.len() < CHUNK;
            for (id, record) in records {
                page.next = Some(id);
                looked_at += 1;
                if let Some(shown) = self.if_wanted(&record, wanted, &mut alive).await {
                    page.items.push(shown);
                }
                if page.items.len() >= paging.limit {
                    return Ok(page);
                }
            }
            if last {
                page.next = None;
                return Ok(page);
            }
            if looked_at >= MOST_LOOKED_AT {
                return Ok(page);
            }
        }
    }

    /// The next records that there are, written or not: a whole chunk, unless these are the last. One
    /// that is gone by now is empty.
    async fn records_before(
        &self,
        before: Option<RequestId>,
    ) -> Result<Vec<(RequestId, Bytes)>, Problem> {
        let (store, journal) = (&self.house().store, &self.house().journal);
        let key = before.map(|id| StateKey::Request(id).to_string());
        let keys = store.newest(StateKey::REQUEST, key, CHUNK).await;
        let keys = keys.map_err(|error| Problem::no_state(&error))?;
        let ids = keys.iter().filter_map(|key| key.split_once(':')?.1.into());
        let ids = ids.filter_map(RequestId::parse);
        let mut found: BTreeMap<Reverse<RequestId>, Option<Bytes>> =
            ids.map(|id| (Reverse(id), None)).collect();
        let unwritten = journal.unwritten_requests(before, CHUNK).into_iter();
        found.extend(unwritten.map(|(id, record)| (Reverse(id), Some(record))));
        let mut found: Vec<_> = found.into_iter().take(CHUNK).collect();
        let missing = found.iter_mut().filter(|(_, record)| record.is_none());
        let (ids, places): (Vec<RequestId>, Vec<_>) =
            missing.map(|(id, record)| (id.0, record)).unzip();
        let keys = ids.iter().map(|id| StateKey::Request(*id).to_string());
        let read = store.read_all(keys.collect()).await;
        let read = read.map_err(|error| Problem::no_state(&error))?;
        for (place, record) in places.into_iter().zip(read) {
            *place = record;
        }
        let records = found.into_iter();
        Ok(records
            .map(|(id, record)| (id.0, record.unwrap_or_default()))
            .collect())
    }

    /// What is shown of a record, if it is one of those that are wanted.
    async fn if_wanted(
        &self,
        record: &[u8],
        wanted: &Wanted,
        alive: &mut HashMap<Uuid, bool>,
    ) -> Option<Box<RawValue>> {
        let mut kept = Kept::read(record).ok()?;
        if kept.may_be_interrupted() {
            let lives = match alive.get(&kept.instance_id) {
                Some(lives) => *lives,
                None => self.house().peers.lives(kept.instance_id).await,
            };
            alive.insert(kept.instance_id, lives);
            kept.interrupt_unless(lives);
        }
        if wanted.status.is_some_and(|status| status != kept.status) {
            return None;
        }
        if wanted.agent.as_ref().is_some_and(|it| !kept.concerns(it)) {
            return None;
        }
        kept.response = None;
        serde_json::value::to_raw_value(&kept).ok()
    }
}
