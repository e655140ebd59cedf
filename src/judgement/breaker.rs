//! The circuit breaker that stands before every mailbox.
//!
//! It exists so that an agent that keeps failing is left alone for a while, and callers are told
//! so at once instead of waiting for one more failure.
//!
//! Four habits keep it honest, each the lack of which is known to have wedged or flooded a real
//! breaker. Whoever is let through holds a [`Permit`], and a permit that is dropped without a
//! verdict gives its place back. A permit remembers the epoch it was issued in, and what it
//! reports after the state has changed is ignored: an old failure never extends an outage, an old
//! success never ends one. While half-open exactly one permit, the probe, is out at a time. And
//! the probe is a lease: one that is neither settled nor dropped in the time that a call may take
//! counts as lost, and the next takes its place.
//!
//! Whether it would let a call through can be read without a lock, and while all is well, calls
//! go through without one, too.

use std::fmt;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::circuit::Circuit;
use super::epoch::Epoch;
use super::notice::Notice;
use super::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use super::{BreakerChange, BreakerConfig, BreakerState, Forced, Verdict};

/// Told of each change, after it has happened, on the thread that brought it about.
pub type BreakerListener = Box<dyn Fn(BreakerChange) + Send + Sync>;

/// The breaker refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOpen {
    /// When it makes sense to ask again.
    pub retry_after: Duration,
    /// Why.
    pub reason: Bar,
}

/// Why a breaker refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// The agent has failed too often, or its probe is out.
    Failures,
    /// The agent has asked to be left alone for a while.
    Cooling,
    /// An operator holds it open.
    Operator,
}

/// A circuit breaker; cheap to clone, all clones are the same breaker.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::judgement::{Breaker, BreakerConfig, Outcome};
///
/// let now = Instant::now();
/// let config = BreakerConfig { failure_threshold: 1, ..BreakerConfig::default() };
/// let breaker = Breaker::new(config, Duration::from_secs(30), now);
/// breaker.admit(now).unwrap().settle(Outcome::Failure, now, 1.0);
/// assert_eq!(breaker.admit(now).unwrap_err().retry_after, Duration::from_secs(5));
/// assert!(breaker.admit(now + Duration::from_secs(5)).is_ok());
/// ```
#[derive(Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

struct Shared {
    born: Epoch,
    circuit: Mutex<Circuit>,
    /// What the circuit says, for those who only look; see [`Notice`].
    notice: CachePadded<AtomicU64>,
    listener: Option<BreakerListener>,
}

impl Breaker {
    /// A closed breaker before an agent whose calls may take that long.
    #[must_use]
    pub fn new(config: BreakerConfig, longest_call: Duration, now: Instant) -> Self {
        Self::listened_to(config, longest_call, now, None)
    }

    /// The same, with somebody who is told of each change.
    #[must_use]
    pub fn listened_to(
        config: BreakerConfig,
        longest_call: Duration,
        now: Instant,
        listener: Option<BreakerListener>,
    ) -> Self {
        let (born, circuit) = (Epoch::new(now), Circuit::new(config, longest_call));
        let notice = Notice::of(&circuit, born);
        let shared = Shared {
            born,
            circuit: Mutex::new(circuit),
            notice: CachePadded::new(AtomicU64::new(notice.word())),
            listener,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Lets a call through, or says when to come back.
    ///
    /// # Errors
    /// [`BreakerOpen`] while it is open, and while half-open with the probe still out.
    pub fn admit(&self, now: Instant) -> Result<Permit, BreakerOpen> {
        if let Some(epoch) = self.notice().clear() {
            return Ok(self.permit(Some(epoch)));
        }
        let mut circuit = self.lock();
        let notice = Notice::of(&circuit, self.shared.born);
        if let Some(open) = notice.obstacle(self.shared.born.nanos(now)) {
            return Err(open);
        }
        let change = circuit.admit(now);
        let epoch = circuit.epoch();
        self.publish(circuit, change);
        Ok(self.permit(Some(epoch)))
    }

    /// Lets a call through that an emergency demands; the breaker learns nothing from it.
    pub fn admit_regardless(&self) -> Permit {
        self.permit(None)
    }

    /// Why [`admit`](Self::admit) would refuse a call; `None` when it would not.
    #[must_use]
    pub fn obstacle(&self, now: Instant) -> Option<BreakerOpen> {
        self.notice().obstacle(self.shared.born.nanos(now))
    }

    /// The state at this moment.
    #[must_use]
    pub fn state(&self, now: Instant) -> BreakerState {
        let notice = self.notice();
        match notice.state() {
            BreakerState::Open if notice.until() <= self.shared.born.nanos(now) => {
                BreakerState::HalfOpen
            }
            state => state,
        }
    }

    /// What an operator has decided over its head, if anything.
    #[must_use]
    pub fn forced(&self) -> Option<Forced> {
        self.notice().forced()
    }

    /// Does as an operator says; `None` is to judge by itself again, from the beginning.
    pub fn force(&self, forced: Option<Forced>) {
        let mut circuit = self.lock();
        let change = circuit.force(forced);
        self.publish(circuit, change);
    }

    /// The agent has begun a life that does not owe its beginning to a failure: one that was left
    /// alone is tried at once.
    pub fn renew(&self) {
        let mut circuit = self.lock();
        let change = circuit.renew();
        self.publish(circuit, change);
    }

    /// Somebody else has found that the agent keeps failing: opens, if it is closed. `chance`, from 0 to
    /// 1, varies for how long.
    pub fn heed(&self, now: Instant, chance: f64) {
        let mut circuit = self.lock();
        let change = circuit.heed(now, chance);
        self.publish(circuit, change);
    }

    fn permit(&self, epoch: Option<u64>) -> Permit {
        Permit {
            epoch,
            breaker: self.clone(),
        }
    }

    fn notice(&self) -> Notice {
        Notice::of_word(self.shared.notice.load(Ordering::Acquire))
    }

    /// Lets those who only look know, and those who listen.
    fn publish(&self, circuit: MutexGuard<'_, Circuit>, change: Option<BreakerChange>) {
        let notice = Notice::of(&circuit, self.shared.born);
        if notice != self.notice() {
            self.shared.notice.store(notice.word(), Ordering::Release);
        }
        drop(circuit);
        if let (Some(change), Some(listener)) = (change, &self.shared.listener) {
            listener(change);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        // Nothing panics while the lock is held, and no await happens under it.
        let circuit = self.shared.circuit.lock();
        circuit.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("circuit", &*self.lock())
            .finish_non_exhaustive()
    }
}

/// Leave to make one call. Dropping it without a verdict counts for nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once admits nobody"]
pub struct Permit {
    /// `None` when there is nothing to report to the breaker, or no more.
    epoch: Option<u64>,
    breaker: Breaker,
}

impl Permit {
    /// Reports how the call ended; ignored when the breaker's state has changed since. `chance` is
    /// a random number in `0.0..1.0`, for how long a breaker that opens stays open.
    pub fn settle(mut self, verdict: impl Into<Verdict>, now: Instant, chance: f64) {
        if let Some(epoch) = self.epoch.take() {
            let mut circuit = self.breaker.lock();
            let change = circuit.learn(epoch, verdict.into(), now, chance);
            self.breaker.publish(circuit, change);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(epoch) = self.epoch {
            let mut circuit = self.breaker.lock();
            circuit.give_back(epoch);
            self.breaker.publish(circuit, None);
        }
    }
}
