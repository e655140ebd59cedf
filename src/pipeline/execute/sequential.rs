use jiff::Timestamp;

use super::{Assignment, Execution, Manners, Part};
use crate::pipeline::{Arrival, House};
use crate::routing::Plan;
use crate::supervision::OnFailure;
use crate::words::{AgentName, PreviousResult, Task};

/// One agent after another, each with the results of those before it.
pub(super) async fn run(
    house: &House,
    arrival: &Arrival,
    plan: &Plan,
    task: Task,
    manners: Manners<'_>,
) -> Execution {
    let mut parts = Vec::with_capacity(plan.agents.len());
    let mut what = Assignment::new(task, plan, manners.permitted);
    let mut results: Vec<PreviousResult> = Vec::new();
    let mut stopped = false;
    for agent in &plan.agents {
        what.previous_results = Some(results.as_slice().into());
        let mut part = Part::of(agent.clone());
        part.take(house, arrival, &what).await;
        what.under_way |= part.was_begun();
        match part.answer() {
            Some((agent, reply)) => results.push(PreviousResult {
                agent: agent.clone(),
                result: reply.clone(),
                timestamp: Timestamp::now(),
            }),
            None => stopped = ends_here(house, agent, manners),
        }
        parts.push(part);
        if stopped {
            break;
        }
    }
    Execution {
        success: !stopped && !results.is_empty(),
        inside: parts.iter().map(Part::inside).sum(),
        parts,
        task: what.task,
        previous_results: results,
    }
}

fn ends_here(house: &House, agent: &AgentName, manners: Manners<'_>) -> bool {
    let configured = || house.registry.find(agent).map(|found| found.on_failure);
    manners.on_failure.or_else(configured).unwrap_or_default() == OnFailure::Stop
}
