//! Writes what becomes of a request, under its lease.

use std::time::Duration;

use bytes::Bytes;

use super::{Duty, End};
use crate::pipeline::background::UNFINISHED_TTL;
use crate::pipeline::kept::Kept;
use crate::pipeline::record::RequestRecord;
use crate::pipeline::{Problem, RequestStatus};
use crate::store::{Entry, StateKey};
use crate::words::to_json;

/// How long is waited before what the store could not take is offered again.
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(250);

impl Duty<'_> {
    pub(super) async fn conclude(
        &mut self,
        status: RequestStatus,
        problem: Option<Problem>,
    ) -> End {
        let id = self.order.request_id;
        let problem = problem.map(|problem| problem.of_request(id));
        let record = RequestRecord {
            problem,
            ..self.record(status)
        };
        self.write_result(to_json(&record)).await
    }

    /// Writes how far it has come; `false` when somebody else may be further.
    pub(super) async fn note(&self, status: RequestStatus) -> bool {
        let record = to_json(&self.record(status));
        let written = self.tenure.write(self.entry(record, UNFINISHED_TTL)).await;
        written.unwrap_or(false)
    }

    /// Writes the result, however long the store is away, unless somebody else has gone on with the
    /// request meanwhile.
    pub(super) async fn write_result(&self, record: Bytes) -> End {
        let house = self.house();
        let entry = self.entry(record, house.config.request_ttl);
        loop {
            match self.tenure.write(entry.clone()).await {
                Ok(true) => return End::Finished,
                Ok(false) => match self.may_still_write().await {
                    Some(true) => {}
                    Some(false) => return End::Left,
                    None => tokio::time::sleep(STORE_PAUSE).await,
                },
                Err(_away) => tokio::time::sleep(STORE_PAUSE).await,
            }
        }
    }

    /// Whether, though the lease has ended, nobody has gone on with the request; `None` when that
    /// cannot be told.
    async fn may_still_write(&self) -> Option<bool> {
        let house = self.house();
        if !self.tenure.resume().await.ok()? {
            return Some(false);
        }
        let key = StateKey::Request(self.order.request_id).to_string();
        let record = house.store.read(key).await.ok()?;
        let unchanged = record.is_none_or(|record| {
            Kept::read(&record)
                .is_ok_and(|kept| !kept.status.is_final() && kept.epoch == self.epoch)
        });
        if unchanged {
            self.tenure.confirm();
        }
        Some(unchanged)
    }

    fn record(&self, status: RequestStatus) -> RequestRecord {
        RequestRecord {
            attempt: self.attempt,
            setbacks: self.setbacks.clone(),
            epoch: self.epoch,
            ..RequestRecord::of_order(self.house().id, &self.order, status)
        }
    }

    pub(super) fn entry(&self, record: Bytes, ttl: Duration) -> Entry {
        let key = StateKey::Request(self.order.request_id).to_string();
        Entry::new(key, record, ttl).listed()
    }
}
