use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use super::attempts;
use super::step::Step;
use crate::pipeline::{Arrival, House, Problem};
use crate::routing::Plan;
use crate::words::{AgentName, PreviousResult, Reply, RequestEvent, Task};

/// What one agent of a plan is to do, whoever does it in the end: the agent itself, or one that
/// stands in for it.
#[derive(Debug)]
pub(in crate::pipeline) struct Part {
    /// The agent's own work.
    own: Step,
    /// That of each that stood in for it, in order.
    stand_ins: Vec<Step>,
}

/// What is to be done.
pub(super) struct Assignment<'a> {
    pub task: Task,
    /// What of it each agent is asked, where they are not asked the same; in the order of the agents.
    parts: &'a [Arc<str>],
    /// The agents that the caller may use; `None`: all.
    permitted: Option<&'a [AgentName]>,
    /// What earlier agents of a sequence answered.
    pub previous_results: Option<Arc<[PreviousResult]>>,
    /// Whether work was done on the request before.
    pub under_way: bool,
    /// The agents that have a part in the request. None of them stands in for another: the same
    /// would be done twice.
    agents: &'a [AgentName],
    /// Those that stand in for one of them. None of them does so twice.
    stand_ins: RefCell<Vec<AgentName>>,
}

impl<'a> Assignment<'a> {
    /// What is to be done by these agents.
    pub(super) fn new(task: Task, plan: &'a Plan, permitted: Option<&'a [AgentName]>) -> Self {
        Self {
            task,
            parts: &plan.parts,
            permitted,
            previous_results: None,
            under_way: false,
            agents: &plan.agents,
            stand_ins: RefCell::default(),
        }
    }

    /// What the agent, or whoever stands in for it, is asked.
    fn task_of(&self, agent: &AgentName) -> Cow<'_, Task> {
        let place = self.agents.iter().position(|known| known == agent);
        match place.and_then(|place| self.parts.get(place)) {
            Some(part) => Cow::Owned(Task {
                content: part.as_ref().to_owned(),
                ..self.task.clone()
            }),
            None => Cow::Borrowed(&self.task),
        }
    }

    /// Whether that agent has no part in the request yet; it has one from now on.
    fn take(&self, agent: &AgentName) -> bool {
        let mut stand_ins = self.stand_ins.borrow_mut();
        let may = self
            .permitted
            .is_none_or(|permitted| permitted.contains(agent));
        let is_free = may && !self.agents.contains(agent) && !stand_ins.contains(agent);
        if is_free {
            stand_ins.push(agent.clone());
        }
        is_free
    }
}

impl Part {
    /// The part of an agent that is about to be asked.
    pub(super) fn of(agent: AgentName) -> Self {
        Self {
            own: Step::of(agent, None),
            stand_ins: Vec::new(),
        }
    }

    /// Asks the agent, and while that is to no avail and does no harm, its fallback agents, and
    /// theirs. Dropping the future cancels the work.
    pub(super) async fn take(&mut self, house: &House, arrival: &Arrival, what: &Assignment<'_>) {
        let mut waiting = VecDeque::new();
        let task = what.task_of(&self.own.agent);
        loop {
            let step = self.last_mut();
            let elsewhere = ask(step, house, arrival, what, &task).await;
            if !elsewhere {
                return;
            }
            let left = self.last().agent.clone();
            let fallbacks = house.registry.find(&left).into_iter();
            let fallbacks = fallbacks.flat_map(|agent| agent.fallback.clone()).rev();
            fallbacks.for_each(|name| waiting.push_front((name, left.clone())));
            let next = iter::from_fn(|| waiting.pop_front())
                .find(|(name, _)| house.registry.find(name).is_some() && what.take(name));
            let Some((name, instead_of)) = next else {
                return;
            };
            self.stand_ins.push(Step::of(name, Some(instead_of)));
        }
    }

    /// Whether somebody has answered.
    pub(super) fn is_done(&self) -> bool {
        self.last().success
    }

    /// Whether any agent has begun to work on it.
    pub(super) fn was_begun(&self) -> bool {
        self.steps().any(|step| step.begun)
    }

    /// Whether it was given up because the answer was no longer needed.
    pub(in crate::pipeline) fn was_cancelled(&self) -> bool {
        self.last().was_cancelled()
    }

    /// The answer, and who gave it.
    pub(super) fn answer(&self) -> Option<(&AgentName, &Reply)> {
        let last = self.last();
        Some((&last.agent, last.result.as_ref()?))
    }

    /// Why there is no answer, as the caller is told: that of the agent that was meant, with the
    /// soonest time to ask again.
    pub(in crate::pipeline) fn problem(&self) -> Option<Problem> {
        if self.is_done() {
            return None;
        }
        let problems = || self.steps().filter_map(|step| step.problem.as_ref());
        let first = problems().next()?.clone();
        let soonest = problems().filter_map(Problem::pause).min();
        Some(match soonest {
            Some(pause) if first.pause().is_some() => first.retry_after(pause),
            _ => first,
        })
    }

    /// Says, of one that did not come to its end, that another agent answered first.
    pub(super) fn give_up(&mut self) {
        self.last_mut().give_up();
    }

    /// The time that was spent inside agents.
    pub(super) fn inside(&self) -> Duration {
        self.steps().map(|step| step.inside).sum()
    }

    /// All that was done, in order.
    pub(in crate::pipeline) fn into_steps(self) -> impl Iterator<Item = Step> {
        iter::once(self.own).chain(self.stand_ins)
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        iter::once(&self.own).chain(&self.stand_ins)
    }

    fn last(&self) -> &Step {
        self.stand_ins.last().unwrap_or(&self.own)
    }

    fn last_mut(&mut self) -> &mut Step {
        self.stand_ins.last_mut().unwrap_or(&mut self.own)
    }
}

/// Asks one agent; whether another may be asked instead.
async fn ask(
    step: &mut Step,
    house: &House,
    arrival: &Arrival,
    what: &Assignment<'_>,
    task: &Task,
) -> bool {
    arrival.tell(|| RequestEvent::AgentStarted {
        agent: step.agent.clone(),
    });
    let asked = attempts::ask(house, arrival, what, task, step).await;
    let elsewhere = asked.as_ref().is_err_and(|left| left.elsewhere);
    step.end(asked.map_err(|left| left.problem));
    arrival.tell(|| step.told());
    elsewhere
}
