use futures::stream::{FuturesUnordered, StreamExt};

use super::{Execution, Manners, Step};
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
    let mut steps: Vec<Step> = agents.iter().cloned().map(Step::of).collect();
    let mut branches: FuturesUnordered<_> = steps
        .iter_mut()
        .map(|step| take(step, house, arrival, task.clone()))
        .collect();
    while let Some(answered) = branches.next().await {
        if answered && manners.require == Require::First {
            break;
        }
    }
    // Whoever is not needed any more is cancelled by no longer being waited for.
    drop(branches);
    steps.iter_mut().for_each(Step::give_up);
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

/// Whether the agent has answered.
async fn take(step: &mut Step, house: &House, arrival: &Arrival, task: Task) -> bool {
    step.take(house, arrival, task, None).await;
    step.success
}

fn is_met(require: Require, steps: &[Step]) -> bool {
    let answered = steps.iter().filter(|step| step.success).count();
    match require {
        Require::All => answered == steps.len(),
        Require::Any | Require::First => answered > 0,
        Require::Quorum => answered * 2 > steps.len(),
    }
}
