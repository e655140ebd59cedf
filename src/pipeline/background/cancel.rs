//! Stops requests that are worked on elsewhere, or by nobody yet.

use super::UNFINISHED_TTL;
use crate::pipeline::kept::Kept;
use crate::pipeline::news::News;
use crate::pipeline::tenure::Tenure;
use crate::pipeline::{Orchestrator, Problem, RequestStatus};
use crate::store::{Entry, StateKey, StoreError};
use crate::words::{RequestId, to_json};

impl Orchestrator {
    /// Stops a request for which somebody waits at another orchestrator.
    pub(in crate::pipeline) async fn cancel_elsewhere(&self, id: RequestId) -> Result<(), Problem> {
        let news = News::Cancel { request: id };
        let told = self.house().store.publish(to_json(&news)).await;
        told.map_err(|error| Problem::no_state(&error))
    }

    /// Stops a request for which nobody waits: whoever works on it is told, and whoever comes to it
    /// later finds it written.
    pub(in crate::pipeline) async fn cancel_queued(
        &self,
        id: RequestId,
        here: bool,
    ) -> Result<(), Problem> {
        let done = self.mark_and_cancel(id, here).await;
        done.map_err(|error| Problem::no_state(&error))
    }

    async fn mark_and_cancel(&self, id: RequestId, here: bool) -> Result<(), StoreError> {
        let house = self.house();
        let mark = StateKey::Cancel(id).to_string();
        let mark = Entry::new(mark, "cancelled", UNFINISHED_TTL);
        let marked = house.store.write(vec![mark]).await;
        if here {
            // It is stopped in any case; the mark is for those who would go on after a crash.
            return Ok(());
        }
        marked?;
        self.tell_others(&News::Cancel { request: id }).await;
        let key = StateKey::Request(id);
        let Ok(tenure) = Tenure::begin(&house.store, &key, house.config.lease).await? else {
            // Whoever works on it has been told, or finds the mark when they go on.
            return Ok(());
        };
        let Some(record) = house.store.read(key.to_string()).await? else {
            return Ok(());
        };
        if let Some(record) = cancelled(&record) {
            let entry = Entry::new(key.to_string(), record, house.config.request_ttl).listed();
            tenure.write(entry).await?;
        }
        Ok(())
    }
}

/// The record of a request that nobody works on, as it is once that was cancelled.
fn cancelled(record: &[u8]) -> Option<bytes::Bytes> {
    let kept = Kept::read(record).ok()?;
    if kept.status.is_final() {
        return None;
    }
    let mut record: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(record).ok()?;
    let status = serde_json::to_value(RequestStatus::Cancelled).ok()?;
    record.insert("status".to_owned(), status);
    let now = jiff::Timestamp::now().to_string();
    record.insert("updated_at".to_owned(), now.into());
    Some(to_json(&record))
}
