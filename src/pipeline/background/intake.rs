//! Accepts requests: many at a time, for the store confirms many as quickly as one.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::UNFINISHED_TTL;
use super::order::Order;
use crate::pipeline::kept::Kept;
use crate::pipeline::news::News;
use crate::pipeline::record::RequestRecord;
use crate::pipeline::{ErrorType, OrchestrationRequest, Orchestrator, Problem, RequestStatus};
use crate::store::{Entry, StateKey, StoreError};
use crate::words::{RequestId, to_json};

/// Applications that are written together at most.
const AT_ONCE: usize = 256;

/// A request that asks to be accepted.
pub(super) struct Application {
    job: Bytes,
    record: Entry,
    reply: oneshot::Sender<Result<bool, StoreError>>,
}

impl Orchestrator {
    /// Accepts a request that is done sooner or later, by any orchestrator that shares the state, also
    /// if this one ends at once. [`GET /requests/{id}`](crate::http) tells what becomes of it.
    ///
    /// # Errors
    /// A [`Problem`] when the request is faulty or names an agent that there is not; `Overloaded` when
    /// too many are unfinished; `StateUnavailable` when it cannot be stored; `ShuttingDown`.
    pub async fn accept(&self, request: &OrchestrationRequest) -> Result<RequestId, Problem> {
        let id = RequestId::new();
        let accepted = self.accept_as(id, request).await;
        accepted.map_err(|problem| problem.of_request(id))?;
        Ok(id)
    }

    pub(crate) async fn accept_as(
        &self,
        id: RequestId,
        request: &OrchestrationRequest,
    ) -> Result<(), Problem> {
        let house = self.house();
        request.validate(&house.config)?;
        house.check_agents(request)?;
        if house.admission.is_closed() {
            return Err(Problem::shutting_down());
        }
        self.enqueue(&Order::new(id, request)).await
    }

    /// Whether anybody has begun the request of that id, which must have been in the queue then. That it is
    /// known says nothing: that is written before it is in the queue.
    pub(crate) async fn was_begun(&self, id: RequestId) -> Result<bool, Problem> {
        let key = StateKey::Request(id).to_string();
        let record = self.house().store.read(key).await;
        let record = record.map_err(|error| Problem::no_state(&error))?;
        let kept = record.as_deref().map(Kept::read).transpose()?;
        Ok(kept.is_some_and(|kept| kept.status != RequestStatus::Queued))
    }

    /// The record of an order that is in the queue.
    pub(super) fn queued(&self, order: &Order) -> Entry {
        let record = RequestRecord::of_order(self.house().id, order, RequestStatus::Queued);
        let key = StateKey::Request(order.request_id).to_string();
        Entry::new(key, to_json(&record), UNFINISHED_TTL).listed()
    }

    /// Refuses when the queue is full.
    pub(super) async fn check_queue(&self) -> Result<(), Problem> {
        let depth = self.house().store.depth().await;
        let depth = depth.map_err(|error| Problem::no_state(&error))?;
        if depth >= self.house().config.background.capacity {
            return Err(self.too_many_unfinished());
        }
        Ok(())
    }

    /// Puts an order in the queue, and its state where all can see it unless there is one already.
    pub(super) async fn enqueue(&self, order: &Order) -> Result<(), Problem> {
        let house = self.house();
        let (reply, answer) = oneshot::channel();
        let application = Application {
            job: order.to_job(),
            record: self.queued(order),
            reply,
        };
        let sent = house.background.applications.send(application).await;
        sent.map_err(|_ended| Problem::shutting_down())?;
        match answer.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(self.too_many_unfinished()),
            Ok(Err(error)) => Err(Problem::no_state(&error)),
            Err(_ended) => Err(Problem::shutting_down()),
        }
    }

    fn too_many_unfinished(&self) -> Problem {
        let detail = format!(
            "{} accepted requests are not finished, as many as there may be (queue.capacity)",
            self.house().config.background.capacity
        );
        Problem::new(ErrorType::Overloaded, detail).retry_after(Duration::from_secs(10))
    }
}

/// Writes what is handed in until nobody can hand in any more.
pub(super) async fn take_in(
    orchestrator: Orchestrator,
    mut applications: mpsc::Receiver<Application>,
) {
    let mut batch = Vec::new();
    while applications.recv_many(&mut batch, AT_ONCE).await > 0 {
        let written = write(&orchestrator, &batch).await;
        if written == Ok(false) && batch.len() > 1 {
            // There may be room for some of them.
            for application in batch.drain(..) {
                let written = write(&orchestrator, std::slice::from_ref(&application)).await;
                tell(application, written);
            }
        }
        for application in batch.drain(..) {
            tell(application, written.clone());
        }
        orchestrator.house().background.ring();
        orchestrator.tell_others(&News::Work).await;
    }
}

async fn write(
    orchestrator: &Orchestrator,
    applications: &[Application],
) -> Result<bool, StoreError> {
    let house = orchestrator.house();
    let jobs = applications.iter().map(|it| it.job.clone()).collect();
    let records = applications.iter().map(|it| it.record.clone()).collect();
    let capacity = house.config.background.capacity;
    house.store.enqueue(jobs, records, capacity).await
}

fn tell(application: Application, written: Result<bool, StoreError>) {
    // Whoever asked may have gone away; then the request is done all the same.
    let _ = application.reply.send(written);
}
