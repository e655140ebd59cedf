//! Who writes down what becomes of a request.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Where the record of a request goes.
#[derive(Clone)]
pub(super) enum Books {
    /// To the journal, which writes it when it can.
    Journal,
    /// To somebody who holds the lease of the request.
    Apart(Arc<BooksApart>),
}

/// The record of a request, as far as it has come.
#[derive(Default)]
pub(super) struct BooksApart {
    pages: Mutex<Pages>,
    bell: Notify,
}

#[derive(Default)]
struct Pages {
    /// What is to be written for now.
    note: Option<Bytes>,
    /// What is to be written in the end.
    last: Option<Bytes>,
    over: bool,
}

impl BooksApart {
    /// Something to be written, unless something newer comes before it is.
    pub(super) fn note(&self, record: Bytes) {
        self.with(|pages| pages.note = Some(record));
        self.bell.notify_one();
    }

    /// The record as it is in the end.
    pub(super) fn close(&self, record: Bytes) {
        self.with(|pages| pages.last = Some(record));
    }

    /// Says that nothing more will come, and takes the record as it is in the end.
    pub(super) fn end(&self) -> Option<Bytes> {
        let last = self.with(|pages| {
            pages.over = true;
            pages.last.take()
        });
        self.bell.notify_one();
        last
    }

    /// Waits for something to be written for now; `None` when nothing more will come.
    pub(super) async fn noted(&self) -> Option<Bytes> {
        loop {
            let (note, over) = self.with(|pages| (pages.note.take(), pages.over));
            if over || note.is_some() {
                return note.filter(|_| !over);
            }
            self.bell.notified().await;
        }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Pages) -> R) -> R {
        let pages = self.pages.lock();
        // Nothing panics while the lock is held.
        work(&mut pages.unwrap_or_else(PoisonError::into_inner))
    }
}
