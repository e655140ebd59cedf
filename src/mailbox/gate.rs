use std::sync::atomic::{AtomicU8, Ordering};

const PAUSED: u8 = 1;
const CLOSED: u8 = 2;

/// Whether new work is let in: neither while an operator has paused the instance, nor while it is
/// closed for want of a life.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU8);

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    pub(super) fn is_paused(&self) -> bool {
        self.has(PAUSED)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.set(PAUSED, paused);
    }

    pub(super) fn set_closed(&self, closed: bool) {
        self.set(CLOSED, closed);
    }

    fn has(&self, flag: u8) -> bool {
        self.0.load(Ordering::SeqCst) & flag != 0
    }

    fn set(&self, flag: u8, on: bool) {
        if on {
            self.0.fetch_or(flag, Ordering::SeqCst);
        } else {
            self.0.fetch_and(!flag, Ordering::SeqCst);
        }
    }
}
