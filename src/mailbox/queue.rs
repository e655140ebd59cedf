use std::collections::VecDeque;

use super::Envelope;
use crate::words::Generation;

/// As many are looked at for callers who have gone, so that to refuse a call stays cheap.
const LOOKED_AT: usize = 256;

/// The tasks that wait, and who may have them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The life that may take tasks.
    pub generation: Generation,
    /// Whether it takes no more.
    pub closed: bool,
    pub waiting: VecDeque<Envelope>,
}

impl Queue {
    /// Takes out those near the head whose callers have gone; dropping them frees their places.
    pub(super) fn take_abandoned(&mut self) -> Vec<Envelope> {
        let head = self.waiting.len().min(LOOKED_AT);
        let head = self.waiting.drain(..head);
        let (gone, here): (Vec<_>, Vec<_>) = head.partition(Envelope::is_abandoned);
        for envelope in here.into_iter().rev() {
            self.waiting.push_front(envelope);
        }
        gone
    }
}
