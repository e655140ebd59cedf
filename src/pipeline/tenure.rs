//! Holding a lease for as long as it is needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::warn;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::store::{Claim, Entry, Lease, Store, StoreError};

/// A lease is renewed so often while it would last.
const RENEWALS: u32 = 4;
/// How often it is tried to release a lease while the store is away.
const RETRY: Duration = Duration::from_millis(250);

/// A lease that is renewed until this is dropped, and released then.
///
/// Invariant: what [`write`](Self::write) says was written was written by the only holder, and nobody
/// else has held the lease since [`begin`](Self::begin) or [`confirm`](Self::confirm).
///
/// Edges: while the store is away nobody knows whether the lease still lasts, and its holder goes on. A
/// lease whose time was over, and which nobody else has, is asked for anew; but somebody may have had it
/// in between, and so nothing is written before the holder has looked, and confirmed. It is
/// [lost](Self::lost) when somebody else has it.
pub(super) struct Tenure {
    store: Arc<dyn Store>,
    held: Arc<Mutex<Held>>,
    span: Duration,
    lost: CancellationToken,
    end: DropGuard,
    keeping: JoinHandle<()>,
}

struct Held {
    lease: Lease,
    /// Whether it was over for a while.
    lapsed: bool,
}

impl Tenure {
    /// Asks for the lease of that key. When somebody else holds it: for how long, at most, unless they
    /// renew it.
    pub(super) async fn begin(
        store: &Arc<dyn Store>,
        key: &(impl ToString + ?Sized),
        span: Duration,
    ) -> Result<Result<Self, Duration>, StoreError> {
        let lease = Lease::of(key);
        let mut asking = Asking::new(store, &lease, span);
        let claim = store.acquire(lease.clone(), span).await?;
        asking.answered = true;
        if let Claim::Held { left } = claim {
            return Ok(Err(left));
        }
        let (lost, end) = (CancellationToken::new(), CancellationToken::new());
        let held = Held {
            lease,
            lapsed: false,
        };
        let held = Arc::new(Mutex::new(held));
        let keeper = Keeper {
            store: Arc::clone(store),
            held: Arc::clone(&held),
            span,
            lost: lost.clone(),
            end: end.clone(),
        };
        Ok(Ok(Self {
            store: Arc::clone(store),
            held,
            span,
            lost,
            end: end.drop_guard(),
            keeping: tokio::spawn(keeper.keep()),
        }))
    }

    /// Releases the lease, and waits until others can have it.
    pub(super) async fn end(self) {
        drop(self.end);
        // It has panicked, if this is an error, and the lease ends by itself.
        let _ = self.keeping.await;
    }

    /// Waits until somebody else has the lease.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Writes the value of the key; `false` when the lease has ended, if only for a while.
    pub(super) async fn write(&self, entry: Entry) -> Result<bool, StoreError> {
        let lease = {
            let held = lock(&self.held);
            if held.lapsed {
                return Ok(false);
            }
            held.lease.clone()
        };
        self.store.write_held(lease, entry).await
    }

    /// Makes sure that the lease is held, after something could not be written; `false` when somebody
    /// else has it. Whoever has then found that nobody has changed anything [confirms](Self::confirm).
    pub(super) async fn resume(&self) -> Result<bool, StoreError> {
        let lease = lock(&self.held).lease.clone();
        if self.store.renew(lease.clone(), self.span).await? {
            return Ok(true);
        }
        ask_anew(&self.store, &self.held, &lease, self.span).await
    }

    /// Says that nobody has changed anything while the lease was over.
    pub(super) fn confirm(&self) {
        lock(&self.held).lapsed = false;
    }
}

/// Asks for a lease that was over, with a new token: nothing that was sent under the old one is written.
async fn ask_anew(
    store: &Arc<dyn Store>,
    held: &Arc<Mutex<Held>>,
    old: &Lease,
    span: Duration,
) -> Result<bool, StoreError> {
    let lease = Lease::of(&old.key);
    let mut asking = Asking::new(store, &lease, span);
    let claim = store.acquire(lease.clone(), span).await?;
    asking.answered = true;
    let mut held = lock(held);
    if claim != Claim::Granted {
        // It may be us who have it: its keeper and its holder may ask at the same time.
        return Ok(held.lease != *old);
    }
    held.lease = lease;
    held.lapsed = true;
    Ok(true)
}

struct Keeper {
    store: Arc<dyn Store>,
    held: Arc<Mutex<Held>>,
    span: Duration,
    lost: CancellationToken,
    end: CancellationToken,
}

impl Keeper {
    /// Renews the lease until its end, and releases it.
    async fn keep(self) {
        let pause = self.span / RENEWALS;
        while tokio::time::timeout(pause, self.end.cancelled())
            .await
            .is_err()
        {
            let lease = lock(&self.held).lease.clone();
            let held = match self.store.renew(lease.clone(), self.span).await {
                // Its time was over, for one of us stood still, or the holder has just asked anew.
                Ok(false) if lock(&self.held).lease != lease => Ok(true),
                Ok(false) => ask_anew(&self.store, &self.held, &lease, self.span).await,
                renewed => renewed,
            };
            if held == Ok(false) {
                warn!("{} was taken over by another orchestrator", lease.key);
                return self.lost.cancel();
            }
        }
        let lease = lock(&self.held).lease.clone();
        release(self.store, lease, self.span).await;
    }
}

/// Releases a lease, and tries again while the store is away, until it has ended by itself.
async fn release(store: Arc<dyn Store>, lease: Lease, span: Duration) {
    let over = Instant::now() + span;
    while store.release(lease.clone()).await.is_err() && Instant::now() < over {
        tokio::time::sleep(RETRY).await;
    }
}

/// A lease that is asked for. It may have been granted though nobody hears so; then it is released.
struct Asking {
    store: Arc<dyn Store>,
    lease: Lease,
    span: Duration,
    answered: bool,
}

impl Asking {
    fn new(store: &Arc<dyn Store>, lease: &Lease, span: Duration) -> Self {
        Self {
            store: Arc::clone(store),
            lease: lease.clone(),
            span,
            answered: false,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.answered {
            let (store, lease) = (Arc::clone(&self.store), self.lease.clone());
            tokio::spawn(release(store, lease, self.span));
        }
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // Nothing panics while the lock is held, and no await happens under it.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
