use std::mem::take;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::judgement::Outcome;
use crate::mailbox::{AskError, Lease, Refusal};
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
    #[serde(skip)]
    began: Instant,
}

impl Step {
    /// Whether it was given up because the answer was no longer needed.
    pub(in crate::pipeline) fn was_cancelled(&self) -> bool {
        !self.success && self.problem.is_none()
    }

    /// The part of an agent that is about to be asked.
    pub(super) fn of(agent: AgentName) -> Self {
        Self {
            agent,
            instance: None,
            success: false,
            result: None,
            error: None,
            error_type: None,
            started_at: Timestamp::now(),
            duration_ms: 0.0,
            attempts: 0,
            problem: None,
            outcome: None,
            inside: Duration::ZERO,
            began: Instant::now(),
        }
    }

    /// Asks the agent. Dropping the future cancels its work.
    pub(super) async fn take(
        &mut self,
        house: &House,
        arrival: &Arrival,
        task: Task,
        previous_results: Option<Arc<[PreviousResult]>>,
    ) {
        arrival.tell(|| RequestEvent::AgentStarted {
            agent: self.agent.clone(),
        });
        match attempt(house, arrival, self, task, previous_results).await {
            Ok(reply) => {
                self.success = true;
                self.result = Some(reply);
            }
            Err(problem) => {
                self.error = Some(problem.detail().to_owned());
                self.error_type = Some(problem.error_type());
                self.problem = Some(problem);
            }
        }
        self.duration_ms = milliseconds(self.began.elapsed());
        arrival.tell(|| told(self));
    }

    /// Says, of a part that did not come to its end, that another agent answered first.
    pub(super) fn give_up(&mut self) {
        if self.was_cancelled() {
            self.error = Some("cancelled: another agent answered first".to_owned());
            self.duration_ms = milliseconds(self.began.elapsed());
        }
    }
}

/// Whoever has crashed this many instances is not given to a third.
const MOST_CRASHES: usize = 2;

/// Has the task worked on. One whose instance crashed over it is begun once more, elsewhere if
/// possible, when its agent says that this does no harm.
async fn attempt(
    house: &House,
    arrival: &Arrival,
    step: &mut Step,
    mut task: Task,
    previous_results: Option<Arc<[PreviousResult]>>,
) -> Result<Reply, Problem> {
    let found = house.registry.find(&step.agent);
    let most = match found {
        Some(agent) if agent.retry_safe => MOST_CRASHES,
        _ => 1,
    };
    let mut crashed = Vec::new();
    loop {
        let lease = lease(house, step, &crashed)?;
        step.attempts += 1;
        step.instance = Some(lease.instance().clone());
        let context = AgentContext::with_audience(
            step.agent.clone(),
            arrival.id,
            lease.deadline(arrival.deadline).instant(),
            previous_results.clone(),
            arrival.listener.clone(),
        );
        let last = crashed.len() + 1 == most;
        let given = if last { take(&mut task) } else { task.clone() };
        let answered = lease.ask(given, context).await;
        step.outcome = Some(answered.outcome);
        step.inside += answered.inside;
        match answered.result {
            Err(AskError::Crashed) => crashed.push(answered.instance),
            result => return result.map_err(|error| Problem::of_ask(&step.agent, &error)),
        }
        if last {
            return Err(Problem::of_crashes(&step.agent, &crashed));
        }
    }
}

/// A place in an instance other than those that crashed, or else in the next life of one of them.
fn lease(house: &House, step: &Step, crashed: &[InstanceId]) -> Result<Lease, Problem> {
    let gone = Refusal::Stopped { retry_after: None };
    let pool = house.pools.find(&step.agent).ok_or(gone);
    let leased = pool.and_then(|pool| {
        let now = Instant::now();
        let elsewhere = pool.lease(crashed, now);
        elsewhere.or_else(|refusal| match crashed {
            [] => Err(refusal),
            _ => pool.lease(&[], now),
        })
    });
    leased.map_err(|refusal| Problem::of_refusal(&step.agent, refusal))
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
