//! The supervisor of one agent: starts its instances, hears of their ends, decides what follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture,
};
use log::warn;
use tokio_util::sync::CancellationToken;

use super::agent_spec::Launch;
use super::events::LifeEvents;
use super::host::Birth;
use super::obituary::{ChildExited, Obituary};
use super::threads::AgentThreads;
use crate::judgement::{Backoff, Decision, ExitReason, Intensity, Life, RestartConfig};
use crate::mailbox::{InstanceState, Mailbox};
use crate::words::{Generation, LifeEvent};

/// How often a stopping supervisor looks whether its agents have finished.
const GLANCE: Duration = Duration::from_millis(5);

/// What a supervisor keeps alive, and how.
pub(super) struct Charge {
    pub mailboxes: Vec<Arc<Mailbox>>,
    pub launch: Launch,
    pub restart: RestartConfig,
    pub shutdown_timeout: Duration,
}

pub(crate) struct Supervisor {
    children: Vec<Child>,
    launch: Launch,
    restart: RestartConfig,
    shutdown_timeout: Duration,
    intensity: Intensity,
    stopping: bool,
    threads: AgentThreads,
    events: LifeEvents,
}

struct Child {
    mailbox: Arc<Mailbox>,
    thread: usize,
    generation: Generation,
    /// Whether a life was begun that has not ended yet.
    lives: bool,
    backoff: Backoff,
    /// Ends all its lives, and the work in flight of those that have ended.
    kill: CancellationToken,
}

/// Ends all instances: what waits is refused, what is in flight may finish within the shutdown
/// time-out, what is left then is dropped. Answered when it is done.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

impl Supervisor {
    pub(super) fn new(charge: Charge, threads: AgentThreads, events: LifeEvents) -> Self {
        let children = charge.mailboxes.into_iter().map(|mailbox| Child {
            mailbox,
            thread: threads.assign(),
            generation: Generation::default(),
            lives: false,
            backoff: Backoff::default(),
            kill: CancellationToken::new(),
        });
        Self {
            children: children.collect(),
            launch: charge.launch,
            restart: charge.restart,
            shutdown_timeout: charge.shutdown_timeout,
            intensity: Intensity::default(),
            stopping: false,
            threads,
            events,
        }
    }

    fn begin_life(&mut self, number: usize, ctx: &mut Context<Self>) {
        if self.stopping {
            return;
        }
        let child = &mut self.children[number];
        child.generation = child.mailbox.next_life();
        child.lives = true;
        let birth = Birth {
            mailbox: Arc::clone(&child.mailbox),
            generation: child.generation,
            obituary: Obituary::new(number, child.generation, ctx.address().recipient()),
            kill: child.kill.child_token(),
            events: self.events.clone(),
        };
        let launch = Arc::clone(&self.launch);
        let thread = self.threads.handle(child.thread);
        // On a thread that has ended the closure is dropped, and the obituary in it is sent.
        thread.spawn_fn(move || launch(number, birth));
    }

    fn decide(&mut self, number: usize, life: &Life) -> Decision {
        if self.stopping {
            return Decision::Leave;
        }
        self.restart.decide(
            life,
            &mut self.intensity,
            &mut self.children[number].backoff,
            Instant::now(),
            fastrand::f64(),
        )
    }

    fn restart(&mut self, number: usize, after: Duration, ctx: &mut Context<Self>) {
        {
            let mut vitals = self.children[number].mailbox.vitals_mut();
            vitals.state = InstanceState::Restarting;
            vitals.restarts += 1;
        }
        if after.is_zero() {
            self.begin_life(number, ctx);
        } else {
            ctx.run_later(after, move |supervisor, ctx| {
                supervisor.begin_life(number, ctx);
            });
        }
    }

    /// Lets no more work in; one that has no life now has ended with that.
    fn drain(&self, number: usize) {
        let child = &self.children[number];
        if child.mailbox.vitals().state == InstanceState::Stopped {
            return;
        }
        if child.lives {
            child.mailbox.vitals_mut().state = InstanceState::Draining;
            child.mailbox.close();
        } else {
            self.retire(number);
        }
    }

    fn retire(&self, number: usize) {
        let mailbox = &self.children[number].mailbox;
        mailbox.vitals_mut().state = InstanceState::Stopped;
        mailbox.close();
        self.events.tell(LifeEvent::Stopped {
            instance: mailbox.instance().clone(),
        });
    }

    fn mourn(&self, exit: &ChildExited, decision: Decision) {
        let mailbox = &self.children[exit.child].mailbox;
        let (instance, generation, reason) =
            (mailbox.instance(), exit.generation, &exit.life.reason);
        let consequence = match decision {
            Decision::Restart { after } => format!("restarting in {} ms", after.as_millis()),
            Decision::Leave => "left stopped".to_owned(),
            Decision::GiveUp => format!(
                "given up after more than {} restarts within {} s",
                self.restart.max_restarts,
                self.restart.window.as_secs_f64()
            ),
        };
        let level = match (decision, reason) {
            _ if self.stopping => log::Level::Info,
            (Decision::GiveUp, _) => log::Level::Error,
            (_, ExitReason::Shutdown | ExitReason::Finished) => log::Level::Info,
            _ => log::Level::Warn,
        };
        log::log!(
            level,
            "agent {instance}, life {generation}: {reason}; {consequence}"
        );
        if reason.is_abnormal() {
            mailbox.vitals_mut().last_error = Some(reason.to_string());
        }
        self.events.tell(LifeEvent::Exited {
            instance: instance.clone(),
            generation,
            reason: reason.to_string(),
            consequence,
        });
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for number in 0..self.children.len() {
            self.begin_life(number, ctx);
        }
    }
}

impl Handler<ChildExited> for Supervisor {
    type Result = ();

    fn handle(&mut self, exit: ChildExited, ctx: &mut Self::Context) {
        if exit.generation != self.children[exit.child].generation {
            return;
        }
        self.children[exit.child].lives = false;
        let decision = self.decide(exit.child, &exit.life);
        self.mourn(&exit, decision);
        if exit.life.reason == ExitReason::ThreadEnded && !self.stopping {
            self.threads
                .replace_if_ended(self.children[exit.child].thread);
        }
        match decision {
            Decision::Restart { after } => self.restart(exit.child, after, ctx),
            Decision::Leave | Decision::GiveUp => self.retire(exit.child),
        }
    }
}

impl Handler<Shutdown> for Supervisor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) -> Self::Result {
        if std::mem::replace(&mut self.stopping, true) {
            return Box::pin(actix::fut::ready(()));
        }
        for number in (0..self.children.len()).rev() {
            self.drain(number);
        }
        let mailboxes: Vec<_> = self.children.iter().map(|c| c.mailbox.clone()).collect();
        let ended = all_ended(mailboxes.clone());
        let patience = self.shutdown_timeout;
        let finished = tokio::time::timeout(patience, all_idle(mailboxes));
        let killed = finished.into_actor(self).map(|finished, supervisor, _| {
            if finished.is_err() {
                warn!("agents did not finish in time; their work is dropped");
            }
            for child in &supervisor.children {
                child.kill.cancel();
            }
        });
        Box::pin(killed.then(move |(), supervisor, _| {
            let ended = tokio::time::timeout(patience, ended).into_actor(supervisor);
            ended.map(|ended, _, _| {
                if ended.is_err() {
                    warn!("an agent did not end in time; it ends with its thread");
                }
            })
        }))
    }
}

/// Waits until the supervisor has heard of every end.
async fn all_ended(mailboxes: Vec<Arc<Mailbox>>) {
    let goes_on = |mailbox: &Arc<Mailbox>| mailbox.vitals().state != InstanceState::Stopped;
    while mailboxes.iter().any(goes_on) {
        tokio::time::sleep(GLANCE).await;
    }
}

async fn all_idle(mailboxes: Vec<Arc<Mailbox>>) {
    while mailboxes.iter().any(|mailbox| mailbox.load().taken() > 0) {
        tokio::time::sleep(GLANCE).await;
    }
}
