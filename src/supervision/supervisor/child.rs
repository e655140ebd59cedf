use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::judgement::{Ended, History, Life, RestartPolicy};
use crate::mailbox::{InstanceState, Mailbox};
use crate::supervision::agent_spec::Launch;
use crate::supervision::events::LifeEvents;
use crate::supervision::leash::Leash;
use crate::supervision::threads::Place;
use crate::words::{Consequence, ExitReason, Generation, LifeEvent};

/// What a supervisor is given to keep alive: an instance, which survives its supervisors, too.
#[derive(Clone)]
pub(in crate::supervision) struct Charge {
    pub mailbox: Arc<Mailbox>,
    /// The number of the instance.
    pub number: usize,
    pub launch: Launch,
    pub policy: RestartPolicy,
    /// Where it lives.
    pub place: Place,
}

/// An instance in the care of its supervisor.
pub(super) struct Child {
    pub charge: Charge,
    pub generation: Generation,
    /// Whether a life was begun that has not ended yet.
    pub lives: bool,
    /// Whether it is to be parted with when it has ended.
    pub dismissed: bool,
    pub history: History,
    pub leash: Leash,
    /// Drops the work in flight of all its lives.
    pub kill: CancellationToken,
    /// The thread of its present life.
    pub thread: u64,
    born: Instant,
    finished_before: u64,
    /// Whether its last life ended in good order: the next one owes its beginning to no failure.
    ended_well: bool,
}

impl Child {
    pub(super) fn new(charge: Charge) -> Self {
        let kill = CancellationToken::new();
        Self {
            charge,
            generation: Generation::default(),
            lives: false,
            dismissed: false,
            history: History::default(),
            leash: Leash::new(kill.clone()),
            kill,
            thread: 0,
            born: Instant::now(),
            finished_before: 0,
            ended_well: false,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.charge.mailbox.serial()
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.charge.policy == RestartPolicy::Temporary
    }

    /// Begins a life on that thread; the way to reach it.
    pub(super) fn begin_life(&mut self, thread: u64, now: Instant) -> Leash {
        self.leash = Leash::new(self.kill.clone());
        self.thread = thread;
        let generation = self.charge.mailbox.next_life();
        self.follow_on(generation, now);
        self.leash.clone()
    }

    /// That life has begun, on the thread and the leash of the one before.
    pub(super) fn follow_on(&mut self, generation: Generation, now: Instant) {
        let mailbox = &self.charge.mailbox;
        self.generation = generation;
        self.lives = true;
        self.born = now;
        self.finished_before = mailbox.finished_jobs();
        let mut vitals = mailbox.vitals_mut();
        vitals.generation = generation;
        vitals.resumes_at = None;
        if generation.number() > 1 {
            vitals.restarts += 1;
        }
    }

    /// Its present life takes work; whether the instance had been stopped before.
    pub(super) fn take_up_work(&mut self) -> bool {
        let mailbox = &self.charge.mailbox;
        let mut vitals = mailbox.vitals_mut();
        let was_stopped = vitals.state == InstanceState::Stopped;
        vitals.alive_since = Some(Instant::now());
        vitals.state = if self.dismissed {
            InstanceState::Draining
        } else {
            InstanceState::Healthy
        };
        drop(vitals);
        if !self.dismissed {
            mailbox.open();
        }
        if was_stopped || self.ended_well {
            mailbox.renew_breaker();
        }
        was_stopped
    }

    /// It has no life now, and one at that moment, if any.
    pub(super) fn await_life(&self, state: InstanceState, resumes_at: Option<Instant>) {
        let mut vitals = self.charge.mailbox.vitals_mut();
        vitals.state = state;
        vitals.alive_since = None;
        vitals.resumes_at = resumes_at;
    }

    pub(super) fn last_life(&self, reason: ExitReason, now: Instant) -> Life {
        Life {
            reason,
            jobs: self.charge.mailbox.finished_jobs() - self.finished_before,
            lasted: now.saturating_duration_since(self.born),
        }
    }

    pub(super) fn ended<'a>(&'a mut self, life: &'a Life) -> Ended<'a> {
        Ended {
            child: self.charge.mailbox.serial(),
            policy: self.charge.policy,
            life,
            history: &mut self.history,
        }
    }

    /// Says what has happened and what follows.
    pub(super) fn mourn(&mut self, reason: &ExitReason, what: Consequence, events: &LifeEvents) {
        self.ended_well = !reason.is_abnormal();
        let mailbox = &self.charge.mailbox;
        let (instance, generation) = (mailbox.instance(), self.generation);
        let level = match what {
            Consequence::GiveUp { .. } | Consequence::Ban | Consequence::Escalate => {
                log::Level::Error
            }
            Consequence::Restart { .. } | Consequence::Leave if reason.is_abnormal() => {
                log::Level::Warn
            }
            Consequence::Restart { .. } | Consequence::Leave => log::Level::Info,
        };
        log::log!(
            level,
            "agent {}, instance {instance}, life {generation}: {reason}; {what}",
            mailbox.agent()
        );
        if reason.is_abnormal() {
            mailbox.vitals_mut().last_error = Some(reason.to_string());
        }
        events.tell(LifeEvent::Exited {
            instance: instance.clone(),
            generation,
            reason: reason.clone(),
            consequence: what,
        });
    }
}
