//! Which requests are worked on here, so that each can be stopped.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use crossbeam_utils::CachePadded;
use futures::task::AtomicWaker;

use crate::words::RequestId;

const SHARDS: usize = 16;

type Shard = CachePadded<Mutex<HashMap<RequestId, Arc<Stop>>>>;

/// The requests that are worked on; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Running {
    shards: Arc<[Shard; SHARDS]>,
}

/// Whether a request is to be stopped, and who is to know.
#[derive(Default)]
struct Stop {
    said: AtomicBool,
    waker: AtomicWaker,
}

/// A request that is worked on until this is dropped.
pub(super) struct Stoppable<'a> {
    running: &'a Running,
    id: RequestId,
    stop: Arc<Stop>,
}

impl Running {
    /// Enters a request.
    pub(super) fn enter(&self, id: RequestId) -> Stoppable<'_> {
        let stop = Arc::<Stop>::default();
        self.shard(id).insert(id, Arc::clone(&stop));
        Stoppable {
            running: self,
            id,
            stop,
        }
    }

    /// Stops a request; `false` when it is not worked on here.
    pub(super) fn stop(&self, id: RequestId) -> bool {
        let found = self.shard(id).get(&id).cloned();
        let found = found.inspect(|stop| {
            stop.said.store(true, Ordering::SeqCst);
            stop.waker.wake();
        });
        found.is_some()
    }

    fn shard(&self, id: RequestId) -> MutexGuard<'_, HashMap<RequestId, Arc<Stop>>> {
        let shard = &self.shards[id.lot() % SHARDS];
        // Nothing panics while the lock is held.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stoppable<'_> {
    /// Waits until it is to be stopped; for one at a time.
    pub(super) async fn stopped(&self) {
        poll_fn(|context| {
            self.stop.waker.register(context.waker());
            // Looked at after the waker is there: whoever stops it sees the one or is seen here.
            if self.stop.said.load(Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Drop for Stoppable<'_> {
    fn drop(&mut self) {
        let mut shard = self.running.shard(self.id);
        let own = shard
            .get(&self.id)
            .is_some_and(|it| Arc::ptr_eq(it, &self.stop));
        if own {
            shard.remove(&self.id);
        }
    }
}
