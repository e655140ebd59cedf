use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix::{Message, Recipient};

use crate::judgement::{ExitReason, Life};
use crate::words::Generation;

/// The news that a life has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct ChildExited {
    /// The number of the instance.
    pub child: usize,
    /// Which of its lives.
    pub generation: Generation,
    /// What there is to say of it.
    pub life: Life,
}

/// Tells the supervisor that a life has ended, by being dropped.
///
/// It is made before anything of the agent's own runs and moves with the life from thread to
/// thread, so that no way to die goes unnoticed: a panic in the factory, in a timer, a thread that
/// ends. Deaths whose cause was seen are told with it; a drop while unwinding is a panic; any
/// other is the end of the thread.
#[derive(Debug)]
pub(super) struct Obituary {
    child: usize,
    generation: Generation,
    born: Instant,
    jobs: Arc<AtomicU64>,
    cause: Option<ExitReason>,
    to: Recipient<ChildExited>,
}

impl Obituary {
    pub(super) fn new(child: usize, generation: Generation, to: Recipient<ChildExited>) -> Self {
        Self {
            child,
            generation,
            born: Instant::now(),
            jobs: Arc::default(),
            cause: None,
            to,
        }
    }

    /// The cause of death, where it was seen; the first one stands.
    pub(super) fn because(&mut self, cause: ExitReason) {
        self.cause.get_or_insert(cause);
    }

    /// The life has finished a job.
    pub(super) fn credit(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the cause of death is known.
    pub(super) fn is_sealed(&self) -> bool {
        self.cause.is_some()
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        let unseen = || {
            if std::thread::panicking() {
                ExitReason::Panicked("outside of a task".to_owned())
            } else {
                ExitReason::ThreadEnded
            }
        };
        self.to.do_send(ChildExited {
            child: self.child,
            generation: self.generation,
            life: Life {
                reason: self.cause.take().unwrap_or_else(unseen),
                jobs: self.jobs.load(Ordering::Relaxed),
                lasted: self.born.elapsed(),
            },
        });
    }
}
