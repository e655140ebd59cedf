//! The beginning of a life: the agent is made, starts up, and gets a host.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Recipient};
use futures::future::LocalBoxFuture;
use tokio_util::sync::CancellationToken;

use super::agent_spec::Launch;
use super::guarded::{guarded, guarded_wait};
use super::host::AgentHost;
use super::leash::Leash;
use super::obituary::{ChildStarted, Obituary};
use super::pulse::{Mark, Marked, Pulse};
use crate::mailbox::{Door, Mailbox};
use crate::words::{Agent, ExitReason, Generation, LifeContext};

/// Everything that a life is given at birth. It is sent to the thread that the life is for.
pub(super) struct Birth {
    pub mailbox: Arc<Mailbox>,
    pub generation: Generation,
    /// That of the life before, where the supervisor has still to hear of its end. It is told
    /// first of that, and therefore this is dropped first.
    pub predecessor: Option<Obituary>,
    pub obituary: Obituary,
    pub leash: Leash,
    /// Told when the life takes work.
    pub to: Recipient<ChildStarted>,
    pub pulse: Arc<Pulse>,
    pub patience: Patience,
    pub succession: Option<Succession>,
}

/// Leave, given in advance, to begin the next life here and now after a crash of one that has
/// finished a job. Its supervisor would decide the same, and is told; but whoever waits does not
/// wait for two more threads to wake up.
#[derive(Clone)]
pub(super) struct Succession {
    pub launch: Launch,
    /// The number of the instance.
    pub number: usize,
}

/// How long a life may take for what it has to do besides its work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To start.
    pub start: Duration,
    /// To take leave.
    pub leave: Duration,
}

impl Birth {
    /// The mark of the agent's code outside of any job.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            instance: self.mailbox.serial(),
            job: 0,
        }
    }
}

/// Makes the agent and starts its host, on this thread.
pub(super) async fn live<A: Agent>(mut birth: Birth, factory: impl FnOnce() -> A) {
    let over = CancellationToken::new();
    let life = life_context(&birth, over.clone());
    let over = over.drop_guard();
    let started = start(&birth, &life, factory).await;
    let (mailbox, generation) = (Arc::clone(&birth.mailbox), birth.generation);
    // The thread may have been blocked meanwhile, and somebody else may serve the mailbox.
    if !mailbox.is_served_by(generation) {
        birth.obituary.because(ExitReason::Displaced);
    }
    let agent = match started {
        Ok(agent) if birth.obituary.is_sealed() => return drop(guarded(|| drop(agent))),
        Ok(agent) => agent,
        Err(cause) => return birth.obituary.because(cause),
    };
    let host = AgentHost::new(agent, life, birth, over).start();
    let door = Door {
        wake: host.clone().recipient(),
        check: host.recipient(),
    };
    mailbox.attach(generation, door);
}

/// The agent, started; or why its life ended before it began.
async fn start<A: Agent>(
    birth: &Birth,
    life: &LifeContext,
    factory: impl FnOnce() -> A,
) -> Result<A, ExitReason> {
    if !birth.mailbox.is_served_by(birth.generation) {
        return Err(ExitReason::Displaced);
    }
    let starting = async {
        let mut agent = factory();
        agent.started(life).await.map(|()| agent)
    };
    let starting = Box::pin(guarded_wait(starting));
    let starting = Marked::new(starting, &birth.pulse, birth.mark());
    let patience = birth.patience.start;
    let started = tokio::select! {
        biased;
        started = tokio::time::timeout(patience, starting) => started,
        reason = birth.leash.until_told_to_end() => return Err(reason),
        () = birth.leash.killed().cancelled() => return Err(ExitReason::Shutdown),
    };
    match started {
        Ok(Ok(Ok(agent))) => Ok(agent),
        Ok(Ok(Err(error))) => Err(ExitReason::StartFailed(error.to_string())),
        Ok(Err(ExitReason::Panicked(message))) => Err(ExitReason::StartFailed(message)),
        Ok(Err(other)) => Err(other),
        Err(_elapsed) => Err(ExitReason::StartFailed(format!("not within {patience:?}"))),
    }
}

/// The life as its agent sees it; its background tasks end when it is `over`.
fn life_context(birth: &Birth, over: CancellationToken) -> LifeContext {
    let (pulse, mark) = (Arc::clone(&birth.pulse), birth.mark());
    let spawner = move |life: LifeContext, task: LocalBoxFuture<'static, ()>| {
        let task = Marked::new(task, &pulse, mark);
        actix_rt::spawn(background(life, task, over.clone()));
    };
    let instance = birth.mailbox.instance().clone();
    LifeContext::new(instance, birth.generation, Box::new(spawner))
}

/// Runs a task beside an agent; its panic is the end of the agent's life.
async fn background(
    life: LifeContext,
    mut task: Marked<LocalBoxFuture<'static, ()>>,
    over: CancellationToken,
) {
    let outcome = tokio::select! {
        biased;
        () = over.cancelled() => Ok(()),
        done = guarded_wait(&mut task) => done,
    };
    match (outcome, task.drop_guarded()) {
        (Err(panic), _) | (Ok(()), Err(panic)) => life.end(panic),
        (Ok(()), Ok(())) => {}
    }
}
