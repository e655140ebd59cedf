use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::judgement::Outcome;
use crate::mailbox::Refusal;
use crate::pipeline::{Arrival, House};
use crate::pipeline::{ErrorType, Problem};
use crate::words::{
    AgentContext, AgentName, InstanceId, PreviousResult, Reply, RequestEvent, Task, milliseconds,
};

/// One agent's part in a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The agent.
    pub agent: AgentName,
    /// The instance that worked; `None` when none took the task.
    pub instance: Option<InstanceId>,
    /// Whether it answered.
    pub success: bool,
    /// Its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Reply>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The kind of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    /// When it was asked, UTC.
    pub started_at: Timestamp,
    /// How long the caller waited for it, milliseconds.
    pub duration_ms: f64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why there is no answer, as the caller would be told.
    #[serde(skip)]
    pub(in crate::pipeline) problem: Option<Problem>,
    /// What it says of the agent; `None` when no instance was asked.
    #[serde(skip)]
    pub(in crate::pipeline) outcome: Option<Outcome>,
    /// The time spent inside the agent.
    #[serde(skip)]
    pub(in crate::pipeline) inside: Duration,
}

impl Step {
    /// Whether it was given up because the answer was no longer needed.
    pub(in crate::pipeline) fn was_cancelled(&self) -> bool {
        !self.success && self.problem.is_none()
    }

    /// A part that was given up because another agent answered first.
    pub(super) fn cancelled(agent: AgentName, started_at: Timestamp, began: Instant) -> Self {
        Self {
            agent,
            instance: None,
            success: false,
            result: None,
            error: Some("cancelled: another agent answered first".to_owned()),
            error_type: None,
            started_at,
            duration_ms: milliseconds(began.elapsed()),
            attempts: 1,
            problem: None,
            outcome: Some(Outcome::Unjudged),
            inside: Duration::ZERO,
        }
    }
}

/// Asks one agent.
pub(super) async fn take(
    house: &House,
    arrival: &Arrival,
    agent: &AgentName,
    task: Task,
    previous_results: Arc<[PreviousResult]>,
) -> Step {
    let (started_at, began) = (Timestamp::now(), Instant::now());
    arrival.tell(|| RequestEvent::AgentStarted {
        agent: agent.clone(),
    });
    let mut step = Step {
        agent: agent.clone(),
        instance: None,
        success: false,
        result: None,
        error: None,
        error_type: None,
        started_at,
        duration_ms: 0.0,
        attempts: 0,
        problem: None,
        outcome: None,
        inside: Duration::ZERO,
    };
    match attempt(house, arrival, &mut step, task, previous_results).await {
        Ok(reply) => {
            step.success = true;
            step.result = Some(reply);
        }
        Err(problem) => {
            step.error = Some(problem.detail().to_owned());
            step.error_type = Some(problem.error_type());
            step.problem = Some(problem);
        }
    }
    step.duration_ms = milliseconds(began.elapsed());
    arrival.tell(|| told(&step));
    step
}

async fn attempt(
    house: &House,
    arrival: &Arrival,
    step: &mut Step,
    task: Task,
    previous_results: Arc<[PreviousResult]>,
) -> Result<Reply, Problem> {
    let now = Instant::now();
    let refused = |refusal| Problem::of_refusal(&step.agent, refusal);
    let pool = house.pools.find(&step.agent);
    let pool = pool.ok_or_else(|| refused(Refusal::Stopped))?;
    let lease = pool.lease(&[], now).map_err(refused)?;
    step.attempts = 1;
    step.instance = Some(lease.instance().clone());

    let context = AgentContext::with_audience(
        step.agent.clone(),
        arrival.id,
        lease.deadline(arrival.deadline).instant(),
        previous_results,
        arrival.listener.clone(),
    );
    let answered = lease.ask(task, context).await;
    step.outcome = Some(answered.outcome);
    step.inside = answered.inside;
    answered
        .result
        .map_err(|error| Problem::of_ask(&step.agent, &error))
}

fn told(step: &Step) -> RequestEvent {
    let agent = step.agent.clone();
    match &step.error {
        None => RequestEvent::AgentCompleted {
            agent,
            result: serde_json::to_value(&step.result).unwrap_or_default(),
        },
        Some(error) => RequestEvent::AgentFailed {
            agent,
            error: error.clone(),
        },
    }
}
