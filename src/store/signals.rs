//! Signals: short news for all that share a store.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::StoreError;

/// Tells all that share the store, oneself included, what has just happened.
///
/// Signals are hints and may be lost. What they are about is in the store, where whoever may have missed
/// one looks after it.
pub trait Signals: Send + Sync {
    /// Tells everybody who listens.
    ///
    /// # Errors
    /// [`StoreError`] when nobody may have heard it.
    fn publish(&self, signal: Bytes) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Listens, for as long as the stream is not dropped; it never ends.
    fn listen(&self) -> BoxStream<'static, Heard>;
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A signal.
    Signal(Bytes),
    /// One listens from now on, or again: whatever was said before was missed.
    Listening,
}
