//! The mailbox of one agent instance. It outlives every actor that serves it.
//!
//! actix closes an actor's own mailbox for ever when the actor panics, and does not bound it: every
//! clone of an address may add one more message. So the queue lives here, in a struct that callers
//! and actor share, and the actor's mailbox carries only the doorbell. An agent may die with
//! a hundred tasks waiting; its next life finds them in order.
//!
//! What is promised: [`Mailbox::reserve`] answers at once, whether there is room, whether the
//! breaker lets the call through. Every task that was let in is answered exactly once. The queue
//! is a `std::sync::Mutex`, and not an asynchronous one, because nothing awaits while holding it.

mod capacity;
mod envelope;
mod gate;
mod inbox;
mod lease;
mod ledger;
mod refusal;
mod service;
mod vitals;

/// What the inbox is built of; a model checker puts its own in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_utils::CachePadded;

use crate::judgement::{Breaker, BreakerConfig, BreakerState, Load};
use crate::words::{AgentName, InstanceId};

pub use capacity::Capacity;
pub use envelope::AskError;
pub(crate) use envelope::Envelope;
use gate::Gate;
use inbox::Inbox;
pub use lease::{Answered, Lease};
pub(crate) use ledger::Job;
use ledger::Ledger;
pub use refusal::Refusal;
pub(crate) use service::{CheckHealth, Door, Wake};
pub use vitals::{Health, InstanceState, Vitals};

/// As many are looked at for callers who have gone, so that to refuse a call stays cheap.
const SIFTED: usize = 256;

/// See the [module's documentation](self).
#[derive(Debug)]
pub struct Mailbox {
    serial: u64,
    agent: AgentName,
    instance: InstanceId,
    weight: u32,
    capacity: Capacity,
    gate: Gate,
    load: Arc<Load>,
    breaker: Breaker,
    // Callers and agents write these from different cores, and would wait for each other's cache
    // lines: a fifth of the time of an ask was that.
    inbox: CachePadded<Inbox<Envelope>>,
    ledger: CachePadded<Ledger>,
    door: ArcSwapOption<Door>,
    finished: CachePadded<AtomicU64>,
    vitals: Mutex<Vitals>,
}

impl Mailbox {
    /// An open mailbox that nobody serves yet; what is put into it waits.
    ///
    /// # Panics
    /// For an agent that can do nothing at once, and so never does anything.
    #[must_use]
    pub fn new(
        agent: AgentName,
        number: usize,
        weight: u32,
        capacity: Capacity,
        breaker: BreakerConfig,
    ) -> Arc<Self> {
        static MADE: AtomicU64 = AtomicU64::new(1);
        assert!(capacity.concurrency > 0, "`concurrency` is at least 1");
        Arc::new(Self {
            serial: MADE.fetch_add(1, Ordering::Relaxed),
            instance: InstanceId::new(&agent, number),
            agent,
            weight,
            capacity,
            gate: Gate::default(),
            load: Load::new(capacity.concurrency.saturating_add(capacity.queue)),
            breaker: Breaker::new(breaker),
            inbox: CachePadded::new(Inbox::new()),
            ledger: CachePadded::default(),
            door: ArcSwapOption::empty(),
            finished: CachePadded::default(),
            vitals: Mutex::default(),
        })
    }

    /// Takes a place and the breaker's leave in one step, or says why not.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is held then.
    pub fn reserve(self: &Arc<Self>, now: Instant) -> Result<Lease, Refusal> {
        let place = self.load.reserve().or_else(|| {
            drop(self.inbox.sift(SIFTED, Envelope::is_abandoned));
            self.load.reserve()
        });
        // Looked at after the place was taken: whoever is let in, those who empty it wait for.
        if !self.gate.is_open() {
            return Err(self.shut(now));
        }
        let place = place.ok_or_else(|| self.full(now))?;
        let permit = self.breaker.admit(now).map_err(|open| Refusal::Open {
            retry_after: open.retry_after,
        })?;
        Ok(Lease::new(Arc::clone(self), place, permit, now))
    }

    /// Why [`reserve`](Self::reserve) would refuse a call now; `None` when it would not.
    #[must_use]
    pub fn refusal(&self, now: Instant) -> Option<Refusal> {
        if !self.gate.is_open() {
            return Some(self.shut(now));
        }
        if !self.load.has_room() {
            return Some(self.full(now));
        }
        let open = self.breaker.obstacle(now)?;
        Some(Refusal::Open {
            retry_after: open.retry_after,
        })
    }

    /// The agent that this is an instance of.
    #[must_use]
    pub fn agent(&self) -> &AgentName {
        &self.agent
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// Its share of the work, relative to its siblings.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// What it can do at once, and in what time.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// What it has to do, and how well it has been doing it.
    #[must_use]
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// The state of its breaker.
    #[must_use]
    pub fn breaker_state(&self, now: Instant) -> BreakerState {
        self.breaker.state(now)
    }

    /// How its agent is.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let vitals = self.vitals_mut().clone();
        Vitals {
            state: self.unless_paused(vitals.state),
            ..vitals
        }
    }

    /// Where its agent is in its life: of [`vitals`](Self::vitals) what costs no copy.
    #[must_use]
    pub fn state(&self) -> InstanceState {
        let state = self.vitals_mut().state;
        self.unless_paused(state)
    }

    /// Whether the last health check found that its agent is not well.
    #[must_use]
    pub fn is_unwell(&self) -> bool {
        matches!(self.vitals_mut().health, Health::Unwell(_))
    }

    fn unless_paused(&self, state: InstanceState) -> InstanceState {
        if self.gate.is_paused() && state.is_at_work() {
            InstanceState::Paused
        } else {
            state
        }
    }

    pub(crate) fn vitals_mut(&self) -> MutexGuard<'_, Vitals> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number that tells it from all other mailboxes of this process; never 0.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    fn put(&self, envelope: Envelope) {
        match self.inbox.put(envelope) {
            Ok(true) => self.knock(),
            Ok(false) => {}
            Err(envelope) => envelope.return_to_sender(AskError::Stopped),
        }
    }

    fn shut(&self, now: Instant) -> Refusal {
        if self.gate.is_closed() {
            Refusal::Stopped {
                retry_after: self.pause(now),
            }
        } else {
            Refusal::Paused
        }
    }

    /// An honest time to come back: what is queued, at the pace of late, within half a minute,
    /// after the pause before the next life.
    fn full(&self, now: Instant) -> Refusal {
        let pace = self.load.response_time().unwrap_or(Duration::from_secs(1));
        let rounds = self.load.taken().div_ceil(self.capacity.concurrency);
        let wait = pace.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        let wait = wait.clamp(Duration::from_secs(1), Duration::from_secs(30));
        Refusal::Full {
            retry_after: wait + self.pause(now).unwrap_or_default(),
        }
    }

    /// The time until the next life, if one is planned.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let resumes_at = self.vitals_mut().resumes_at?;
        Some(resumes_at.saturating_duration_since(now))
    }
}
