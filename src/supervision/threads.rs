use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_rt::{Arbiter, ArbiterHandle};
use slab::Slab;

use super::pulse::Pulse;

/// The threads that agents live on, apart from those that serve HTTP and those that supervise.
///
/// Most agents share a few. One that may block has a thread to itself. The thread at a place can
/// be replaced: a blocked one cannot be ended, only be left behind.
#[derive(Debug, Clone)]
pub(crate) struct AgentThreads {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    places: Mutex<Slab<AgentThread>>,
    shared: usize,
    next: AtomicUsize,
}

/// A thread as it is now.
#[derive(Debug, Clone)]
pub(super) struct AgentThread {
    pub handle: ArbiterHandle,
    pub pulse: Arc<Pulse>,
}

/// A place for a thread; those who live there move with it when the thread is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

impl AgentThread {
    fn start() -> Self {
        Self {
            handle: Arbiter::new().handle(),
            pulse: Pulse::new(),
        }
    }

    /// Tells it from the one that was at its place before.
    pub(super) fn serial(&self) -> u64 {
        self.pulse.serial()
    }
}

impl AgentThreads {
    /// Starts `count` threads to be shared; needs a running actix system.
    pub(crate) fn start(count: usize) -> Self {
        let shared = count.max(1);
        let places = (0..shared).map(|place| (place, AgentThread::start()));
        Self {
            inner: Arc::new(Inner {
                places: Mutex::new(places.collect()),
                shared,
                next: AtomicUsize::new(0),
            }),
        }
    }

    /// A place for one more instance: a thread of its own, or the shared ones in turn.
    pub(super) fn assign(&self, own: bool) -> Place {
        if own {
            return Place(self.places().insert(AgentThread::start()));
        }
        Place(self.inner.next.fetch_add(1, Ordering::Relaxed) % self.inner.shared)
    }

    /// Gives a place back; a thread that nobody shared ends.
    pub(super) fn release(&self, place: Place) {
        if self.is_shared(place) {
            return;
        }
        if let Some(thread) = self.places().try_remove(place.0) {
            thread.handle.stop();
        }
    }

    /// Whether several instances may live there.
    pub(super) fn is_shared(&self, place: Place) -> bool {
        place.0 < self.inner.shared
    }

    /// The thread at that place, as it is now; `None` when the place was given back.
    pub(super) fn at(&self, place: Place) -> Option<AgentThread> {
        self.places().get(place.0).cloned()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<(Place, AgentThread)> {
        let places = self.places();
        let threads = places.iter().map(|(place, it)| (Place(place), it.clone()));
        threads.collect()
    }

    /// Puts a new thread in the place of that one; whether it was still there.
    pub(super) fn replace(&self, place: Place, serial: u64) -> bool {
        let mut places = self.places();
        match places.get_mut(place.0) {
            Some(thread) if thread.serial() == serial => {
                *thread = AgentThread::start();
                true
            }
            _ => false,
        }
    }

    /// Puts a new thread in the place of one that has ended; whoever finds it alive leaves it.
    pub(super) fn replace_if_ended(&self, place: Place) {
        if let Some(thread) = self.places().get_mut(place.0)
            && !thread.handle.spawn_fn(|| {})
        {
            *thread = AgentThread::start();
        }
    }

    /// Ends all threads once they have done what they were told before.
    pub(crate) fn stop(&self) {
        for (_, thread) in self.places().iter() {
            thread.handle.stop();
        }
    }

    fn places(&self) -> MutexGuard<'_, Slab<AgentThread>> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.inner
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
