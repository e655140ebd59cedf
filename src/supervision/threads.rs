use std::io;
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
    fn start() -> io::Result<Self> {
        Ok(Self {
            handle: Arbiter::try_new()?.handle(),
            pulse: Pulse::new(),
        })
    }

    /// Tells it from the one that was at its place before.
    pub(super) fn serial(&self) -> u64 {
        self.pulse.serial()
    }
}

impl AgentThreads {
    /// Starts `count` threads to be shared; needs a running actix system.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let shared = count.max(1);
        let places = (0..shared).map(|place| Ok((place, AgentThread::start()?)));
        Ok(Self {
            inner: Arc::new(Inner {
                places: Mutex::new(places.collect::<io::Result<_>>()?),
                shared,
                next: AtomicUsize::new(0),
            }),
        })
    }

    /// Places for so many more instances: threads of their own, or the shared ones in turn.
    ///
    /// # Errors
    /// The system gives no more threads; none is kept then.
    pub(super) fn assign(&self, count: usize, own: bool) -> io::Result<Vec<Place>> {
        if !own {
            let turns = (0..count).map(|_| self.inner.next.fetch_add(1, Ordering::Relaxed));
            return Ok(turns.map(|turn| Place(turn % self.inner.shared)).collect());
        }
        let mut places = Vec::new();
        for _ in 0..count {
            let started = AgentThread::start().inspect_err(|_| {
                for place in &places {
                    self.release(*place);
                }
            });
            places.push(Place(self.places().insert(started?)));
        }
        Ok(places)
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
    ///
    /// # Errors
    /// The system gives no more threads; the old one keeps its place.
    pub(super) fn replace(&self, place: Place, serial: u64) -> io::Result<bool> {
        let is_there = |thread: &AgentThread| thread.serial() == serial;
        if !self.at(place).as_ref().is_some_and(is_there) {
            return Ok(false);
        }
        let new = AgentThread::start()?;
        if let Some(old) = self.places().get_mut(place.0).filter(|it| is_there(it)) {
            *old = new;
            return Ok(true);
        }
        new.handle.stop();
        Ok(false)
    }

    /// Puts a new thread in the place of one that has ended; whoever finds it alive leaves it.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn replace_if_ended(&self, place: Place) -> io::Result<()> {
        match self.at(place) {
            Some(thread) if !thread.handle.spawn_fn(|| {}) => {
                self.replace(place, thread.serial()).map(drop)
            }
            _ => Ok(()),
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
