//! How a life ends, and what it leaves behind.

use std::sync::Arc;

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::AgentHost;
use crate::supervision::birth::Birth;
use crate::supervision::guarded::{guarded, guarded_wait};
use crate::supervision::obituary::Obituary;
use crate::words::{Agent, ExitReason};

impl<A: Agent> AgentHost<A> {
    /// The life shall end by the agent's own doing.
    pub(super) fn end_itself(&mut self, reason: ExitReason, ctx: &mut Context<Self>) {
        if reason.is_abnormal() {
            self.die(reason, ctx);
        } else {
            self.end(reason, ctx);
        }
    }

    /// Ends the life once its work is done and it has taken leave. One that stopped by itself makes
    /// room for its next life meanwhile.
    pub(super) fn end(&mut self, reason: ExitReason, ctx: &mut Context<Self>) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(reason.clone());
        if self.busy == 0 {
            return self.take_leave(reason, ctx);
        }
        if reason == ExitReason::Finished {
            self.announce(reason);
        }
    }

    pub(super) fn take_leave(&mut self, reason: ExitReason, ctx: &mut Context<Self>) {
        let Some(agent) = self.agent.clone() else {
            return self.die(reason, ctx);
        };
        let hook: LocalBoxFuture<'static, ()> = async move { agent.stopped().await }.boxed_local();
        let hook = guarded_wait(self.marked(hook));
        let hook = tokio::time::timeout(self.patience.leave, hook);
        let left = hook.into_actor(self).map(|left, host, ctx| {
            let cause = match left {
                Ok(Ok(())) => reason,
                Ok(Err(panic)) => panic,
                Err(_elapsed) => {
                    let patience = host.patience.leave;
                    let instance = host.mailbox.instance();
                    log::warn!("agent {instance} did not take leave within {patience:?}");
                    reason
                }
            };
            host.die(cause, ctx);
        });
        ctx.spawn(left);
    }

    /// Ends the life here and now. Jobs that went on by themselves go on.
    pub(super) fn die(&mut self, cause: ExitReason, ctx: &mut Context<Self>) {
        let agent = self.agent.take();
        let (pulse, mark) = (Arc::clone(&self.pulse), self.mark(0));
        let dropped = pulse.during(mark, || guarded(|| drop(agent)));
        // How its own life went wrong explains how its jobs did.
        let own = self.life.shall_end().filter(ExitReason::is_abnormal);
        let cause = own.unwrap_or(cause);
        self.announce(match dropped {
            Err(panic) if !cause.is_abnormal() => panic,
            _ => cause,
        });
        ctx.terminate();
    }

    fn announce(&mut self, cause: ExitReason) {
        self.report();
        let Some(mut obituary) = self.obituary.take() else {
            return;
        };
        obituary.because(cause);
        if obituary.is_of_a_crash() {
            self.succeed(obituary);
        }
    }

    /// Begins the next life, if there is leave to and nobody has other plans.
    fn succeed(&mut self, mut obituary: Obituary) {
        let told = self.leaving.is_some() || self.leash.is_pulled();
        let leave = self.succession.take();
        let Some(succession) = leave.filter(|_| self.productive && !told) else {
            return;
        };
        let Some(generation) = self.mailbox.succeed(self.generation) else {
            return;
        };
        let (launch, number) = (Arc::clone(&succession.launch), succession.number);
        let birth = Birth {
            mailbox: Arc::clone(&self.mailbox),
            generation,
            obituary: obituary.succeeded_by(generation, &self.pulse),
            predecessor: Some(obituary),
            leash: self.leash.clone(),
            to: self.to.clone(),
            pulse: Arc::clone(&self.pulse),
            patience: self.patience,
            succession: Some(succession),
        };
        launch(number, birth);
    }
}
