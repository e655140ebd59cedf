//! What a thread of the agents is doing, as it can be seen from outside.
//!
//! A thread that an agent blocks can neither be interrupted nor asked. So it leaves a mark
//! before it enters an agent's code and takes it away afterwards, and it answers pings whenever
//! it comes free; who reads both from another thread knows that it is blocked, for how long, and
//! by whose job.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use super::guarded::guarded;
use crate::words::ExitReason;

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct Pulse {
    serial: u64,
    asked: AtomicU64,
    answered: AtomicU64,
    instance: AtomicU64,
    job: AtomicU64,
    tenants: AtomicUsize,
}

/// Whose code a thread is in: the serial number of a mailbox, and the number of one of its jobs, 0
/// when it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub instance: u64,
    pub job: u64,
}

impl Pulse {
    /// For a new thread.
    pub(super) fn new() -> Arc<Self> {
        static MADE: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            serial: MADE.fetch_add(1, Ordering::Relaxed),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            instance: AtomicU64::new(0),
            job: AtomicU64::new(0),
            tenants: AtomicUsize::new(0),
        })
    }

    /// The number that tells the thread from all others of this process; never 0.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Whose code the thread is in at this moment; `None` when it is in nobody's.
    pub(super) fn mark(&self) -> Option<Mark> {
        let mark = self.read();
        (mark.instance != 0).then_some(mark)
    }

    /// Does something in that agent's name.
    pub(super) fn during<T>(&self, mark: Mark, deed: impl FnOnce() -> T) -> T {
        let _restored_afterwards = Restore(self, self.read());
        self.write(mark);
        deed()
    }

    /// Whether the thread has answered the last ping.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire) == self.asked.load(Ordering::Acquire)
    }

    /// The next ping, to be run on the thread.
    pub(super) fn ping(self: &Arc<Self>) -> impl FnOnce() + Send + 'static {
        let number = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let pulse = Arc::clone(self);
        move || pulse.answered.store(number, Ordering::Release)
    }

    /// One more life or job that needs the thread.
    pub(super) fn tenancy(self: &Arc<Self>) -> Tenancy {
        self.tenants.fetch_add(1, Ordering::AcqRel);
        Tenancy(Arc::clone(self))
    }

    /// How many lives and jobs need the thread.
    pub(super) fn tenants(&self) -> usize {
        self.tenants.load(Ordering::Acquire)
    }

    fn read(&self) -> Mark {
        Mark {
            instance: self.instance.load(Ordering::Relaxed),
            job: self.job.load(Ordering::Relaxed),
        }
    }

    fn write(&self, mark: Mark) {
        self.job.store(mark.job, Ordering::Relaxed);
        self.instance.store(mark.instance, Ordering::Relaxed);
    }
}

/// Puts the former mark back, also when the deed panics.
struct Restore<'a>(&'a Pulse, Mark);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.0.write(self.1);
    }
}

/// A life or a job needs the thread until this is dropped.
#[derive(Debug)]
pub(super) struct Tenancy(Arc<Pulse>);

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.0.tenants.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A future of an agent's, which leaves the agent's mark while it is polled.
pub(super) struct Marked<F> {
    future: F,
    pulse: Arc<Pulse>,
    mark: Mark,
}

impl<F: Future + Unpin> Future for Marked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            future,
            pulse,
            mark,
        } = self.get_mut();
        pulse.during(*mark, || Pin::new(future).poll(cx))
    }
}

impl<F> Marked<F> {
    /// Leaves that mark on that thread.
    pub(super) fn new(future: F, pulse: &Arc<Pulse>, mark: Mark) -> Self {
        let pulse = Arc::clone(pulse);
        Self {
            future,
            pulse,
            mark,
        }
    }

    /// Drops the future, which is foreign code, too.
    ///
    /// # Errors
    /// The end of the life that a panic there is.
    pub(super) fn drop_guarded(self) -> Result<(), ExitReason> {
        let Self {
            future,
            pulse,
            mark,
        } = self;
        pulse.during(mark, || guarded(|| drop(future)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Mark = Mark {
        instance: 1,
        job: 7,
    };
    const B: Mark = Mark {
        instance: 2,
        job: 0,
    };

    #[test]
    fn a_mark_is_left_while_code_runs_and_the_one_before_comes_back() {
        let pulse = Pulse::new();
        assert_eq!(pulse.mark(), None);
        pulse.during(A, || {
            pulse.during(B, || assert_eq!(pulse.mark(), Some(B)));
            assert_eq!(pulse.mark(), Some(A));
        });
        assert_eq!(pulse.mark(), None);
    }

    #[test]
    fn a_panic_takes_the_mark_away() {
        let pulse = Pulse::new();
        let deed = std::panic::AssertUnwindSafe(|| pulse.during(A, || panic!("boom")));
        assert!(std::panic::catch_unwind(deed).is_err());
        assert_eq!(pulse.mark(), None);
    }

    #[test]
    fn a_ping_is_answered_when_it_is_run() {
        let pulse = Pulse::new();
        let ping = pulse.ping();
        assert!(!pulse.has_answered());
        ping();
        assert!(pulse.has_answered());
    }
}
