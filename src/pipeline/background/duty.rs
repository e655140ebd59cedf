//! Does one request for which nobody waits, from the moment at which it was taken.

mod writing;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use log::{error, info};

use super::order::Order;
use super::{UNFINISHED_TTL, dead};
use crate::pipeline::books::{Books, BooksApart};
use crate::pipeline::events::EventLog;
use crate::pipeline::house::Errand;
use crate::pipeline::kept::Kept;
use crate::pipeline::running::Stoppable;
use crate::pipeline::tenure::Tenure;
use crate::pipeline::{Answer, ErrorType, House, Orchestrator, Problem, RequestStatus};
use crate::store::StateKey;
use crate::words::RequestEvent;
use writing::STORE_PAUSE;

/// How long is waited before the second attempt, at least; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There is a result, and nothing is left to do.
    Finished,
    /// Somebody else is to go on with it at once.
    GivenBack,
    /// Somebody else works on it, or will.
    Left,
}

/// A request, the right to change its state, and how far it has come.
struct Duty<'a> {
    orchestrator: &'a Orchestrator,
    order: Order,
    tenure: Tenure,
    stoppable: Stoppable<'a>,
    attempt: u32,
    epoch: u32,
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
    let Ok(Ok(tenure)) = tenure else {
        return End::Left;
    };
    // Entered first: whoever cancels it from now on is heard, or has left a mark that is read.
    let stoppable = house.running.enter(order.request_id);
    let keys = [key, StateKey::Cancel(order.request_id)];
    let keys = keys.iter().map(ToString::to_string).collect();
    let Ok(known) = house.store.read_all(keys).await else {
        return End::Left;
    };
    let [record, cancel] = known.try_into().unwrap_or_default();
    let mut duty = Duty {
        stoppable,
        orchestrator,
        order,
        tenure,
        attempt: 0,
        epoch: 0,
        setbacks: Vec::new(),
    };
    if let Some(record) = record
        && let Ok(kept) = Kept::read(&record)
    {
        if kept.status.is_final() {
            return End::Finished;
        }
        duty.attempt = kept.attempt;
        duty.epoch = kept.epoch;
        duty.setbacks.clone_from(&kept.setbacks);
        if kept.status != RequestStatus::Queued {
            let ended = kept.instance_id;
            let setback = format!("the orchestrator {ended} ended while it worked on it");
            duty.setbacks.push(setback);
        }
    }
    if cancel.is_some() {
        return duty.conclude(RequestStatus::Cancelled, None).await;
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
            if self.attempt >= most {
                return self.give_up().await;
            }
            self.attempt += 1;
            self.epoch += 1;
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
                    if self.is_cancelled().await {
                        return self.conclude(RequestStatus::Cancelled, None).await;
                    }
                }
                Turn::Passed(Err(problem)) => {
                    return match record {
                        Some(record) => self.write_result(record).await,
                        // It did not get as far as to the agents.
                        None => self.conclude(RequestStatus::Failed, Some(problem)).await,
                    };
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
        let log = self.house().log_of(self.order.request_id, self.epoch);
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
                () = self.marked() => Turn::Stopped,
                () = self.house().background.closing.cancelled() => Turn::Closing,
                outcome = self.pass(&books, &log) => Turn::Passed(outcome),
            };
            (turn, books.end())
        };
        let (ended, ()) = tokio::join!(working, noting);
        // Whoever reads of the end may believe to have read all that came before.
        log.close().await;
        ended
    }

    /// Waits until somebody has cancelled the request whom nobody here has heard.
    async fn marked(&self) {
        loop {
            tokio::time::sleep(self.house().config.lease / 4).await;
            if self.is_cancelled().await {
                return;
            }
        }
    }

    async fn pass(&self, books: &Arc<BooksApart>, log: &EventLog) -> Result<Answer, Problem> {
        let nobody_here = |_, _: &RequestEvent| {};
        let errand = Errand {
            id: self.order.request_id,
            timestamp: self.order.accepted_at,
            attempt: self.attempt,
            session_id: None,
            setbacks: self.setbacks.clone(),
            epoch: self.epoch,
            listener: Some(log.listener(Box::new(nobody_here))),
            log: None,
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
        if self.note(RequestStatus::Queued).await {
            End::GivenBack
        } else {
            End::Left
        }
    }
}

/// Whether nobody has done anything for the request yet, so that it may be tried again. Its agents
/// were there when it was accepted: here they may not have been registered yet.
fn was_refused(problem: &Problem) -> bool {
    let error_type = problem.error_type();
    error_type.status() == 503 || error_type == ErrorType::AgentNotFound
}
