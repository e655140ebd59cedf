use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_rt::{Arbiter, ArbiterHandle};

/// The threads that agents live on, apart from those that serve HTTP and those that supervise.
#[derive(Debug, Clone)]
pub(crate) struct AgentThreads {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    arbiters: Mutex<Vec<Arbiter>>,
    next: AtomicUsize,
}

impl AgentThreads {
    /// Starts `count` threads; needs a running actix system.
    pub(crate) fn start(count: usize) -> Self {
        let arbiters = (0..count.max(1)).map(|_| Arbiter::new()).collect();
        Self {
            inner: Arc::new(Inner {
                arbiters: Mutex::new(arbiters),
                next: AtomicUsize::new(0),
            }),
        }
    }

    /// The thread that the next instance shall live on, in turn.
    pub(crate) fn assign(&self) -> usize {
        self.inner.next.fetch_add(1, Ordering::Relaxed) % self.arbiters().len()
    }

    /// The thread of that number, as it is now.
    pub(crate) fn handle(&self, number: usize) -> ArbiterHandle {
        self.arbiters()[number].handle()
    }

    /// Puts a new thread in the place of one that has ended; whoever finds it alive leaves it.
    pub(crate) fn replace_if_ended(&self, number: usize) {
        let mut arbiters = self.arbiters();
        if !arbiters[number].spawn_fn(|| {}) {
            arbiters[number] = Arbiter::new();
        }
    }

    /// Ends all threads once they have done what they were told before.
    pub(crate) fn stop(&self) {
        for arbiter in self.arbiters().iter() {
            arbiter.stop();
        }
    }

    fn arbiters(&self) -> MutexGuard<'_, Vec<Arbiter>> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.inner
            .arbiters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
