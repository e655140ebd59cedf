use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;
use tokio_util::sync::CancellationToken;

use super::envelope::{Call, Delivery};
use super::{AskError, Envelope, Mailbox};
use crate::words::{AgentContext, Reply, Task};

/// The jobs that were begun and are not answered yet, with the slots for their answers.
///
/// The slots lie here, and not with those who work, so that a caller can be answered for a job
/// whose thread is blocked. Whoever takes a slot out answers, once; whoever comes later finds
/// nothing and has nobody to answer.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    jobs: Mutex<Jobs>,
}

#[derive(Debug, Default)]
struct Jobs {
    begun: u64,
    open: Slab<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    begun: Instant,
    /// The thread it is worked on.
    thread: u64,
    /// Time that its thread kept from it.
    lost: Duration,
    call: Call,
}

/// Names a job of one mailbox: numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct JobId {
    slot: usize,
    number: u64,
}

impl Ledger {
    fn begin(&self, envelope: Envelope, thread: u64, now: Instant) -> (JobId, Task, AgentContext) {
        let (task, mut call) = envelope.open();
        let context = call.context.clone();
        call.begin();
        let mut jobs = self.lock();
        jobs.begun += 1;
        let number = jobs.begun;
        let slot = jobs.open.insert(Entry {
            number,
            begun: now,
            thread,
            lost: Duration::ZERO,
            call,
        });
        (JobId { slot, number }, task, context)
    }

    fn remove(&self, id: JobId) -> Option<Entry> {
        let mut jobs = self.lock();
        match jobs.open.get(id.slot) {
            Some(entry) if entry.number == id.number => Some(jobs.open.remove(id.slot)),
            _ => None,
        }
    }

    /// Fires when nobody waits for the answer of that job any more; has fired when it was given.
    fn cancellation(&self, id: JobId) -> CancellationToken {
        let jobs = self.lock();
        match jobs.open.get(id.slot) {
            Some(entry) if entry.number == id.number => entry.call.context.cancellation(),
            _ => {
                let fired = CancellationToken::new();
                fired.cancel();
                fired
            }
        }
    }

    /// Takes out the job of that number.
    pub(super) fn expire_job(&self, number: u64) -> Option<Overdue> {
        let mut jobs = self.lock();
        let mut open = jobs.open.iter();
        let slot = open.find(|(_, entry)| entry.number == number)?.0;
        Some(Overdue {
            entry: jobs.open.remove(slot),
            why: AskError::Hung,
        })
    }

    /// Takes out all.
    pub(super) fn give_up(&self) -> Vec<Overdue> {
        let mut jobs = self.lock();
        let given_up = jobs.open.drain().map(|entry| Overdue {
            entry,
            why: AskError::Stopped,
        });
        given_up.collect()
    }

    /// Takes out all whose deadline has come, or that have been worked on for at least `limit`.
    pub(super) fn expire(&self, limit: Option<Duration>, now: Instant) -> Vec<Overdue> {
        let mut jobs = self.lock();
        let why = |entry: &Entry| match limit {
            _ if entry.call.context.deadline() <= now => Some(AskError::DeadlineExceeded),
            Some(limit) if entry.worked(now) >= limit => Some(AskError::Hung),
            _ => None,
        };
        let open = jobs.open.iter();
        let late = open.filter_map(|(slot, entry)| Some((slot, why(entry)?)));
        let late: Vec<(usize, AskError)> = late.collect();
        let expired = late.into_iter();
        let expired = expired.map(|(slot, why)| (jobs.open.remove(slot), why));
        expired.map(|(entry, why)| Overdue { entry, why }).collect()
    }

    /// Does not count the next `span` for the jobs of that thread, but for the one of that number.
    pub(super) fn hold(&self, thread: u64, except: u64, span: Duration) {
        let mut jobs = self.lock();
        let held = jobs.open.iter_mut().map(|(_, entry)| entry);
        for entry in held.filter(|it| it.thread == thread && it.number != except) {
            entry.lost += span;
        }
    }

    /// How long the job of that number has been worked on; `None` when it is not.
    pub(super) fn age(&self, number: u64, now: Instant) -> Option<Duration> {
        let jobs = self.lock();
        let mut open = jobs.open.iter().map(|(_, entry)| entry);
        let entry = open.find(|entry| entry.number == number)?;
        Some(entry.worked(now))
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn worked(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.begun);
        since.saturating_sub(self.lost)
    }

    fn settle(self, result: Result<Reply, AskError>, at: Instant) {
        let inside = at.saturating_duration_since(self.begun);
        self.call.answer(Delivery {
            result,
            begun: true,
            inside,
            at,
        });
    }
}

/// A job that was taken from those who work on it.
#[derive(Debug)]
pub(super) struct Overdue {
    entry: Entry,
    why: AskError,
}

impl Overdue {
    /// Tells its caller why, and those who work on it to stop.
    pub(super) fn tell(self) {
        let context = self.entry.call.context.clone();
        self.entry.settle(Err(self.why), Instant::now());
        context.cancel();
    }
}

/// A job in the hands of a life. One that is dropped unanswered, as happens when the thread of
/// the agent ends, tells its caller that the agent crashed.
#[derive(Debug)]
pub(crate) struct Job {
    mailbox: Arc<Mailbox>,
    id: JobId,
    settled: bool,
}

impl Job {
    /// Begins work on what was in the envelope, on that thread: the clock of the agent runs.
    pub(crate) fn begin(
        mailbox: &Arc<Mailbox>,
        envelope: Envelope,
        thread: u64,
        now: Instant,
    ) -> (Self, Task, AgentContext) {
        let (id, task, context) = mailbox.ledger.begin(envelope, thread, now);
        let job = Self {
            mailbox: Arc::clone(mailbox),
            id,
            settled: false,
        };
        (job, task, context)
    }

    /// The number that tells it from all other jobs of its mailbox.
    pub(crate) fn number(&self) -> u64 {
        self.id.number
    }

    /// Fires when nobody waits for the answer any more.
    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.mailbox.ledger.cancellation(self.id)
    }

    /// Answers its caller, unless somebody else has. The work was done at that time.
    pub(crate) fn settle(mut self, result: Result<Reply, AskError>, at: Instant) {
        self.settled = true;
        if let Some(entry) = self.mailbox.ledger.remove(self.id) {
            entry.settle(result, at);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Some(entry) = self.mailbox.ledger.remove(self.id) {
            entry.settle(Err(AskError::Crashed), Instant::now());
        }
    }
}
