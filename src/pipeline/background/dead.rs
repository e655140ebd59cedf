//! Requests that were given up: what they were, and why.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::order::Order;
use crate::pipeline::listing::{Page, Paging};
use crate::pipeline::{ErrorType, Orchestrator, Problem};
use crate::store::{Entry, StateKey, StoreError};
use crate::words::{RequestId, to_json};

/// How long a request that was given up can be looked at, and tried once more.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// A request that was given up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    pub request_id: RequestId,
    /// When it was given up, UTC.
    pub at: Timestamp,
    /// How often it was begun.
    pub attempts: u32,
    /// Why each of those came to nothing.
    pub setbacks: Vec<String>,
    /// The request.
    pub order: Order,
}

pub(super) fn letter(order: &Order, attempts: u32, setbacks: &[String]) -> Entry {
    let letter = DeadLetter {
        request_id: order.request_id,
        at: Timestamp::now(),
        attempts,
        setbacks: setbacks.to_vec(),
        order: order.clone(),
    };
    let key = StateKey::Dead(order.request_id).to_string();
    Entry::new(key, to_json(&letter), KEPT).listed()
}

impl Orchestrator {
    /// Requests that were given up, the newest first.
    ///
    /// # Errors
    /// `StateUnavailable`.
    pub(crate) async fn dead_letters(&self, paging: Paging) -> Result<Page<DeadLetter>, Problem> {
        let store = &self.house().store;
        let keys = store.newest(StateKey::DEAD, paging.before(StateKey::DEAD), paging.limit);
        let keys = keys.await.map_err(|error| Problem::no_state(&error))?;
        let read = store.read_all(keys.clone()).await;
        let read = read.map_err(|error| Problem::no_state(&error))?;
        let letters = read.into_iter().flatten();
        let letters = letters.filter_map(|letter| serde_json::from_slice(&letter).ok());
        Ok(Page::new(letters.collect(), &keys, paging.limit))
    }

    /// Puts a request that was given up into the queue once more, as if it were new.
    ///
    /// # Errors
    /// `RequestNotFound` when no such request was given up, `Overloaded` when too many are unfinished,
    /// `StateUnavailable`.
    pub(crate) async fn retry_dead(&self, request: &str) -> Result<RequestId, Problem> {
        let unknown = || {
            let detail = format!("no request `{request}` was given up of late");
            Problem::new(ErrorType::RequestNotFound, detail)
        };
        let id = RequestId::parse(request).ok_or_else(unknown)?;
        let key = StateKey::Dead(id).to_string();
        let read = self.house().store.read(key.clone()).await;
        let letter = read.map_err(|error| Problem::no_state(&error))?;
        let letter = letter.and_then(|letter| serde_json::from_slice(&letter).ok());
        let letter: DeadLetter = letter.ok_or_else(unknown)?;
        self.check_queue().await?;
        let record = self.renew(&letter.order).await;
        let record = record.map_err(|error| Problem::no_state(&error))?;
        let put = self.enqueue(&letter.order).await;
        if put
            .as_ref()
            .is_err_and(|it| it.error_type() == ErrorType::Overloaded)
        {
            let restored = self.house().store.write(record.into_iter().collect()).await;
            restored.map_err(|error| Problem::no_state(&error))?;
        }
        put?;
        let removed = self.house().store.remove(key, None).await;
        removed.map_err(|error| Problem::no_state(&error))?;
        Ok(id)
    }

    /// Has the request look as if it were new, and returns what it looked like. It has no earlier life:
    /// its events are numbered anew.
    async fn renew(&self, order: &Order) -> Result<Option<Entry>, StoreError> {
        let house = self.house();
        let key = StateKey::Request(order.request_id).to_string();
        let events = StateKey::Events(order.request_id).to_string();
        let record = house.store.read(key.clone()).await?;
        house.store.remove(events, None).await?;
        house.store.write(vec![self.queued(order)]).await?;
        Ok(record.map(|record| Entry::new(key, record, house.config.request_ttl).listed()))
    }
}
