use std::sync::Arc;

use actix::{Message, Recipient};

use super::pulse::{Pulse, Tenancy};
use crate::words::{ExitReason, Generation};

/// The news that a life takes work.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(super) struct ChildStarted {
    /// The serial number of its mailbox.
    pub child: u64,
    /// Which of its lives.
    pub generation: Generation,
}

/// The news that a life has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct ChildExited {
    /// The serial number of its mailbox.
    pub child: u64,
    /// Which of its lives.
    pub generation: Generation,
    /// How it ended.
    pub reason: ExitReason,
    /// The life that follows, where it has begun already.
    pub successor: Option<Generation>,
}

/// Tells the supervisor that a life has ended, by being dropped.
///
/// It is made before anything of the agent's own runs and moves with the life from thread to
/// thread, so that no way to die goes unnoticed: a panic in the factory, in a timer, a thread that
/// ends. Deaths whose cause was seen are told with it; a drop while unwinding is a panic; any
/// other is the end of the thread.
#[derive(Debug)]
pub(super) struct Obituary {
    child: u64,
    generation: Generation,
    cause: Option<ExitReason>,
    successor: Option<Generation>,
    to: Recipient<ChildExited>,
    _tenancy: Tenancy,
}

impl Obituary {
    pub(super) fn new(
        child: u64,
        generation: Generation,
        to: Recipient<ChildExited>,
        tenancy: Tenancy,
    ) -> Self {
        Self {
            child,
            generation,
            cause: None,
            successor: None,
            to,
            _tenancy: tenancy,
        }
    }

    /// The cause of death, where it was seen; the first one stands.
    pub(super) fn because(&mut self, cause: ExitReason) {
        self.cause.get_or_insert(cause);
    }

    /// Names the life that follows; the obituary for it.
    pub(super) fn succeeded_by(&mut self, successor: Generation, pulse: &Arc<Pulse>) -> Self {
        self.successor = Some(successor);
        Self::new(self.child, successor, self.to.clone(), pulse.tenancy())
    }

    /// Whether the cause of death is known, and nobody wanted it.
    pub(super) fn is_of_a_crash(&self) -> bool {
        self.cause.as_ref().is_some_and(ExitReason::is_abnormal)
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
            reason: self.cause.take().unwrap_or_else(unseen),
            successor: self.successor,
        });
    }
}
