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
mod reserve;
mod room;
mod service;
mod vitals;

/// What the inbox is built of; a model checker puts its own in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use crossbeam_utils::CachePadded;

use crate::judgement::{Breaker, BreakerConfig, BreakerListener, BreakerState, Forced, Load, Pace};
use crate::words::{AgentName, InstanceId};

pub use capacity::Capacity;
pub use envelope::AskError;
pub(crate) use envelope::Envelope;
use gate::Gate;
use inbox::{Inbox, Lane};
pub use lease::{Answered, Case, Lease};
pub(crate) use ledger::Job;
use ledger::Ledger;
pub use refusal::Refusal;
pub use room::Claim;
pub(crate) use service::{CheckHealth, Door, Wake};
pub use vitals::{Health, InstanceState, Vitals};
use vitals::{VitalsCell, VitalsMut};

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
    breaker_config: BreakerConfig,
    // Callers and agents write these from different cores, and would wait for each other's cache
    // lines: a fifth of the time of an ask was that.
    inbox: CachePadded<Inbox<Envelope>>,
    ledger: CachePadded<Ledger>,
    door: ArcSwapOption<Door>,
    finished: CachePadded<AtomicU64>,
    vitals: VitalsCell,
}

/// What there is to know of a mailbox before there is one.
pub struct MailboxSpec {
    /// The agent that it is an instance of.
    pub agent: AgentName,
    /// The number of the instance.
    pub number: usize,
    /// Its share of the work, relative to its siblings; at least 1.
    pub weight: u32,
    /// What it can do at once, and in what time.
    pub capacity: Capacity,
    /// When its breaker opens.
    pub breaker: BreakerConfig,
    /// Told of each change of its breaker.
    pub listener: Option<BreakerListener>,
    /// The pace of its agent, to which it contributes.
    pub pace: Arc<Pace>,
}

impl Mailbox {
    /// An open mailbox that nobody serves yet; what is put into it waits.
    ///
    /// # Panics
    /// For an agent that can do nothing at once, and so never does anything.
    #[must_use]
    pub fn new(spec: MailboxSpec, now: Instant) -> Arc<Self> {
        static MADE: AtomicU64 = AtomicU64::new(1);
        let capacity = spec.capacity;
        assert!(capacity.concurrency > 0, "`concurrency` is at least 1");
        let (breaker, listener) = (spec.breaker, spec.listener);
        Arc::new(Self {
            serial: MADE.fetch_add(1, Ordering::Relaxed),
            instance: InstanceId::new(&spec.agent, spec.number),
            agent: spec.agent,
            weight: spec.weight,
            capacity,
            gate: Gate::default(),
            load: Load::new(&spec.pace, now),
            breaker: Breaker::listened_to(breaker, capacity.timeout, now, listener),
            breaker_config: breaker,
            inbox: CachePadded::new(Inbox::new()),
            ledger: CachePadded::default(),
            door: ArcSwapOption::empty(),
            finished: CachePadded::default(),
            vitals: VitalsCell::default(),
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

    /// How many tasks it may hold at present, working and waiting.
    #[must_use]
    pub fn size(&self) -> usize {
        self.capacity.size(&self.load)
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

    /// Whether an operator holds its breaker, and how.
    #[must_use]
    pub fn forced_breaker(&self) -> Option<Forced> {
        self.breaker.forced()
    }

    /// Holds its breaker open or closed; `None` has it judge by itself again, from the beginning.
    pub fn force_breaker(&self, forced: Option<Forced>) {
        self.breaker.force(forced);
    }

    /// Opens its breaker, for somebody else has found that its agent keeps failing.
    pub(crate) fn open_breaker(&self, chance: f64) {
        self.breaker.heed(Instant::now(), chance);
    }

    /// How its agent is.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let vitals = self.vitals.read();
        Vitals {
            state: self.unless_paused(vitals.state),
            ..vitals
        }
    }

    /// Where its agent is in its life: of [`vitals`](Self::vitals) what takes no lock.
    #[must_use]
    pub fn state(&self) -> InstanceState {
        self.unless_paused(self.vitals.state())
    }

    /// Whether the last health check found that its agent is not well.
    #[must_use]
    pub fn is_unwell(&self) -> bool {
        self.vitals.is_unwell()
    }

    fn unless_paused(&self, state: InstanceState) -> InstanceState {
        if self.gate.is_paused() && state.is_at_work() {
            InstanceState::Paused
        } else {
            state
        }
    }

    pub(crate) fn vitals_mut(&self) -> VitalsMut<'_> {
        self.vitals.change()
    }

    /// The number that tells it from all other mailboxes of this process; never 0.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    fn put(&self, envelope: Envelope, lane: Lane) {
        match self.inbox.put(envelope, lane) {
            Ok(true) => self.knock(),
            Ok(false) => {}
            Err(envelope) => envelope.return_to_sender(AskError::Stopped),
        }
    }
}
