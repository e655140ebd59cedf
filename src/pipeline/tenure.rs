//! Holding a lease for as long as it is needed.

use std::sync::Arc;
use std::time::Duration;

use log::warn;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::store::{Claim, Entry, Lease, Store, StoreError};

/// A lease is renewed so often while it would last.
const RENEWALS: u32 = 4;

/// A lease that is renewed until this is dropped, and released then.
///
/// Invariant: what [`write`](Self::write) says was written was written by the only holder.
///
/// Edges: while the store is away nobody knows whether the lease still lasts, and its holder goes on. It
/// is [lost](Self::lost) when somebody else has it.
pub(super) struct Tenure {
    store: Arc<dyn Store>,
    lease: Lease,
    lost: CancellationToken,
    end: DropGuard,
    keeping: JoinHandle<()>,
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
        if let Claim::Held { left } = store.acquire(lease.clone(), span).await? {
            return Ok(Err(left));
        }
        let (lost, end) = (CancellationToken::new(), CancellationToken::new());
        let renewing = keep(
            Arc::clone(store),
            lease.clone(),
            span,
            lost.clone(),
            end.clone(),
        );
        Ok(Ok(Self {
            store: Arc::clone(store),
            lease,
            lost,
            end: end.drop_guard(),
            keeping: tokio::spawn(renewing),
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

    /// Writes the value of the key; `false` when the lease has ended.
    pub(super) async fn write(&self, entry: Entry) -> Result<bool, StoreError> {
        self.store.write_held(self.lease.clone(), entry).await
    }

    /// Asks for the lease once more, after it has ended; `false` when somebody else has it.
    pub(super) async fn resume(&self, span: Duration) -> Result<bool, StoreError> {
        let claim = self.store.acquire(self.lease.clone(), span).await?;
        Ok(claim == Claim::Granted)
    }
}

/// Renews the lease until its end, and releases it.
async fn keep(
    store: Arc<dyn Store>,
    lease: Lease,
    span: Duration,
    lost: CancellationToken,
    end: CancellationToken,
) {
    while tokio::time::timeout(span / RENEWALS, end.cancelled())
        .await
        .is_err()
    {
        let renewed = match store.renew(lease.clone(), span).await {
            // Its time was over, for one of us stood still. Perhaps nobody has asked for it yet.
            Ok(false) => store.acquire(lease.clone(), span).await,
            Ok(true) => Ok(Claim::Granted),
            Err(error) => Err(error),
        };
        if let Ok(Claim::Held { .. }) = renewed {
            warn!("{} was taken over by another orchestrator", lease.key);
            return lost.cancel();
        }
    }
    // It ends by itself, if a little later, when this cannot be said.
    let _ = store.release(lease).await;
}
