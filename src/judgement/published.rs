use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;
use crossbeam_utils::atomic::AtomicCell;

/// What is changed under a lock, and a digest of it that is read without taking it: a reader waits
/// at most for the copy of a few words, should one be made at that moment.
#[derive(Debug)]
pub(super) struct Published<T, D: Copy> {
    whole: Mutex<T>,
    digest: CachePadded<AtomicCell<D>>,
}

impl<T, D: Copy + for<'a> From<&'a T>> Published<T, D> {
    pub(super) fn new(whole: T) -> Self {
        let digest = CachePadded::new(AtomicCell::new(D::from(&whole)));
        let whole = Mutex::new(whole);
        Self { whole, digest }
    }

    /// The digest.
    pub(super) fn read(&self) -> D {
        self.digest.load()
    }

    /// All of it, under its lock.
    pub(super) fn whole(&self) -> MutexGuard<'_, T> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut T)) {
        let mut whole = self.whole();
        change(&mut whole);
        self.digest.store(D::from(&whole));
    }
}
