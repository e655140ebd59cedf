//! One life of an agent: the actor that takes tasks from a mailbox and has them answered.

mod ending;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Instant;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, ResponseActFuture, WrapFuture,
};
use futures::FutureExt;
use tokio_util::sync::DropGuard;

use super::birth::{Birth, Patience, Succession};
use super::guarded::{guarded, guarded_wait};
use super::job::{JobEnded, Work, WorkDone, attend};
use super::leash::Leash;
use super::obituary::{ChildStarted, Obituary};
use super::pulse::{Mark, Marked, Pulse};
use crate::mailbox::{AskError, CheckHealth, Envelope, Job, Mailbox, Wake};
use crate::words::{Agent, ExitReason, Generation, LifeContext};

/// Tasks that one turn may begin, so that siblings on the same thread get theirs.
const BUDGET: usize = 64;

pub(super) struct AgentHost<A: Agent> {
    agent: Option<Rc<A>>,
    life: LifeContext,
    mailbox: Arc<Mailbox>,
    generation: Generation,
    busy: usize,
    /// Whether it has finished a job.
    productive: bool,
    leash: Leash,
    pulse: Arc<Pulse>,
    patience: Patience,
    /// Why it takes no more work, once it does not.
    leaving: Option<ExitReason>,
    /// What the supervisor has still to hear of the beginning: the end of the life before, if it
    /// was followed at once, and that this one takes work.
    news: Option<(Option<Obituary>, ChildStarted)>,
    /// `None` once the supervisor was told that the life has ended.
    obituary: Option<Obituary>,
    to: Recipient<ChildStarted>,
    succession: Option<Succession>,
    /// Ends the tasks beside the agent.
    _over: DropGuard,
}

impl<A: Agent> AgentHost<A> {
    pub(super) fn new(agent: A, life: LifeContext, birth: Birth, over: DropGuard) -> Self {
        let started = ChildStarted {
            child: birth.mailbox.serial(),
            generation: birth.generation,
        };
        Self {
            agent: Some(Rc::new(agent)),
            life,
            mailbox: birth.mailbox,
            generation: birth.generation,
            busy: 0,
            productive: false,
            leash: birth.leash,
            pulse: birth.pulse,
            patience: birth.patience,
            leaving: None,
            news: Some((birth.predecessor, started)),
            obituary: Some(birth.obituary),
            to: birth.to,
            succession: birth.succession,
            _over: over,
        }
    }

    fn work(&mut self, ctx: &mut Context<Self>) {
        let mut now = Instant::now();
        for _ in 0..BUDGET {
            if self.busy == self.mailbox.capacity().concurrency || self.leaving.is_some() {
                return;
            }
            if let Some(reason) = self.life.shall_end() {
                return self.end_itself(reason, ctx);
            }
            let Some(agent) = self.agent.clone() else {
                return;
            };
            match self.mailbox.take(self.generation, now) {
                Some(envelope) => now = self.begin(agent, envelope, now, ctx),
                None => return,
            }
            self.report();
        }
        let host = ctx.address();
        actix_rt::spawn(async move { host.do_send(Wake) });
    }

    /// Many agents answer without waiting for anything: such a job is done here and now. One that
    /// waits goes on by itself, so that it survives this life's end. Says when it left this turn.
    fn begin(
        &mut self,
        agent: Rc<A>,
        envelope: Envelope,
        now: Instant,
        ctx: &mut Context<Self>,
    ) -> Instant {
        let (job, task, context) = Job::begin(&self.mailbox, envelope, self.pulse.serial(), now);
        let mark = self.mark(job.number());
        let mut work = Work::new(agent, task, context);
        let mut unattended = TaskContext::from_waker(Waker::noop());
        let polled = self.pulse.during(mark, || work.poll_unpin(&mut unattended));
        let left = Instant::now();
        match polled {
            Poll::Ready(done) => {
                let dropped = self.pulse.during(mark, || guarded(|| drop(work)));
                self.finish(done, dropped, job, left, ctx);
            }
            Poll::Pending => {
                self.busy += 1;
                let work = Marked::new(work, &self.pulse, mark);
                let (host, leash) = (ctx.address().recipient(), self.leash.clone());
                let tenancy = self.pulse.tenancy();
                actix_rt::spawn(attend(work, job, host, leash, tenancy));
            }
        }
        left
    }

    fn finish(
        &mut self,
        done: WorkDone,
        dropped: Result<(), ExitReason>,
        job: Job,
        at: Instant,
        ctx: &mut Context<Self>,
    ) {
        match (done, dropped) {
            (Ok(result), Ok(())) => {
                self.credit();
                job.settle(result, at);
            }
            (Ok(result), Err(panic)) => {
                job.settle(result, at);
                self.die(panic, ctx);
            }
            (Err(cause), _) => {
                job.settle(Err(AskError::Crashed), at);
                self.die(cause, ctx);
            }
        }
    }

    /// Tells the supervisor of the beginning. That wakes up its thread, and comes after the first
    /// task has been taken: whoever has waited for this life waits no longer for that.
    fn report(&mut self) {
        if let Some((predecessor, started)) = self.news.take() {
            drop(predecessor);
            self.to.do_send(started);
        }
    }

    fn credit(&mut self) {
        self.productive = true;
        self.mailbox.credit();
    }

    fn mark(&self, job: u64) -> Mark {
        let instance = self.mailbox.serial();
        Mark { instance, job }
    }

    fn marked<F>(&self, future: F) -> Marked<F> {
        Marked::new(future, &self.pulse, self.mark(0))
    }
}

impl<A: Agent> Actor for AgentHost<A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let leash = self.leash.clone();
        let told = async move { leash.until_told_to_end().await };
        let told = told.into_actor(self);
        ctx.spawn(told.map(|reason, host, ctx| host.end(reason, ctx)));

        let kill = self.leash.killed().clone().cancelled_owned();
        let killed = kill.into_actor(self);
        ctx.spawn(killed.map(|(), host, ctx| host.die(ExitReason::Shutdown, ctx)));

        let life = self.life.clone();
        let own = async move { life.until_it_shall_end().await }.into_actor(self);
        ctx.spawn(own.map(|(), host, ctx| {
            if let Some(reason) = host.life.shall_end() {
                host.end_itself(reason, ctx);
            }
        }));
    }
}

impl<A: Agent> Handler<Wake> for AgentHost<A> {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.mailbox.hush();
        self.work(ctx);
        self.report();
    }
}

impl<A: Agent> Handler<JobEnded> for AgentHost<A> {
    type Result = ();

    fn handle(&mut self, ended: JobEnded, ctx: &mut Self::Context) {
        self.busy -= 1;
        match ended {
            JobEnded::Fatally(cause) => return self.die(cause, ctx),
            JobEnded::Done => self.credit(),
            JobEnded::GivenUp => {}
        }
        match &self.leaving {
            Some(reason) if self.busy == 0 => self.take_leave(reason.clone(), ctx),
            Some(_) => {}
            None => self.work(ctx),
        }
    }
}

impl<A: Agent> Handler<CheckHealth> for AgentHost<A> {
    type Result = ResponseActFuture<Self, Result<(), String>>;

    fn handle(
        &mut self,
        CheckHealth(patience): CheckHealth,
        _: &mut Self::Context,
    ) -> Self::Result {
        // A check that waits for its turn keeps nobody alive whose life ends meanwhile.
        let agent = self.agent.as_ref().map(Rc::downgrade);
        let checking = async move {
            let Some(agent) = agent.and_then(|agent| agent.upgrade()) else {
                return Err("it is about to end".to_owned());
            };
            match tokio::time::timeout(patience, agent.health()).await {
                Ok(found) => found.map_err(|error| error.to_string()),
                Err(_elapsed) => Err(format!("no answer to the health check in {patience:?}")),
            }
        };
        let checking = guarded_wait(self.marked(checking.boxed_local()));
        Box::pin(
            checking
                .into_actor(self)
                .map(|found, host, ctx| match found {
                    Ok(found) => found,
                    Err(cause) => {
                        let found = Err(format!("the health check {cause}"));
                        host.die(cause, ctx);
                        found
                    }
                }),
        )
    }
}
