//! What is kept of a request: its state, its measurements, its part in the sums.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::answer::{Answer, AnswerBody};
use super::background::Order;
use super::books::Books;
use super::execute::Step;
use super::problem::Problem;
use super::{Arrival, House, RequestStatus};
use crate::judgement::Outcome;
use crate::routing::{Plan, Routing};
use crate::store::StateKey;
use crate::telemetry::{AgentCall, Observation};
use crate::words::{AgentName, RequestEvent, RequestId, milliseconds, to_json, to_json_with};

/// The state of a request, from which `GET /requests/{id}` shows all but the question. An answered one
/// has a member more, `response`, and there its routing.
#[derive(Debug, Serialize)]
pub(super) struct RequestRecord {
    /// The request.
    pub request_id: RequestId,
    /// Where it is on its way.
    pub status: RequestStatus,
    /// When it was let in, UTC.
    pub created_at: Timestamp,
    /// When this was written, UTC.
    pub updated_at: Timestamp,
    /// The orchestrator that works on it.
    pub instance_id: Uuid,
    /// How often it was begun.
    pub attempt: u32,
    /// Whether nobody waits for its answer, and it is done sooner or later whatever happens here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asynchronous: bool,
    /// Why earlier attempts came to nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub setbacks: Vec<String>,
    /// How often it was begun, also by those who left it to others in order.
    #[serde(skip_serializing_if = "is_zero")]
    pub epoch: u32,
    /// What was asked, up to 2000 characters.
    pub question: Arc<str>,
    /// How its agents were chosen, unless the answer says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Arc<Routing>>,
    /// The problem, once it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl RequestRecord {
    /// The record of a request for which nobody waits, before its agents are chosen.
    pub(super) fn of_order(instance_id: Uuid, order: &Order, status: RequestStatus) -> Self {
        Self {
            request_id: order.request_id,
            status,
            created_at: order.accepted_at,
            updated_at: Timestamp::now(),
            instance_id,
            attempt: 0,
            asynchronous: true,
            setbacks: Vec::new(),
            epoch: 0,
            question: beginning(order.question()).into(),
            routing: None,
            problem: None,
        }
    }
}

/// How long a request has taken.
pub(super) struct Times {
    pub whole: Duration,
    /// What of it went by until the agents were chosen.
    pub routing: Duration,
}

impl Times {
    /// What of it went by since the agents were chosen.
    pub(super) fn execution(&self) -> Duration {
        self.whole.saturating_sub(self.routing)
    }
}

/// What one attempt at a request took, as it is stored.
#[derive(Debug, Serialize)]
struct Measurements {
    request_id: RequestId,
    attempt: u32,
    timestamp: Timestamp,
    routing_time_ms: f64,
    execution_time_ms: f64,
    agents_used: Vec<AgentName>,
    success: bool,
}

/// Keeps the books of one request. When it is dropped before it was closed, the caller has gone
/// away, and the request is entered as cancelled.
pub(super) struct Ledger<'a> {
    house: &'a House,
    arrival: &'a Arrival,
    question: Arc<str>,
    routing: Arc<Routing>,
    routing_time: Duration,
    closed: bool,
}

impl<'a> Ledger<'a> {
    /// Opens the books as soon as the router has decided.
    pub(super) fn open(house: &'a House, arrival: &'a Arrival, plan: &Plan, content: &str) -> Self {
        let ledger = Self {
            house,
            arrival,
            question: beginning(content).into(),
            routing: Arc::clone(&plan.routing),
            routing_time: arrival.at.elapsed(),
            closed: false,
        };
        let record = ledger.record(RequestStatus::Running, None);
        match &arrival.books {
            Books::Journal => {
                let (key, ttl) = ledger.place();
                house.journal.put_for_now(key, record, ttl);
            }
            Books::Apart(books) => books.note(to_json(&record)),
        }
        arrival.tell(|| RequestEvent::Decided {
            agents: plan.agents.clone(),
            confidence: plan.routing.confidence,
        });
        ledger
    }

    /// How long the request has taken so far.
    pub(super) fn times(&self) -> Times {
        Times {
            whole: self.arrival.at.elapsed(),
            routing: self.routing_time,
        }
    }

    /// Enters how the request ended.
    pub(super) fn close(mut self, end: Result<AnswerBody, Problem>) -> Result<Answer, Problem> {
        self.closed = true;
        let times = self.times();
        self.house.admission.learn(times.whole);
        match end {
            Ok(body) => {
                self.measure(&body.result.execution_chain, true, &times);
                let record = RequestRecord {
                    routing: None,
                    ..self.record(RequestStatus::Succeeded, None)
                };
                // The answer and its record have the same JSON, made once.
                let (record, answer) = to_json_with(&record, "response", &body);
                self.enter(record);
                Ok(Answer::new(body, answer))
            }
            Err(problem) => {
                let problem = problem.of_request(self.arrival.id);
                let steps = problem.result().map(|result| &*result.execution_chain);
                self.measure(steps.unwrap_or_default(), false, &times);
                let record = self.record(RequestStatus::Failed, Some(problem.clone()));
                self.enter(to_json(&record));
                Err(problem)
            }
        }
    }

    fn enter(&self, record: Bytes) {
        match &self.arrival.books {
            Books::Journal => {
                let (key, ttl) = self.place();
                self.house.journal.put_made(key, record, ttl);
            }
            Books::Apart(books) => books.close(record),
        }
    }

    /// Where the record is kept, and how long.
    fn place(&self) -> (StateKey, Duration) {
        let key = StateKey::Request(self.arrival.id);
        (key, self.house.config.request_ttl)
    }

    fn record(&self, status: RequestStatus, problem: Option<Problem>) -> RequestRecord {
        RequestRecord {
            request_id: self.arrival.id,
            status,
            created_at: self.arrival.timestamp,
            updated_at: Timestamp::now(),
            instance_id: self.house.id,
            attempt: self.arrival.attempt,
            asynchronous: matches!(self.arrival.books, Books::Apart(_)),
            setbacks: self.arrival.setbacks.clone(),
            epoch: self.arrival.epoch,
            question: Arc::clone(&self.question),
            routing: Some(Arc::clone(&self.routing)),
            problem,
        }
    }

    /// Counts the request, and keeps its measurements for those who look into a server that they share
    /// with the orchestrator. Into a file of its own nobody can.
    fn measure(&self, steps: &[Step], success: bool, times: &Times) {
        let Some(ttl) = self.house.config.metrics_ttl else {
            return;
        };
        self.house.metrics.observe(&Observation {
            strategy: self.routing.strategy.as_str(),
            cached: self.routing.cached,
            success,
            routing_time: times.routing,
            execution_time: times.execution(),
            agents: &calls(steps),
        });
        if !self.house.store.is_shared() {
            return;
        }
        let used = steps.iter().filter(|step| step.success);
        let measurements = Measurements {
            request_id: self.arrival.id,
            attempt: self.arrival.attempt,
            timestamp: self.arrival.timestamp,
            routing_time_ms: milliseconds(times.routing),
            execution_time_ms: milliseconds(times.execution()),
            agents_used: used.map(|step| step.agent.clone()).collect(),
            success,
        };
        let second = self.arrival.id.second();
        let key = StateKey::Metrics { second };
        self.house.journal.collect(key, &measurements, ttl);
    }
}

impl Drop for Ledger<'_> {
    fn drop(&mut self) {
        // Of what is kept apart, whoever keeps it knows why it was dropped.
        if !self.closed && matches!(self.arrival.books, Books::Journal) {
            let record = self.record(RequestStatus::Cancelled, None);
            self.enter(to_json(&record));
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// As much of a question as is kept.
pub(super) fn beginning(question: &str) -> &str {
    const MOST_CHARS: usize = 2000;
    let end = question.char_indices().nth(MOST_CHARS).map(|(end, _)| end);
    &question[..end.unwrap_or(question.len())]
}

/// What the steps say of their agents: nothing, where one was not asked, or refused rightly.
fn calls(steps: &[Step]) -> Vec<AgentCall<'_>> {
    let calls = steps.iter().filter_map(|step| {
        let succeeded = match step.outcome {
            Some(Outcome::Success) => true,
            Some(Outcome::Failure) => false,
            Some(Outcome::UserError | Outcome::Busy { .. } | Outcome::Unjudged) | None => {
                return None;
            }
        };
        Some(AgentCall {
            agent: &step.agent,
            succeeded,
            took: step.inside,
        })
    });
    calls.collect()
}
