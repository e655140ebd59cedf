//! Does one request for which nobody waits, from the moment at which it was taken.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use log::{error, info};

use super::order::Order;
use super::{UNFINISHED_TTL, dead};
use crate::pipeline::books::{Books, BooksApart};
use crate::pipeline::house::Errand;
use crate::pipeline::kept::Kept;
use crate::pipeline::record::RequestRecord;
use crate::pipeline::running::Stoppable;
use crate::pipeline::tenure::Tenure;
use crate::pipeline::{Answer, ErrorType, House, Orchestrator, Problem, RequestStatus};
use crate::store::{Entry, StateKey};
use crate::words::{RequestEvent, to_json};

/// How long is waited before the second attempt, at least; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long is waited before what the store could not take is offered again.
const STORE_PAUSE: Duration = Duration::from_millis(250);

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There is a result, and nothing is left to do.
    Finished,
    /// Somebody else works on it, or will.
    Left,
}

/// A request, the right to change its state, and how far it has come.
struct Duty<'a> {
    orchestrator: &'a Orchestrator,
    order: Order,
    tenure: Tenure,
    stoppable: Stoppable,
    attempt: u32,
    setbacks: Vec<String>,
}

/// How an attempt ended.
enum Turn {
    Passed(Result<Answer, Problem>),
    /// Somebody has cancelled the request.
    Stopped,
    /// Somebody else works on it.
    Lost,
    /// This orchestrator ends.
    Closing,
}

pub(super) async fn perform(orchestrator: &Orchestrator, job: &[u8]) -> End {
    let order = match Order::read(job) {
        Ok(order) => order,
        Err(error) => {
            error!("something in the queue is no request and is thrown away: {error}");
            return End::Finished;
        }
    };
    let house = orchestrator.house();
    let key = StateKey::Request(order.request_id);
    let tenure = Tenure::begin(&house.store, &key, house.config.lease).await;
    let (Ok(Ok(tenure)), Ok(record)) = (tenure, house.store.read(key.to_string()).await) else {
        return End::Left;
    };
    let mut duty = Duty {
        stoppable: house.running.enter(order.request_id),
        orchestrator,
        order,
        tenure,
        attempt: 0,
        setbacks: Vec::new(),
    };
    if let Some(record) = record
        && let Ok(kept) = Kept::read(&record)
    {
        if kept.status.is_final() {
            return End::Finished;
        }
        duty.attempt = kept.attempt;
        duty.setbacks.clone_from(&kept.setbacks);
        if kept.status != RequestStatus::Queued {
            let ended = kept.instance_id;
            let setback = format!("the orchestrator {ended} ended while it worked on it");
            duty.setbacks.push(setback);
        }
    }
    duty.perform().await
}

impl Duty<'_> {
    fn house(&self) -> &House {
        self.orchestrator.house()
    }

    async fn perform(&mut self) -> End {
        let most = self.house().config.background.max_attempts;
        loop {
            if self.is_cancelled().await {
                return self.conclude(RequestStatus::Cancelled, None).await;
            }
            if self.attempt >= most {
                return self.give_up().await;
            }
            self.attempt += 1;
            // Counted before anything is done that could end this orchestrator.
            if !self.note(RequestStatus::Routing).await {
                return End::Left;
            }
            let (turn, record) = self.attempt().await;
            match turn {
                Turn::Passed(Ok(_)) => {
                    let record = record.expect("an answer is entered before it is returned");
                    return self.write_result(record).await;
                }
                Turn::Passed(Err(problem)) if problem.error_type() == ErrorType::ShuttingDown => {
                    return self.leave().await;
                }
                Turn::Passed(Err(problem)) if was_refused(&problem) => {
                    self.setbacks.push(problem.to_string());
                    if self.attempt < most && !self.is_to_go_on(&problem).await {
                        return self.leave().await;
                    }
                }
                Turn::Passed(Err(problem)) => {
                    return self.conclude(RequestStatus::Failed, Some(problem)).await;
                }
                Turn::Stopped => return self.conclude(RequestStatus::Cancelled, None).await,
                Turn::Lost => return End::Left,
                Turn::Closing => return self.leave().await,
            }
        }
    }

    /// Has the agents do it once. What there is to be written meanwhile is written before this ends.
    async fn attempt(&self) -> (Turn, Option<Bytes>) {
        let books = Arc::new(BooksApart::default());
        let noting = async {
            while let Some(note) = books.noted().await {
                // It only tells how far the request has come.
                let _ = self.tenure.write(self.entry(note, UNFINISHED_TTL)).await;
            }
        };
        let working = async {
            let turn = tokio::select! {
                biased;
                () = self.tenure.lost() => Turn::Lost,
                () = self.stoppable.stopped() => Turn::Stopped,
                () = self.house().background.closing.cancelled() => Turn::Closing,
                outcome = self.pass(&books) => Turn::Passed(outcome),
            };
            (turn, books.end())
        };
        let (ended, ()) = tokio::join!(working, noting);
        ended
    }

    async fn pass(&self, books: &Arc<BooksApart>) -> Result<Answer, Problem> {
        let log = self.house().log_of(self.order.request_id, self.attempt);
        let nobody_here = |_, _: &RequestEvent| {};
        let errand = Errand {
            id: self.order.request_id,
            timestamp: self.order.accepted_at,
            attempt: self.attempt,
            session_id: None,
            setbacks: self.setbacks.as_slice().into(),
            listener: Some(log.listener(Box::new(nobody_here))),
            log: Some(log),
            books: Books::Apart(Arc::clone(books)),
        };
        let request = self.order.request(&self.house().config)?;
        self.orchestrator.pass(errand, request).await
    }

    /// Waits before the next attempt; `false` when there is to be none here.
    async fn is_to_go_on(&self, problem: &Problem) -> bool {
        if !self.note(RequestStatus::Queued).await {
            return false;
        }
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.attempt.saturating_sub(1));
        let asked = match problem.error_type() {
            ErrorType::Overloaded | ErrorType::CircuitBreakerOpenError => problem.pause(),
            // Nobody knows when an agent is resumed.
            _ => None,
        };
        let pause = doubled.max(asked.unwrap_or_default()).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.stoppable.stopped() => true,
            () = self.tenure.lost() => false,
            () = self.house().background.closing.cancelled() => false,
        }
    }

    /// Whether somebody has cancelled it, here or while nobody worked on it.
    async fn is_cancelled(&self) -> bool {
        let key = StateKey::Cancel(self.order.request_id).to_string();
        let found = self.house().store.read(key).await;
        matches!(found, Ok(Some(_)))
    }

    async fn give_up(&mut self) -> End {
        let setbacks = self.setbacks.join("; ");
        let detail = format!("given up after {} attempts: {setbacks}", self.attempt);
        info!("request {}: {detail}", self.order.request_id);
        let problem = Problem::new(ErrorType::GivenUp, detail.clone());
        let letter = dead::letter(&self.order, self.attempt, &self.setbacks);
        while self
            .house()
            .store
            .write(vec![letter.clone()])
            .await
            .is_err()
        {
            tokio::time::sleep(STORE_PAUSE).await;
        }
        self.conclude(RequestStatus::Failed, Some(problem)).await
    }

    /// Leaves it to others, as if this attempt had not been.
    async fn leave(&mut self) -> End {
        self.attempt -= 1;
        self.note(RequestStatus::Queued).await;
        End::Left
    }

    async fn conclude(&mut self, status: RequestStatus, problem: Option<Problem>) -> End {
        let id = self.order.request_id;
        let problem = problem.map(|problem| problem.of_request(id));
        let record = RequestRecord {
            problem,
            ..self.record(status)
        };
        self.write_result(to_json(&record)).await
    }

    /// Writes how far it has come; `false` when somebody else may be further.
    async fn note(&self, status: RequestStatus) -> bool {
        let record = to_json(&self.record(status));
        let written = self.tenure.write(self.entry(record, UNFINISHED_TTL)).await;
        written.unwrap_or(false)
    }

    /// Writes the result, however long the store is away, unless somebody else has gone on with the
    /// request meanwhile.
    async fn write_result(&self, record: Bytes) -> End {
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
        if !self.tenure.resume(house.config.lease).await.ok()? {
            return Some(false);
        }
        let key = StateKey::Request(self.order.request_id).to_string();
        let record = house.store.read(key).await.ok()?;
        Some(record.is_none_or(|record| {
            Kept::read(&record)
                .is_ok_and(|kept| !kept.status.is_final() && kept.attempt == self.attempt)
        }))
    }

    fn record(&self, status: RequestStatus) -> RequestRecord {
        RequestRecord {
            attempt: self.attempt,
            setbacks: self.setbacks.as_slice().into(),
            ..RequestRecord::of_order(self.house().id, &self.order, status)
        }
    }

    fn entry(&self, record: Bytes, ttl: Duration) -> Entry {
        let key = StateKey::Request(self.order.request_id).to_string();
        Entry::new(key, record, ttl).listed()
    }
}

/// Whether nobody has done anything for the request yet, so that it may be tried again.
fn was_refused(problem: &Problem) -> bool {
    problem.error_type().status() == 503
}
