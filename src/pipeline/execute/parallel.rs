use futures::stream::{FuturesUnordered, StreamExt};

use super::{Assignment, Execution, Manners, Part};
use crate::pipeline::request::Require;
use crate::pipeline::{Arrival, House};
use crate::routing::Plan;
use crate::words::Task;

/// All agents at once; one that fails leaves the others alone.
pub(super) async fn run(
    house: &House,
    arrival: &Arrival,
    plan: &Plan,
    task: Task,
    manners: Manners<'_>,
) -> Execution {
    let what = Assignment::new(task, plan, manners.permitted);
    let mut parts: Vec<Part> = plan.agents.iter().cloned().map(Part::of).collect();
    let mut branches: FuturesUnordered<_> = parts
        .iter_mut()
        .map(|part| take(part, house, arrival, &what))
        .collect();
    while let Some(answered) = branches.next().await {
        if answered && manners.require == Require::First {
            break;
        }
    }
    // Whoever is not needed any more is cancelled by no longer being waited for.
    drop(branches);
    parts.iter_mut().for_each(Part::give_up);
    Execution {
        success: is_met(manners.require, &parts),
        inside: parts.iter().map(Part::inside).max().unwrap_or_default(),
        parts,
        task: what.task,
        previous_results: Vec::new(),
    }
}

/// Whether the agent has answered.
async fn take(part: &mut Part, house: &House, arrival: &Arrival, what: &Assignment<'_>) -> bool {
    part.take(house, arrival, what).await;
    part.is_done()
}

fn is_met(require: Require, parts: &[Part]) -> bool {
    let answered = parts.iter().filter(|part| part.is_done()).count();
    match require {
        Require::All => answered == parts.len(),
        Require::Any | Require::First => answered > 0,
        Require::Quorum => answered * 2 > parts.len(),
    }
}
