//! In which order children are started and ended.
//!
//! This is the part of a supervisor that only decides: it is told what shall become of the
//! children and what has, and says what to do next. The order is OTP's. Children that are
//! restarted together end one at a time, the last first, and start one at a time, the first
//! first, and none starts before all have ended.

use std::time::{Duration, Instant};

use crate::judgement::RestartStrategy;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Begin a life of that child.
    Start(u64),
    /// Tell the life of that child to end.
    End(u64),
    /// The life of that child was told to end and did not in time: go on without it.
    Abandon(u64),
    /// Nothing before that moment.
    Wait(Instant),
}

/// The children of a supervisor, in the order of their start.
#[derive(Debug)]
pub(super) struct Cohort {
    strategy: RestartStrategy,
    /// How long a life that was told to end may take.
    patience: Duration,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    temporary: bool,
    phase: Phase,
    plan: Plan,
    /// Whether its turn depends on its siblings'.
    joint: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down,
    Starting,
    Up,
    Ending { until: Instant },
}

/// What shall become of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It goes on as it is.
    Stay,
    /// Its life shall end, and none shall follow.
    End,
    /// It shall have a new life at that moment, after the end of the one that it has.
    Start(Instant),
}

impl Cohort {
    pub(super) fn new(strategy: RestartStrategy, patience: Duration) -> Self {
        Self {
            strategy,
            patience,
            members: Vec::new(),
        }
    }

    /// Adds a child after all others, to be started now.
    pub(super) fn add(&mut self, id: u64, temporary: bool, now: Instant) {
        self.members.push(Member {
            id,
            temporary,
            phase: Phase::Down,
            plan: Plan::Start(now),
            joint: self.strategy != RestartStrategy::OneForOne,
        });
    }

    /// Strikes out a child that is down.
    pub(super) fn remove(&mut self, id: u64) {
        self.members.retain(|member| member.id != id);
    }

    /// The life of that child takes work.
    pub(super) fn started(&mut self, id: u64) {
        if let Some(member) = self.member(id)
            && member.phase == Phase::Starting
        {
            member.phase = Phase::Up;
        }
    }

    /// The life of that child has ended; whether it was told to.
    pub(super) fn ended(&mut self, id: u64) -> bool {
        let Some(member) = self.member(id) else {
            return false;
        };
        member.phase = Phase::Down;
        let told = member.plan != Plan::Stay;
        if member.plan == Plan::End {
            member.plan = Plan::Stay;
        }
        told
    }

    /// Starts a child that has ended anew at that moment, with all who are to be restarted with
    /// it. Of those, temporary ones are ended and not started, and those stay as they are who
    /// are about to end for good, or are left alone after they were given up.
    pub(super) fn restart(&mut self, id: u64, at: Instant) {
        let Some(ended) = self.members.iter().position(|member| member.id == id) else {
            return;
        };
        let affected = self.strategy.affected(ended, self.members.len());
        let joint = self.strategy != RestartStrategy::OneForOne;
        for member in &mut self.members[affected] {
            if member.id != id && member.is_out_of_it() {
                continue;
            }
            member.joint = joint;
            if member.id != id && member.temporary && member.phase != Phase::Down {
                member.plan = Plan::End;
            } else {
                member.plan = Plan::Start(at);
            }
        }
    }

    /// Starts a child anew at that moment, whatever its siblings do.
    pub(super) fn restart_alone(&mut self, id: u64, at: Instant) {
        if let Some(member) = self.member(id) {
            member.plan = Plan::Start(at);
            member.joint = false;
        }
    }

    /// Ends a child for good, whatever its siblings do.
    pub(super) fn end_alone(&mut self, id: u64) {
        if let Some(member) = self.member(id) {
            member.end();
            member.joint = false;
        }
    }

    /// Has nobody started any more; a life that was told to end has none after it.
    pub(super) fn start_nobody(&mut self) {
        let members = self.members.iter_mut();
        for member in members.filter(|it| matches!(it.plan, Plan::Start(_))) {
            member.plan = match member.phase {
                Phase::Ending { .. } => Plan::End,
                Phase::Down | Phase::Starting | Phase::Up => Plan::Stay,
            };
        }
    }

    /// Ends all, the last first.
    pub(super) fn end_all(&mut self) {
        for member in &mut self.members {
            member.end();
            member.joint = true;
        }
    }

    /// Those who are told to end have until that moment, and not longer.
    pub(super) fn hurry(&mut self, now: Instant, until: Instant) {
        self.patience = until.saturating_duration_since(now);
        for member in &mut self.members {
            if let Phase::Ending { until: then } = &mut member.phase {
                *then = until.min(*then);
            }
        }
    }

    /// Whether no child has a life.
    pub(super) fn is_down(&self) -> bool {
        let mut members = self.members.iter();
        members.all(|member| member.phase == Phase::Down)
    }

    /// Whether that child is down and nothing is planned for it.
    pub(super) fn rests(&self, id: u64) -> bool {
        let mut members = self.members.iter();
        members.any(|it| it.id == id && it.phase == Phase::Down && it.plan == Plan::Stay)
    }

    /// What is to be done now; to be asked again after each deed and each event. `None` when
    /// there is nothing to do before the next event.
    pub(super) fn next(&mut self, now: Instant) -> Option<Deed> {
        self.abandon(now)
            .or_else(|| self.end(now))
            .or_else(|| self.start(now))
            .or_else(|| self.wait(now))
    }

    fn abandon(&mut self, now: Instant) -> Option<Deed> {
        let mut members = self.members.iter();
        let late = |phase| matches!(phase, Phase::Ending { until } if until <= now);
        let late = members.find(|member| late(member.phase))?.id;
        self.ended(late);
        Some(Deed::Abandon(late))
    }

    fn end(&mut self, now: Instant) -> Option<Deed> {
        let until = now + self.patience;
        let one_at_a_time = self.members.iter().any(Member::is_ending_in_turn);
        let mut members = self.members.iter_mut().rev();
        let next = members.find(|it| it.is_to_end() && !(it.joint && one_at_a_time))?;
        next.phase = Phase::Ending { until };
        Some(Deed::End(next.id))
    }

    fn start(&mut self, now: Instant) -> Option<Deed> {
        let mut open = !self.members.iter().any(Member::holds_up_its_siblings);
        for member in &mut self.members {
            let planned = member.planned_start();
            if planned.is_some_and(|at| at <= now) && (open || !member.joint) {
                member.phase = Phase::Starting;
                member.plan = Plan::Stay;
                return Some(Deed::Start(member.id));
            }
            // One at a time, the first first.
            open &= !(member.joint && (planned.is_some() || member.phase == Phase::Starting));
        }
        None
    }

    /// Whoever could start by now and does not is held up by a sibling, of whom there will be news.
    fn wait(&self, now: Instant) -> Option<Deed> {
        let moments = self.members.iter().filter_map(|member| match member.phase {
            Phase::Ending { until } => Some(until),
            _ => member.planned_start(),
        });
        moments.filter(|at| *at > now).min().map(Deed::Wait)
    }

    fn member(&mut self, id: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }
}

impl Member {
    /// Its life shall end, if it has one, and none shall follow.
    fn end(&mut self) {
        self.plan = match self.phase {
            Phase::Down => Plan::Stay,
            _ => Plan::End,
        };
    }

    /// Whether the restarts of its siblings are nothing to it.
    fn is_out_of_it(&self) -> bool {
        match self.phase {
            Phase::Down => self.plan == Plan::Stay || !self.joint,
            _ => self.plan == Plan::End,
        }
    }

    fn is_to_end(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Up) && self.plan != Plan::Stay
    }

    fn is_ending_in_turn(&self) -> bool {
        self.joint && matches!(self.phase, Phase::Ending { .. })
    }

    fn holds_up_its_siblings(&self) -> bool {
        self.joint && (self.is_to_end() || self.is_ending_in_turn())
    }

    fn planned_start(&self) -> Option<Instant> {
        match (self.phase, self.plan) {
            (Phase::Down, Plan::Start(at)) => Some(at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
