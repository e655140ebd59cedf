use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;

/// The time by which supervisors measure pauses, windows and lives; cheap to clone. In production
/// it is the [system's](Clock::system); a test may put its own in its place and let hours pass at
/// once.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn TimeSource>,
}

/// Where a [`Clock`] has its time from.
pub trait TimeSource: Send + Sync {
    /// The time, which never runs backwards.
    fn now(&self) -> Instant;

    /// Waits until it is that late.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;
}

impl Clock {
    /// The system's monotonic clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(SystemTime)
    }

    /// A clock of another source.
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.source.now()
    }

    /// Waits until it is that late.
    pub async fn sleep_until(&self, deadline: Instant) {
        self.source.sleep_until(deadline).await;
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

struct SystemTime;

impl TimeSource for SystemTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        tokio::time::sleep_until(deadline.into()).boxed()
    }
}
