use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::until;
use crate::supervision::{Clock, TimeSource};

/// A clock that stands still until a test moves it; cheap to clone, all clones are the same.
///
/// ```
/// use std::time::Duration;
/// use agent_orchestrator::testkit::VirtualClock;
///
/// let virtual_clock = VirtualClock::new();
/// let clock = virtual_clock.clock();
/// let before = clock.now();
/// virtual_clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now() - before, Duration::from_secs(3600));
/// ```
#[derive(Debug, Clone)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now: Instant,
    sleepers: Vec<(Instant, oneshot::Sender<()>)>,
}

impl VirtualClock {
    /// A clock that shows the present.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                now: Instant::now(),
                sleepers: Vec::new(),
            })),
        }
    }

    /// The clock to be put into the [settings](crate::supervision::HouseRules::clock).
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// Moves the time, and wakes whoever has slept long enough.
    pub fn advance(&self, span: Duration) {
        let mut state = self.lock();
        state.now += span;
        let now = state.now;
        for (_, waker) in state.sleepers.extract_if(.., |(until, _)| *until <= now) {
            // A sleeper that has gone need not be woken.
            let _ = waker.send(());
        }
    }

    /// How long the first of those who sleep at present has still to sleep.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        let mut state = self.lock();
        state.sleepers.retain(|(_, waker)| !waker.is_closed());
        let first = state.sleepers.iter().map(|(until, _)| *until).min()?;
        Some(first.saturating_duration_since(state.now))
    }

    /// Waits until somebody sleeps; for how long.
    ///
    /// # Panics
    /// When nobody does within [`PATIENCE`](super::PATIENCE).
    pub async fn until_asleep(&self) -> Duration {
        let mut span = None;
        until("somebody sleeps", async || {
            span = self.next_wake();
            span.is_some()
        })
        .await;
        span.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeSource for VirtualClock {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let mut state = self.lock();
        if deadline <= state.now {
            return futures::future::ready(()).boxed();
        }
        let (waker, woken) = oneshot::channel();
        state.sleepers.push((deadline, waker));
        woken.map(|_| ()).boxed()
    }
}
