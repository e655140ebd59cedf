//! Leases: who may change a record, until when.

use std::time::Duration;

use futures::future::BoxFuture;
use uuid::Uuid;

use super::{Entry, StoreError};

/// Lets one at a time change the value of a key, among all that share the store.
///
/// A lease ends when its time is over and it was not renewed: whoever held it may have crashed, or
/// stand still. Its token fences: what comes late from a former holder is refused by the store in the
/// same step in which it would be written, whatever the clocks of the machines say.
///
/// Invariant: between the moments at which two leases of one key were granted, the first one ended.
///
/// Edges: in a store that belongs to one process, all leases end with that process. Asking twice with
/// one lease, as after an answer that was lost, is harmless.
pub trait Leases: Send + Sync {
    /// Asks for the lease of its key, for that long.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell; the lease may have been granted.
    fn acquire(&self, lease: Lease, ttl: Duration) -> BoxFuture<'_, Result<Claim, StoreError>>;

    /// Makes the lease last that long from now on; `false` when it has ended.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell.
    fn renew(&self, lease: Lease, ttl: Duration) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Ends the lease; one that has ended stays so.
    ///
    /// # Errors
    /// [`StoreError`] when it may go on until its time is over.
    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes an entry of the lease's key; `false`, and nothing is written, when the lease has ended.
    ///
    /// # Errors
    /// [`StoreError`] when it may not have been written.
    fn write_held(&self, lease: Lease, entry: Entry) -> BoxFuture<'_, Result<bool, StoreError>>;
}

/// The right to change the value of a key; cheap to make, worth something once it was granted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The key.
    pub key: String,
    /// Tells this lease from all others of that key.
    pub token: Uuid,
}

impl Lease {
    /// A lease to ask for.
    #[must_use]
    pub fn of(key: &(impl ToString + ?Sized)) -> Self {
        Self {
            key: key.to_string(),
            token: Uuid::new_v4(),
        }
    }
}

/// What came of asking for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is held from now on.
    Granted,
    /// Somebody else holds one of that key.
    Held {
        /// How long it lasts, unless it is renewed or released.
        left: Duration,
    },
}
