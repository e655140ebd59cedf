use jiff::Timestamp;

use super::{Execution, Manners, Step};
use crate::pipeline::{Arrival, House};
use crate::supervision::OnFailure;
use crate::words::{AgentName, PreviousResult, Task};

/// One agent after another, each with the results of those before it.
pub(super) async fn run(
    house: &House,
    arrival: &Arrival,
    agents: &[AgentName],
    task: Task,
    manners: Manners,
) -> Execution {
    let mut steps = Vec::with_capacity(agents.len());
    let mut previous_results: Vec<PreviousResult> = Vec::new();
    let mut stopped = false;
    for agent in agents {
        let before = Some(previous_results.as_slice().into());
        let mut step = Step::of(agent.clone());
        step.take(house, arrival, task.clone(), before).await;
        match &step.result {
            Some(reply) => previous_results.push(PreviousResult {
                agent: agent.clone(),
                result: reply.clone(),
                timestamp: Timestamp::now(),
            }),
            None => stopped = ends_here(house, agent, manners),
        }
        steps.push(step);
        if stopped {
            break;
        }
    }
    Execution {
        success: !stopped && !previous_results.is_empty(),
        inside: steps.iter().map(|step| step.inside).sum(),
        steps,
        task,
        previous_results,
    }
}

fn ends_here(house: &House, agent: &AgentName, manners: Manners) -> bool {
    let configured = || house.registry.find(agent).map(|found| found.on_failure);
    manners.on_failure.or_else(configured).unwrap_or_default() == OnFailure::Stop
}
