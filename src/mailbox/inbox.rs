//! What waits, who may have it, and the bell that says so.
//!
//! Two things are guaranteed, whatever the threads do. A life that was replaced takes nothing
//! any more (the fence). And what was put in is looked for: whoever puts something in either
//! rings the bell, or the one who rang it before has not been heard yet (the doorbell). Both are
//! checked over all interleavings by a model checker; hence the types come from `super::sync`.

use std::collections::VecDeque;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// A queue that outlives those who take from it. It is not bounded: places are counted before.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    queue: Mutex<Queue<T>>,
    rung: AtomicBool,
}

#[derive(Debug)]
struct Queue<T> {
    /// The life that may take, counted from 1.
    generation: u64,
    closed: bool,
    urgent: VecDeque<T>,
    waiting: VecDeque<T>,
}

/// Where to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Before all who wait in the other.
    Urgent,
    /// With everybody else.
    Usual,
}

impl<T> Inbox<T> {
    /// Open and empty, before the first life.
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(Queue {
                generation: 0,
                closed: false,
                urgent: VecDeque::new(),
                waiting: VecDeque::new(),
            }),
            rung: AtomicBool::new(false),
        }
    }

    /// Puts something in; whether the bell has to be rung for it.
    ///
    /// # Errors
    /// Gives it back when the inbox is closed.
    pub(super) fn put(&self, item: T, lane: Lane) -> Result<bool, T> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(item);
        }
        match lane {
            Lane::Urgent => queue.urgent.push_back(item),
            Lane::Usual => queue.waiting.push_back(item),
        }
        drop(queue);
        Ok(!self.rung.swap(true, Ordering::AcqRel))
    }

    /// The bell is about to be rung for whatever is there.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
    }

    /// The bell was heard. To be called before anything is taken, so that what comes later is
    /// rung for again.
    pub(super) fn hush(&self) {
        self.rung.store(false, Ordering::Release);
    }

    /// What is next, if this life may have it: what is urgent, and then what has waited longest.
    /// When that has waited for `too_long`, it is the newest instead: of a queue that is always
    /// too long, those who came last can still be answered in time, and the others could not.
    pub(super) fn take(&self, generation: u64, too_long: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut queue = self.lock();
        if queue.generation != generation {
            return None;
        }
        if let Some(urgent) = queue.urgent.pop_front() {
            return Some(urgent);
        }
        if too_long(queue.waiting.front()?) {
            queue.waiting.pop_back()
        } else {
            queue.waiting.pop_front()
        }
    }

    /// Begins a new life, which alone may take from now on.
    pub(super) fn next_life(&self) -> u64 {
        let mut queue = self.lock();
        queue.generation += 1;
        queue.generation
    }

    /// Begins the life that follows that one, if that one may still take.
    pub(super) fn succeed(&self, generation: u64) -> Option<u64> {
        let mut queue = self.lock();
        if queue.generation != generation {
            return None;
        }
        queue.generation += 1;
        Some(queue.generation)
    }

    /// Does something that no other life can come between, if this life may take; whether it did.
    pub(super) fn while_served_by(&self, generation: u64, deed: impl FnOnce()) -> bool {
        let queue = self.lock();
        let served = queue.generation == generation;
        if served {
            deed();
        }
        served
    }

    /// The life that may take.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Lets nothing more in, and hands out what waits.
    pub(super) fn close(&self) -> VecDeque<T> {
        let mut queue = self.lock();
        queue.closed = true;
        let mut all = std::mem::take(&mut queue.urgent);
        all.append(&mut queue.waiting);
        all
    }

    /// Lets things in again.
    pub(super) fn open(&self) {
        self.lock().closed = false;
    }

    /// Takes out, of the first `most` that wait in each lane, those that are `gone`.
    pub(super) fn sift(&self, most: usize, gone: impl Fn(&T) -> bool) -> Vec<T> {
        let queue = &mut *self.lock();
        let lanes = [&mut queue.urgent, &mut queue.waiting].into_iter();
        lanes.flat_map(|lane| sift(lane, most, &gone)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sift<T>(lane: &mut VecDeque<T>, most: usize, gone: impl Fn(&T) -> bool) -> Vec<T> {
    let head = lane.len().min(most);
    if !lane.iter().take(head).any(&gone) {
        return Vec::new();
    }
    let (sifted, kept): (Vec<T>, Vec<T>) = lane.drain(..head).partition(&gone);
    for item in kept.into_iter().rev() {
        lane.push_front(item);
    }
    sifted
}
