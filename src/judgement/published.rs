use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;
use crossbeam_utils::atomic::AtomicCell;

/// A small value that is changed under a lock and read, whole, without taking it: a reader waits at
/// most for the copy of a few words, should one be made at that moment.
#[derive(Debug)]
pub(super) struct Published<T: Copy> {
    latest: Mutex<T>,
    read: CachePadded<AtomicCell<T>>,
}

impl<T: Copy> Published<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            latest: Mutex::new(value),
            read: CachePadded::new(AtomicCell::new(value)),
        }
    }

    pub(super) fn read(&self) -> T {
        self.read.load()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut T)) {
        // Nothing panics while the lock is held, and no await happens under it.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut latest);
        self.read.store(*latest);
    }
}
