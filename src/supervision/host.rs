//! One life of an agent: the actor that takes tasks from a mailbox and has them answered.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message,
    ResponseActFuture, WrapFuture,
};
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::events::LifeEvents;
use super::obituary::Obituary;
use crate::judgement::ExitReason;
use crate::mailbox::{AskError, CheckHealth, Door, Envelope, InstanceState, Mailbox, Wake};
use crate::words::{Agent, AgentErrorKind, Generation, LifeEvent, Reply};

/// Tasks that one turn may begin, so that siblings on the same thread get theirs.
const BUDGET: usize = 64;

/// Everything that a life is given at birth. It is sent to the thread that the life is for.
pub(super) struct Birth {
    pub mailbox: Arc<Mailbox>,
    pub generation: Generation,
    pub obituary: Obituary,
    /// Cancelled when the life must end now, work in flight included.
    pub kill: CancellationToken,
    /// Told when the life is ready for work.
    pub events: LifeEvents,
}

/// What became of a job; `Err` is the cause of the life's end.
type JobEnd = Result<Result<Reply, AskError>, ExitReason>;
type Job = Pin<Box<dyn Future<Output = JobEnd>>>;

pub(super) struct AgentHost<A: Agent> {
    agent: Rc<A>,
    mailbox: Arc<Mailbox>,
    generation: Generation,
    busy: usize,
    kill: CancellationToken,
    obituary: Obituary,
}

/// Makes the agent and starts its host, on this thread.
pub(super) async fn live<A: Agent>(birth: Birth, factory: impl FnOnce() -> A) {
    let Birth {
        mailbox,
        generation,
        mut obituary,
        kill,
        events,
    } = birth;
    let starting = async {
        let mut agent = factory();
        agent.started().await.map(|()| agent)
    };
    let agent = match AssertUnwindSafe(starting).catch_unwind().await {
        Ok(Ok(agent)) => agent,
        Ok(Err(error)) => return obituary.because(ExitReason::StartFailed(error.to_string())),
        Err(panic) => return obituary.because(ExitReason::StartFailed(message_of(&*panic))),
    };
    let host = AgentHost {
        agent: Rc::new(agent),
        mailbox: Arc::clone(&mailbox),
        generation,
        busy: 0,
        kill,
        obituary,
    };
    let address = host.start();
    mailbox.vitals_mut().state = InstanceState::Healthy;
    mailbox.attach(Door {
        wake: address.clone().recipient(),
        check: address.recipient(),
    });
    events.tell(LifeEvent::Started {
        instance: mailbox.instance().clone(),
        generation,
    });
}

impl<A: Agent> AgentHost<A> {
    fn work(&mut self, ctx: &mut Context<Self>) {
        for _ in 0..BUDGET {
            if self.obituary.is_sealed() || self.busy == self.mailbox.concurrency() {
                return;
            }
            if !self.agent.is_alive() {
                return self.die(ExitReason::Finished, ctx);
            }
            match self.mailbox.take(self.generation) {
                Some(envelope) if envelope.is_abandoned() => {}
                Some(envelope) => self.begin(envelope, ctx),
                None => return,
            }
        }
        let host = ctx.address();
        actix_rt::spawn(async move { host.do_send(Wake) });
    }

    /// Many agents answer without waiting for anything: such a job is done here and now. One that
    /// waits goes on by itself, so that it survives this life's end.
    fn begin(&mut self, mut envelope: Envelope, ctx: &mut Context<Self>) {
        let Some(mut job) = self.job(&mut envelope) else {
            return;
        };
        let mut unattended = TaskContext::from_waker(Waker::noop());
        match job.as_mut().poll(&mut unattended) {
            Poll::Ready(end) => self.finish(end, envelope, ctx),
            Poll::Pending => {
                self.busy += 1;
                let (host, kill) = (ctx.address(), self.kill.clone());
                actix_rt::spawn(attend(job, envelope, host, kill));
            }
        }
    }

    fn job(&self, envelope: &mut Envelope) -> Option<Job> {
        let (task, context) = envelope.open()?;
        let agent = Rc::clone(&self.agent);
        let handling = async move { agent.handle(task, &context).await };
        Some(Box::pin(async {
            match AssertUnwindSafe(handling).catch_unwind().await {
                Ok(Ok(reply)) => Ok(Ok(reply)),
                Ok(Err(error)) if error.kind() == AgentErrorKind::Fatal => {
                    Err(ExitReason::Fatal(error.to_string()))
                }
                Ok(Err(error)) => Ok(Err(AskError::Agent(error))),
                Err(panic) => Err(ExitReason::Panicked(message_of(&*panic))),
            }
        }))
    }

    fn finish(&mut self, end: JobEnd, envelope: Envelope, ctx: &mut Context<Self>) {
        match end {
            Ok(result) => {
                self.obituary.credit();
                envelope.answer(result);
            }
            Err(cause) => {
                envelope.answer(Err(AskError::Crashed));
                self.die(cause, ctx);
            }
        }
    }

    fn die(&mut self, cause: ExitReason, ctx: &mut Context<Self>) {
        self.obituary.because(cause);
        ctx.terminate();
    }
}

/// Sees a job through to its end, which may come after the end of the life that began it.
async fn attend<A: Agent>(
    mut job: Job,
    envelope: Envelope,
    host: Addr<AgentHost<A>>,
    kill: CancellationToken,
) {
    let cancelled = envelope.cancellation();
    let (answer, mut ended) = tokio::select! {
        biased;
        () = kill.cancelled() => (Some(Err(AskError::Stopped)), JobEnded::GivenUp),
        // Nobody hears an answer any more.
        () = cancelled.cancelled() => (None, JobEnded::GivenUp),
        end = &mut job => match end {
            Ok(result) => (Some(result), JobEnded::Done),
            Err(cause) => (Some(Err(AskError::Crashed)), JobEnded::Fatally(cause)),
        },
    };
    // What a job drops is foreign code, too.
    let dropped = std::panic::catch_unwind(AssertUnwindSafe(|| drop(job)));
    if let (Err(panic), JobEnded::Done | JobEnded::GivenUp) = (dropped, &ended) {
        ended = JobEnded::Fatally(ExitReason::Panicked(message_of(&*panic)));
    }
    // The host hears of it first: a life that has ended must not take what the caller asks next.
    host.do_send(ended);
    if let Some(result) = answer {
        envelope.answer(result);
    }
}

/// A job that went on by itself has ended.
#[derive(Message)]
#[rtype(result = "()")]
enum JobEnded {
    /// It was done.
    Done,
    /// It was given up.
    GivenUp,
    /// It has taken the life with it.
    Fatally(ExitReason),
}

impl<A: Agent> Actor for AgentHost<A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let kill = self.kill.clone().cancelled_owned();
        let dying = kill.into_actor(self).map(|(), host, ctx| {
            host.die(ExitReason::Shutdown, ctx);
        });
        ctx.spawn(dying);
    }
}

impl<A: Agent> Handler<Wake> for AgentHost<A> {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.mailbox.hush();
        self.work(ctx);
    }
}

impl<A: Agent> Handler<JobEnded> for AgentHost<A> {
    type Result = ();

    fn handle(&mut self, ended: JobEnded, ctx: &mut Self::Context) {
        self.busy -= 1;
        match ended {
            JobEnded::Fatally(cause) => return self.die(cause, ctx),
            JobEnded::Done => self.obituary.credit(),
            JobEnded::GivenUp => {}
        }
        self.work(ctx);
    }
}

impl<A: Agent> Handler<CheckHealth> for AgentHost<A> {
    type Result = ResponseActFuture<Self, Result<(), String>>;

    fn handle(
        &mut self,
        CheckHealth(patience): CheckHealth,
        _: &mut Self::Context,
    ) -> Self::Result {
        let agent = Rc::clone(&self.agent);
        let checking = async move {
            match tokio::time::timeout(patience, agent.health()).await {
                Ok(found) => found.map_err(|error| error.to_string()),
                Err(_elapsed) => Err(format!("no answer to the health check in {patience:?}")),
            }
        };
        let checking = AssertUnwindSafe(checking).catch_unwind();
        Box::pin(
            checking
                .into_actor(self)
                .map(|found, host, ctx| match found {
                    Ok(found) => found,
                    Err(panic) => {
                        let message = message_of(&*panic);
                        host.die(ExitReason::Panicked(message.clone()), ctx);
                        Err(format!("the health check panicked: {message}"))
                    }
                }),
        )
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with something that is not text")
        .to_owned()
}
