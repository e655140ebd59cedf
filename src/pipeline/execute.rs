//! Has the agents of a plan do their work.

mod attempts;
mod parallel;
mod part;
mod sequential;
mod step;

use std::time::Duration;

use super::request::{OrchestrationRequest, Require};
use super::{Arrival, House};
use crate::routing::{Mode, Plan};
use crate::supervision::OnFailure;
use crate::words::{AgentName, PreviousResult, Task};

pub(super) use part::Part;
pub use step::{Step, Tried};

use part::Assignment;

/// What the agents did.
pub(super) struct Execution {
    /// Each agent's part, in the order of the plan.
    pub parts: Vec<Part>,
    /// Whether that is what the request required.
    pub success: bool,
    /// Sequential: the task as it was given.
    pub task: Task,
    /// Sequential: what was handed from agent to agent.
    pub previous_results: Vec<PreviousResult>,
    /// The time that was spent inside agents.
    pub inside: Duration,
}

/// How a run deals with agents that could not answer.
#[derive(Clone, Copy)]
pub(super) struct Manners<'a> {
    pub require: Require,
    pub on_failure: Option<OnFailure>,
    /// The agents that the caller may use; `None`: all.
    pub permitted: Option<&'a [AgentName]>,
}

pub(super) async fn run(
    house: &House,
    arrival: &Arrival,
    plan: &Plan,
    request: &mut OrchestrationRequest,
) -> Execution {
    let task = request.take_task();
    let manners = Manners {
        require: request.require,
        on_failure: request.on_failure,
        permitted: request.permitted.as_deref(),
    };
    match plan.mode {
        Mode::Single => single(house, arrival, plan, task, manners).await,
        Mode::Sequential => sequential::run(house, arrival, plan, task, manners).await,
        Mode::Parallel => parallel::run(house, arrival, plan, task, manners).await,
    }
}

async fn single(
    house: &House,
    arrival: &Arrival,
    plan: &Plan,
    task: Task,
    manners: Manners<'_>,
) -> Execution {
    let what = Assignment::new(task, plan, manners.permitted);
    let mut part = Part::of(plan.routing.primary_agent.clone());
    part.take(house, arrival, &what).await;
    Execution {
        success: part.is_done(),
        inside: part.inside(),
        parts: vec![part],
        task: Task::default(),
        previous_results: Vec::new(),
    }
}
