//! What a supervisor can be told from above.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, ResponseFuture,
    WrapFuture,
};
use log::warn;
use tokio::sync::oneshot;

use super::{Charge, Child, Purpose, Supervisor};
use crate::judgement::History;
use crate::mailbox::{InstanceState, Mailbox};
use crate::words::{Consequence, ExitReason, Generation};

/// How often those who wait for the end of all work look whether it has come.
const GLANCE: Duration = Duration::from_millis(5);

/// Keeps one more instance alive, after all others.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct Admit(pub Charge);

/// Parts with these instances once their work is done, or too much time has passed.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct Dismiss {
    pub children: Vec<u64>,
    pub patience: Duration,
}

/// Ends when the last of its children is gone: it gets no others.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct Disband;

/// Starts these instances anew, one after the other, each once the one before it works again.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct Restart(pub Vec<u64>);

/// A blocked thread was left behind; whoever lived there has a new life elsewhere to get.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct ThreadReplaced {
    /// Which thread it was.
    pub thread: u64,
    /// Whose code blocked it, as far as that is known.
    pub culprit: Option<u64>,
    /// Whether whoever is to blame is not to be started again.
    pub ban: bool,
}

/// Lets no more work in, tells those who wait, and answers once all work in flight is done or
/// that much time has passed.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct Drain(pub Duration);

/// Ends all children, the last first, and answers when they have ended. Work that is still in
/// flight is dropped; whoever has not taken leave by then is left behind.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct Finish {
    pub until: Instant,
}

/// The instances that wait for their turn to be started anew.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    waiting: VecDeque<u64>,
    /// Whose turn it is, and the life that is to be replaced.
    current: Option<(u64, Generation)>,
}

impl Rolling {
    /// A life of that one takes work: unless it is the old one, it is the next one's turn.
    pub(super) fn works(&mut self, id: u64, generation: Generation) {
        self.current = self
            .current
            .filter(|old| old.0 != id || old.1 == generation);
    }

    /// That one gets no new life: it is the next one's turn.
    pub(super) fn is_off(&mut self, id: u64) {
        self.current = self.current.filter(|old| old.0 != id);
    }
}

impl Supervisor {
    /// Starts the next instance anew, if it is its turn, and nothing else is planned for all.
    pub(super) fn roll(&mut self) {
        if !matches!(self.purpose, Purpose::Supervise) {
            self.rolling = Rolling::default();
            return;
        }
        while self.rolling.current.is_none()
            && let Some(id) = self.rolling.waiting.pop_front()
        {
            let now = self.kit.clock.now();
            let mut children = self.children.iter_mut();
            let Some(child) = children.find(|it| it.id() == id && !it.dismissed) else {
                continue;
            };
            self.rolling.current = Some((id, child.generation));
            child.history = History::default();
            self.intensity.forget(id);
            self.cohort.restart_alone(id, now);
        }
    }

    /// Ends an instance for good, now that its work is done.
    fn dismiss(&mut self, id: u64) {
        let Some(child) = self.child(id) else {
            return;
        };
        if is_busy(&child.charge.mailbox) {
            child.kill.cancel();
        }
        let lives = child.lives;
        self.cohort.end_alone(id);
        if !lives {
            self.retire(id);
        }
    }
}

impl Handler<Admit> for Supervisor {
    type Result = ();

    /// Whoever comes while all others end is started with them, by the next supervisor.
    fn handle(&mut self, Admit(charge): Admit, ctx: &mut Context<Self>) {
        if matches!(self.purpose, Purpose::Supervise) {
            self.adopt(charge);
            self.pursue(ctx);
        }
    }
}

impl Handler<Dismiss> for Supervisor {
    type Result = ();

    fn handle(&mut self, Dismiss { children, patience }: Dismiss, ctx: &mut Context<Self>) {
        for id in children {
            let Some(child) = self.child(id) else {
                continue;
            };
            child.dismissed = true;
            let mailbox = Arc::clone(&child.charge.mailbox);
            mailbox.shut_out();
            let idle = tokio::time::timeout(patience, idle(vec![mailbox]));
            let parting = idle.into_actor(self).map(move |_, supervisor, ctx| {
                supervisor.dismiss(id);
                supervisor.pursue(ctx);
            });
            ctx.spawn(parting);
        }
    }
}

impl Handler<Disband> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Disband, ctx: &mut Context<Self>) {
        if matches!(self.purpose, Purpose::Supervise) {
            self.purpose = Purpose::Disband;
            self.pursue(ctx);
        }
    }
}

impl Handler<Restart> for Supervisor {
    type Result = ();

    fn handle(&mut self, Restart(children): Restart, ctx: &mut Context<Self>) {
        self.rolling.waiting.extend(children);
        self.roll();
        self.pursue(ctx);
    }
}

impl Handler<ThreadReplaced> for Supervisor {
    type Result = ();

    fn handle(&mut self, replaced: ThreadReplaced, ctx: &mut Context<Self>) {
        let children = self.children.iter();
        let there = children.filter(|child| child.lives && child.thread == replaced.thread);
        let there: Vec<u64> = there.map(Child::id).collect();
        for id in there {
            let blamed = replaced.culprit.is_none_or(|culprit| culprit == id);
            let reason = if replaced.culprit == Some(id) {
                ExitReason::ThreadBlocked
            } else {
                ExitReason::Displaced
            };
            if let Some(child) = self.child(id) {
                // It ends when its thread comes free.
                child.leash.end(reason.clone());
            }
            if replaced.ban && blamed {
                self.ban(id, &reason);
            } else {
                self.bury(id, &reason);
            }
        }
        self.roll();
        self.pursue(ctx);
    }
}

impl Supervisor {
    /// Leaves an instance stopped that would go on blocking threads.
    fn ban(&mut self, id: u64, reason: &ExitReason) {
        self.cohort.end_alone(id);
        self.cohort.ended(id);
        let events = self.kit.events.clone();
        if let Some(child) = self.child(id) {
            child.lives = false;
            child.mourn(reason, Consequence::Ban, &events);
        }
        self.retire(id);
    }
}

impl Handler<Drain> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Drain(patience): Drain, _: &mut Context<Self>) -> Self::Result {
        self.purpose = Purpose::End(None);
        self.cohort.start_nobody();
        for child in self.children.iter().rev() {
            child.charge.mailbox.close();
            if child.lives {
                child.charge.mailbox.vitals_mut().state = InstanceState::Draining;
            }
        }
        let mailboxes = self.children.iter().map(|it| it.charge.mailbox.clone());
        let mailboxes: Vec<_> = mailboxes.collect();
        let idle = tokio::time::timeout(patience, idle(mailboxes.clone()));
        Box::pin(async move {
            if idle.await.is_err() {
                let busy = mailboxes.iter().filter(|mailbox| is_busy(mailbox));
                let busy: Vec<&str> = busy.map(|it| it.instance().as_str()).collect();
                let busy = busy.join(", ");
                warn!(
                    "{busy} did not finish within {patience:?} (at most \
                     supervision.shutdown_timeout); what they work on is dropped"
                );
            }
        })
    }
}

impl Handler<Finish> for Supervisor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Finish { until }: Finish, ctx: &mut Context<Self>) -> Self::Result {
        let (told, ended) = oneshot::channel();
        self.purpose = Purpose::End(Some(told));
        let busy = self.children.iter();
        for child in busy.filter(|child| is_busy(&child.charge.mailbox)) {
            child.kill.cancel();
        }
        self.cohort.end_all();
        self.cohort.hurry(self.kit.clock.now(), until);
        let without_a_life = self.children.iter().filter(|child| !child.lives);
        let without_a_life: Vec<u64> = without_a_life.map(Child::id).collect();
        for id in without_a_life {
            self.retire(id);
        }
        self.pursue(ctx);
        Box::pin(ended.into_actor(self).map(|_, _, _| ()))
    }
}

/// Waits until no task is in the hands of any of them.
async fn idle(mailboxes: Vec<Arc<Mailbox>>) {
    while mailboxes.iter().any(|mailbox| is_busy(mailbox)) {
        tokio::time::sleep(GLANCE).await;
    }
}

fn is_busy(mailbox: &Mailbox) -> bool {
    mailbox.load().taken() > 0
}
