//! The beginning and the end of each life.

use std::sync::Arc;
use std::time::Instant;

use actix::{AsyncContext, Context};
use log::{error, warn};

use super::{Purpose, Supervisor};
use crate::judgement::History;
use crate::mailbox::InstanceState;
use crate::supervision::birth::{Birth, Succession};
use crate::supervision::obituary::Obituary;
use crate::words::{Consequence, ExitReason, Generation, LifeEvent};

impl Supervisor {
    pub(super) fn begin_life(&mut self, id: u64, ctx: &mut Context<Self>) {
        let Some(child) = self.children.iter_mut().find(|child| child.id() == id) else {
            return;
        };
        let Some(thread) = self.kit.threads.at(child.charge.place) else {
            return;
        };
        let tenancy = thread.pulse.tenancy();
        let leash = child.begin_life(thread.serial(), self.kit.clock.now());
        let (launch, number) = (child.charge.launch.clone(), child.charge.number);
        let policy = child.charge.policy;
        let at_once = self.config.restarts_the_productive_at_once(policy);
        let succession = at_once.then(|| Succession {
            launch: launch.clone(),
            number,
        });
        let exited = ctx.address().recipient();
        let birth = Birth {
            mailbox: Arc::clone(&child.charge.mailbox),
            generation: child.generation,
            predecessor: None,
            obituary: Obituary::new(id, child.generation, exited, tenancy),
            leash,
            to: ctx.address().recipient(),
            pulse: thread.pulse,
            patience: self.kit.patience,
            succession,
        };
        // On a thread that has ended the closure is dropped, and the obituary in it is sent.
        thread.handle.spawn_fn(move || launch(number, birth));
    }

    /// A life has ended, and the next has begun on the leave that was given for that.
    pub(super) fn acknowledge(&mut self, id: u64, reason: &ExitReason, successor: Generation) {
        let (now, events) = (self.kit.clock.now(), self.kit.events.clone());
        self.intensity.forget(id);
        if let Some(child) = self.child(id) {
            child.mourn(reason, Consequence::AT_ONCE, &events);
            child.await_life(InstanceState::Restarting, Some(now));
            child.follow_on(successor, now);
            child.history = History::default();
        }
    }

    pub(super) fn end_life(&mut self, id: u64) {
        let reason = match self.purpose {
            Purpose::End(_) => ExitReason::Shutdown,
            _ if self.is_dismissed(id) => ExitReason::Shutdown,
            Purpose::Supervise | Purpose::Disband | Purpose::Escalate => ExitReason::Restarted,
        };
        if let Some(child) = self.child(id) {
            child.leash.end(reason);
        }
    }

    /// Goes on without a life that was told to end and does not.
    pub(super) fn abandon(&mut self, id: u64) {
        let consequence = match self.purpose {
            Purpose::Escalate => Consequence::Escalate,
            _ if self.cohort.rests(id) => Consequence::Leave,
            _ => Consequence::AT_ONCE,
        };
        let events = self.kit.events.clone();
        let Some(child) = self.child(id) else {
            return;
        };
        child.lives = false;
        let instance = child.charge.mailbox.instance();
        warn!("agent {instance} has not ended in time and is left behind");
        child.mourn(&child.leash.reason(), consequence, &events);
        if consequence == Consequence::Leave {
            child.charge.mailbox.dissolve();
            self.retire(id);
        }
    }

    /// A life has ended; does what follows.
    pub(super) fn bury(&mut self, id: u64, reason: &ExitReason) {
        let now = self.kit.clock.now();
        let told = self.cohort.ended(id);
        let thread_ended = *reason == ExitReason::ThreadEnded;
        let consequence = self.consequence(id, reason.clone(), told, now);
        let events = self.kit.events.clone();
        let Some(child) = self.child(id) else {
            return;
        };
        child.lives = false;
        child.mourn(reason, consequence, &events);
        let place = child.charge.place;
        if thread_ended
            && !matches!(self.purpose, Purpose::End(_))
            && let Err(cause) = self.kit.threads.replace_if_ended(place)
        {
            error!("no thread can be started in place of one that has ended: {cause}");
        }
        self.follow(id, consequence, told, now);
    }

    /// What follows the end of a life that was told to end, or was not.
    fn consequence(
        &mut self,
        id: u64,
        reason: ExitReason,
        told: bool,
        now: Instant,
    ) -> Consequence {
        match self.purpose {
            Purpose::End(_) => Consequence::Leave,
            Purpose::Escalate => Consequence::Escalate,
            _ if told && self.cohort.rests(id) => Consequence::Leave,
            _ if told => Consequence::AT_ONCE,
            Purpose::Supervise | Purpose::Disband => {
                let mut children = self.children.iter_mut();
                let Some(child) = children.find(|child| child.id() == id) else {
                    return Consequence::Leave;
                };
                let (life, dismissed) = (child.last_life(reason, now), child.dismissed);
                let (ended, chance) = (child.ended(&life), fastrand::f64());
                match self.config.decide(ended, &mut self.intensity, now, chance) {
                    // Nobody else has to suffer for one that is about to go.
                    Consequence::GiveUp { .. } | Consequence::Escalate if dismissed => {
                        Consequence::Leave
                    }
                    consequence => consequence,
                }
            }
        }
    }

    fn follow(&mut self, id: u64, consequence: Consequence, told: bool, now: Instant) {
        let Some(child) = self.child(id) else {
            return;
        };
        match consequence {
            Consequence::Restart { after } => {
                child.await_life(InstanceState::Restarting, Some(now + after));
                if !told {
                    self.cohort.restart(id, now + after);
                }
            }
            Consequence::GiveUp { cool_down } => {
                child.await_life(InstanceState::Stopped, Some(now + cool_down));
                child.charge.mailbox.close();
                self.cohort.restart_alone(id, now + cool_down);
                self.announce_stop(id);
            }
            Consequence::Leave | Consequence::Ban => self.retire(id),
            Consequence::Escalate => {
                child.await_life(InstanceState::Restarting, None);
                self.escalate();
            }
        }
    }

    fn escalate(&mut self) {
        if matches!(self.purpose, Purpose::Supervise) {
            self.purpose = Purpose::Escalate;
            self.cohort.end_all();
        }
    }

    /// The child gets no more lives by itself.
    pub(super) fn retire(&mut self, id: u64) {
        if let Some(child) = self.child(id) {
            let is_news = child.charge.mailbox.state() != InstanceState::Stopped;
            child.await_life(InstanceState::Stopped, None);
            child.charge.mailbox.close();
            if is_news {
                self.announce_stop(id);
            }
        }
        self.rolling.is_off(id);
        if self.is_dismissed(id) {
            self.part_with(id);
        }
    }

    fn part_with(&mut self, id: u64) {
        self.cohort.remove(id);
        if let Some(at) = self.children.iter().position(|child| child.id() == id) {
            let child = self.children.remove(at);
            self.kit.threads.release(child.charge.place);
        }
    }

    fn announce_stop(&mut self, id: u64) {
        if let Some(child) = self.child(id) {
            let instance = child.charge.mailbox.instance().clone();
            self.kit.events.tell(LifeEvent::Stopped { instance });
        }
        self.kit.registry.touch();
        self.rolling.is_off(id);
    }
}
