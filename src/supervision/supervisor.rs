//! The supervisor of a group of instances: starts them, hears of their ends, and does what follows.
//!
//! What follows is decided elsewhere: whether and when by [`SupervisorConfig::decide`], in which
//! order by the [`Cohort`].

mod child;
mod commands;
mod lives;

use std::time::Instant;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use futures::future::{AbortHandle, abortable};
use tokio::sync::oneshot;

use super::birth::Patience;
use super::clock::Clock;
use super::cohort::{Cohort, Deed};
use super::events::LifeEvents;
use super::obituary::{ChildExited, ChildStarted};
use super::registry::Registry;
use super::root::SupervisorGuard;
use super::threads::AgentThreads;
use crate::judgement::{Intensity, SupervisorConfig};
use crate::words::{ExitReason, LifeEvent};

pub(super) use child::Charge;
use child::Child;
use commands::Rolling;
pub(super) use commands::{Admit, Disband, Dismiss, Drain, Finish, Restart, ThreadReplaced};

/// What all supervisors of a house share.
#[derive(Clone)]
pub(super) struct Kit {
    pub threads: AgentThreads,
    pub events: LifeEvents,
    pub clock: Clock,
    pub patience: Patience,
    pub registry: Registry,
}

impl Kit {
    /// Parts with instances that nobody keeps alive.
    pub(super) fn dismiss(&self, charges: Vec<Charge>) {
        for charge in charges {
            charge.mailbox.dissolve();
            self.threads.release(charge.place);
        }
    }
}

pub(super) struct Supervisor {
    config: SupervisorConfig,
    kit: Kit,
    cohort: Cohort,
    children: Vec<Child>,
    intensity: Intensity,
    rolling: Rolling,
    alarm: Option<AbortHandle>,
    purpose: Purpose,
    guard: SupervisorGuard,
}

/// What a supervisor is there for at present.
#[derive(Debug)]
enum Purpose {
    /// To keep its children alive.
    Supervise,
    /// To part with them, and to end when the last is gone.
    Disband,
    /// To end them and to leave the matter to its parent.
    Escalate,
    /// To end them for good, and to tell when that is done.
    End(Option<oneshot::Sender<()>>),
}

impl Supervisor {
    pub(super) fn new(
        charges: Vec<Charge>,
        config: SupervisorConfig,
        kit: Kit,
        guard: SupervisorGuard,
    ) -> Self {
        let mut supervisor = Self {
            cohort: Cohort::new(config.strategy, kit.patience.leave),
            config,
            kit,
            children: Vec::new(),
            intensity: Intensity::default(),
            rolling: Rolling::default(),
            alarm: None,
            purpose: Purpose::Supervise,
            guard,
        };
        for charge in charges {
            supervisor.adopt(charge);
        }
        supervisor
    }

    fn adopt(&mut self, charge: Charge) {
        let child = Child::new(charge);
        let now = self.kit.clock.now();
        self.cohort.add(child.id(), child.is_temporary(), now);
        self.children.push(child);
    }

    /// Does all that is to be done now.
    fn pursue(&mut self, ctx: &mut Context<Self>) {
        loop {
            match self.cohort.next(self.kit.clock.now()) {
                Some(Deed::Start(id)) => self.begin_life(id, ctx),
                Some(Deed::End(id)) => self.end_life(id),
                Some(Deed::Abandon(id)) => self.abandon(id),
                Some(Deed::Wait(until)) => break self.set_alarm(until, ctx),
                None => break,
            }
        }
        if self.cohort.is_down() {
            self.conclude(ctx);
        }
    }

    /// Alarms are not cancelled by the context: an actor that does that and terminates in the same
    /// turn never ends, but keeps its thread busy for ever (actix 0.13.5, `ContextFut::poll`).
    fn set_alarm(&mut self, until: Instant, ctx: &mut Context<Self>) {
        let clock = self.kit.clock.clone();
        let (sleep, alarm) = abortable(async move { clock.sleep_until(until).await });
        let sleep = sleep.into_actor(self);
        ctx.spawn(sleep.map(|slept, supervisor, ctx| {
            if slept.is_ok() {
                supervisor.pursue(ctx);
            }
        }));
        if let Some(earlier) = self.alarm.replace(alarm) {
            earlier.abort();
        }
    }

    /// All children are down.
    fn conclude(&mut self, ctx: &mut Context<Self>) {
        match &mut self.purpose {
            Purpose::Disband if self.children.is_empty() => {
                self.guard.desert();
                ctx.terminate();
            }
            Purpose::Supervise | Purpose::Disband => {}
            Purpose::Escalate => {
                self.guard.escalate();
                ctx.terminate();
            }
            Purpose::End(told) => {
                if let Some(told) = told.take() {
                    // Whoever asked may have lost patience.
                    let _ = told.send(());
                    self.guard.disarm();
                }
            }
        }
    }

    fn is_dismissed(&self, id: u64) -> bool {
        let mut children = self.children.iter();
        children.any(|child| child.id() == id && child.dismissed)
    }

    fn child(&mut self, id: u64) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.id() == id)
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.pursue(ctx);
    }
}

impl Handler<ChildStarted> for Supervisor {
    type Result = ();

    fn handle(&mut self, started: ChildStarted, ctx: &mut Self::Context) {
        let Some(child) = self.child(started.child) else {
            return;
        };
        if !child.lives || child.generation != started.generation {
            return;
        }
        let was_stopped = child.take_up_work();
        let instance = child.charge.mailbox.instance().clone();
        self.kit.events.tell(LifeEvent::Started {
            instance,
            generation: started.generation,
        });
        let is_first = started.generation.number() == 1;
        if was_stopped || is_first {
            self.kit.registry.touch();
        }
        self.cohort.started(started.child);
        self.rolling.works(started.child, started.generation);
        self.roll();
        self.pursue(ctx);
    }
}

impl Handler<ChildExited> for Supervisor {
    type Result = ();

    /// A life that was replaced or left behind is mourned no more.
    fn handle(&mut self, exit: ChildExited, ctx: &mut Self::Context) {
        let Some(child) = self.child(exit.child) else {
            return;
        };
        if !child.lives || child.generation != exit.generation {
            return;
        }
        match exit.successor {
            Some(successor) => self.acknowledge(exit.child, &exit.reason, successor),
            None => self.bury(exit.child, &exit.reason),
        }
        self.roll();
        self.pursue(ctx);
    }
}

impl Drop for Supervisor {
    /// Whatever ended the supervisor, no life goes on that nobody supervises. Those who were to be
    /// parted with the next supervisor does not know.
    fn drop(&mut self) {
        for child in &self.children {
            child.leash.end(ExitReason::Restarted);
        }
        let children = std::mem::take(&mut self.children).into_iter();
        let dismissed = children.filter(|child| child.dismissed);
        self.kit
            .dismiss(dismissed.map(|child| child.charge).collect());
    }
}
