use std::sync::Arc;
use std::time::Instant;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;

use super::{Execution, Manners, Step, step};
use crate::pipeline::request::Require;
use crate::pipeline::{Arrival, House};
use crate::words::{AgentName, Task};

/// All agents at once; one that fails leaves the others alone.
pub(super) async fn run(
    house: &House,
    arrival: &Arrival,
    agents: &[AgentName],
    task: Task,
    manners: Manners,
) -> Execution {
    let (started_at, began) = (Timestamp::now(), Instant::now());
    let mut finished: Vec<Option<Step>> = vec![None; agents.len()];
    let mut branches: FuturesUnordered<_> = agents
        .iter()
        .enumerate()
        .map(|(place, agent)| {
            let task = task.clone();
            async move {
                let step = step::take(house, arrival, agent, task, Arc::new([])).await;
                (place, step)
            }
        })
        .collect();
    while let Some((place, step)) = branches.next().await {
        let answered = step.success;
        finished[place] = Some(step);
        if answered && manners.require == Require::First {
            break;
        }
    }
    // Whoever is not needed any more is cancelled by no longer being waited for.
    drop(branches);

    let cancelled = |agent: &AgentName| Step::cancelled(agent.clone(), started_at, began);
    let steps: Vec<Step> = finished
        .into_iter()
        .zip(agents)
        .map(|(step, agent)| step.unwrap_or_else(|| cancelled(agent)))
        .collect();
    Execution {
        success: is_met(manners.require, &steps),
        inside: steps
            .iter()
            .map(|step| step.inside)
            .max()
            .unwrap_or_default(),
        steps,
        task,
        previous_results: Vec::new(),
    }
}

fn is_met(require: Require, steps: &[Step]) -> bool {
    let answered = steps.iter().filter(|step| step.success).count();
    match require {
        Require::All => answered == steps.len(),
        Require::Any | Require::First => answered > 0,
        Require::Quorum => answered * 2 > steps.len(),
    }
}
