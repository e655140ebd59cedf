//! Which requests are worked on here, so that each can be stopped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;
use tokio_util::sync::CancellationToken;

use crate::words::RequestId;

const SHARDS: usize = 16;

type Shard = CachePadded<Mutex<HashMap<RequestId, CancellationToken>>>;

/// The requests that are worked on; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Running {
    shards: Arc<[Shard; SHARDS]>,
}

/// A request that is worked on until this is dropped.
pub(super) struct Stoppable {
    running: Running,
    id: RequestId,
    stop: CancellationToken,
}

impl Running {
    /// Enters a request.
    pub(super) fn enter(&self, id: RequestId) -> Stoppable {
        let stop = CancellationToken::new();
        self.shard(id).insert(id, stop.clone());
        Stoppable {
            running: self.clone(),
            id,
            stop,
        }
    }

    /// Stops a request; `false` when it is not worked on here.
    pub(super) fn stop(&self, id: RequestId) -> bool {
        let found = self.shard(id).get(&id).cloned();
        found.map(|stop| stop.cancel()).is_some()
    }

    fn shard(&self, id: RequestId) -> MutexGuard<'_, HashMap<RequestId, CancellationToken>> {
        let shard = &self.shards[id.lot() % SHARDS];
        // Nothing panics while the lock is held.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stoppable {
    /// Waits until it is to be stopped.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.running.shard(self.id).remove(&self.id);
    }
}
