//! The mailbox as those see it who serve it: its actor, its supervisor, and the watch.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::{Message, Recipient};

use super::ledger::Overdue;
use super::{AskError, Envelope, Mailbox};
use crate::words::Generation;

/// Rung when work has come.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Wake;

/// Asks the agent itself how it is, past all waiting work; it is not waited for longer than that.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), String>")]
pub(crate) struct CheckHealth(pub Duration);

/// The ways to reach the actor that serves the mailbox at present.
#[derive(Debug)]
pub(crate) struct Door {
    pub wake: Recipient<Wake>,
    pub check: Recipient<CheckHealth>,
}

impl Mailbox {
    /// Begins a new life, which alone may take work from now on.
    pub(crate) fn next_life(&self) -> Generation {
        Generation::new(self.inbox.next_life())
    }

    /// Begins the life that follows that one, unless another has begun already.
    pub(crate) fn succeed(&self, generation: Generation) -> Option<Generation> {
        let next = self.inbox.succeed(generation.number())?;
        Some(Generation::new(next))
    }

    /// Whether that life may still take work.
    pub(crate) fn is_served_by(&self, generation: Generation) -> bool {
        self.inbox.generation() == generation.number()
    }

    /// The actor of that life says where it can be reached. One that was replaced meanwhile is not
    /// heard.
    pub(crate) fn attach(&self, generation: Generation, door: Door) {
        let put_up = || self.door.store(Some(Arc::new(door)));
        if self.inbox.while_served_by(generation.number(), put_up) {
            self.inbox.ring();
            self.knock();
        }
    }

    /// The doorbell was heard. To be called before the queue is looked at, so that what comes
    /// later rings again.
    pub(crate) fn hush(&self) {
        self.inbox.hush();
    }

    /// The next task, if this life may have one: a life that was replaced gets nothing. Nobody
    /// works on what nobody waits for any more, or what comes too late in any case.
    pub(crate) fn take(&self, generation: Generation, now: Instant) -> Option<Envelope> {
        loop {
            let too_long = |oldest: &Envelope| oldest.has_waited_too_long(now);
            let envelope = self.inbox.take(generation.number(), too_long)?;
            if envelope.is_late(now) {
                envelope.return_to_sender(AskError::DeadlineExceeded);
            } else if !envelope.is_abandoned() {
                return Some(envelope);
            }
        }
    }

    /// The agent has begun a life that does not owe its beginning to a failure.
    pub(crate) fn renew_breaker(&self) {
        self.breaker.renew();
    }

    /// Takes no more work, and tells those who wait.
    pub(crate) fn close(&self) {
        self.gate.set_closed(true);
        for envelope in self.inbox.close() {
            envelope.return_to_sender(AskError::Stopped);
        }
    }

    /// Takes no more work, and tells all whose answer is still due that there will be none, also
    /// those whose task is being worked on.
    pub(crate) fn dissolve(&self) {
        self.close();
        self.ledger.give_up().into_iter().for_each(Overdue::tell);
    }

    /// Takes no more work; those who wait go on waiting.
    pub(crate) fn shut_out(&self) {
        self.gate.set_closed(true);
    }

    /// Takes work again.
    pub(crate) fn open(&self) {
        self.inbox.open();
        self.gate.set_closed(false);
    }

    /// Lets no new work in on an operator's wish, or lets it in again.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.gate.set_paused(paused);
    }

    /// Whether an operator lets no new work in.
    pub(crate) fn is_paused(&self) -> bool {
        self.gate.is_paused()
    }

    /// The way to the actor that serves the mailbox; `None` before the first life began.
    pub(crate) fn door(&self) -> Option<Arc<Door>> {
        self.door.load_full()
    }

    /// A life has finished a job.
    pub(crate) fn credit(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// How many jobs its lives have finished.
    pub(crate) fn finished_jobs(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Answers, for their callers, the tasks whose time is up, and the jobs that have been worked
    /// on for longer than they may.
    pub(crate) fn expire(&self, now: Instant) {
        for envelope in self
            .inbox
            .sift(usize::MAX, |envelope| envelope.is_late(now))
        {
            envelope.return_to_sender(AskError::DeadlineExceeded);
        }
        let overdue = self.ledger.expire(self.capacity.job_timeout, now);
        overdue.into_iter().for_each(Overdue::tell);
    }

    /// Does not count the next `span` for jobs whose thread is blocked by somebody else: by the
    /// job of the number `except`, or by none of this mailbox (0).
    pub(crate) fn hold_jobs(&self, thread: u64, except: u64, span: Duration) {
        self.ledger.hold(thread, except, span);
    }

    /// Answers, for its caller, the job of that number, however long it has been worked on.
    pub(crate) fn expire_job(&self, number: u64) {
        if let Some(overdue) = self.ledger.expire_job(number) {
            overdue.tell();
        }
    }

    /// How long the job of that number has been worked on; `None` when it is not.
    pub(crate) fn age_of_job(&self, number: u64, now: Instant) -> Option<Duration> {
        self.ledger.age(number, now)
    }

    /// Rings the bell again, for an actor that stopped before the queue was empty.
    pub(crate) fn knock(&self) {
        if let Some(door) = self.door.load().as_ref() {
            door.wake.do_send(Wake);
        }
    }
}
