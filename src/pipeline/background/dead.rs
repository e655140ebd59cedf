//! Requests that were given up: what they were, and why.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::order::Order;
use crate::pipeline::kept::Kept;
use crate::pipeline::listing::{Page, Paging};
use crate::pipeline::tenure::Tenure;
use crate::pipeline::{ErrorType, Orchestrator, Problem};
use crate::store::{Entry, StateKey};
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
    /// `RequestNotFound` when no such request was given up, `Overloaded` when too many are unfinished or
    /// somebody else is about it, `StateUnavailable`, `ShuttingDown`.
    pub(crate) async fn retry_dead(&self, request: &str) -> Result<RequestId, Problem> {
        let unknown = || {
            let detail = format!("no request `{request}` was given up of late");
            Problem::new(ErrorType::RequestNotFound, detail)
        };
        let id = RequestId::parse(request).ok_or_else(unknown)?;
        let (store, key) = (&self.house().store, StateKey::Dead(id).to_string());
        let lease = self.house().config.lease;
        let no_state = |error| Problem::no_state(&error);
        let tenure = Tenure::begin(store, &key, lease).await.map_err(no_state)?;
        let tenure = tenure.map_err(|_left| in_between(id))?;
        let letter = store.read(key.clone()).await.map_err(no_state)?;
        let letter = letter.and_then(|letter| serde_json::from_slice(&letter).ok());
        let letter: DeadLetter = letter.ok_or_else(unknown)?;
        self.check_queue().await?;
        self.put_back(&letter.order).await?;
        store.remove(key, None).await.map_err(no_state)?;
        tenure.end().await;
        Ok(id)
    }

    /// Has the request look as if it were new, and puts it in the queue; when it cannot be put in, it looks
    /// as it did before, without its events.
    async fn put_back(&self, order: &Order) -> Result<(), Problem> {
        let (house, id) = (self.house(), order.request_id);
        let no_state = |error| Problem::no_state(&error);
        let key = StateKey::Request(id).to_string();
        let record = house.store.read(key.clone()).await.map_err(no_state)?;
        if let Some(record) = &record
            && !Kept::read(record)?.status.is_final()
        {
            // Whoever gives it up writes the letter first.
            return Err(in_between(id));
        }
        // It has no earlier life: its events are numbered anew.
        let events = StateKey::Events(id).to_string();
        house.store.remove(events, None).await.map_err(no_state)?;
        let renewed = house.store.write(vec![self.queued(order)]).await;
        renewed.map_err(no_state)?;
        let put = self.enqueue(order).await;
        if let Err(problem) = &put
            && problem.error_type() != ErrorType::StateUnavailable
        {
            let restored = match record {
                Some(record) => {
                    let ttl = house.config.request_ttl;
                    let record = Entry::new(key, record, ttl).listed();
                    house.store.write(vec![record]).await
                }
                None => house.store.remove(key, None).await,
            };
            restored.map_err(no_state)?;
        }
        put
    }
}

fn in_between(id: RequestId) -> Problem {
    let detail = format!("request `{id}` is being given up, or tried once more, at this moment");
    Problem::new(ErrorType::Overloaded, detail).retry_after(Duration::from_secs(1))
}
