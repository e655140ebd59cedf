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

mod envelope;
mod lease;
mod queue;
mod vitals;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::{Message, Recipient};
use arc_swap::ArcSwapOption;

use crate::judgement::{Breaker, BreakerConfig, BreakerState, Load};
use crate::words::{AgentName, Generation, InstanceId};

pub use envelope::AskError;
pub(crate) use envelope::Envelope;
pub use lease::{Answered, Lease};
use queue::Queue;
pub use vitals::{Health, InstanceState, Vitals};

/// Rung when work has come.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Wake;

/// Asks the agent itself how it is, past all waiting work; it is not waited for longer than that.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), String>")]
pub(crate) struct CheckHealth(pub Duration);

/// The ways to reach the actor that serves the mailbox at present.
#[derive(Debug)]
pub(crate) struct Door {
    pub wake: Recipient<Wake>,
    pub check: Recipient<CheckHealth>,
}

/// Why a call was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room; when there may be.
    Full {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// The breaker is open.
    Open {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// The instance takes no work, and will not soon.
    Stopped,
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub struct Mailbox {
    agent: AgentName,
    instance: InstanceId,
    weight: u32,
    concurrency: usize,
    timeout: Duration,
    load: Arc<Load>,
    breaker: Breaker,
    queue: Mutex<Queue>,
    rung: AtomicBool,
    door: ArcSwapOption<Door>,
    vitals: Mutex<Vitals>,
}

/// What an instance can do at once, and in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Tasks that the agent works on at once; at least 1.
    pub concurrency: usize,
    /// Tasks that may wait beside them.
    pub queue: usize,
    /// How long one attempt at a task may take, waiting included.
    pub timeout: Duration,
}

impl Mailbox {
    /// An open mailbox that nobody serves yet; what is put into it waits.
    #[must_use]
    pub fn new(
        agent: AgentName,
        number: usize,
        weight: u32,
        capacity: Capacity,
        breaker: BreakerConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            instance: InstanceId::new(&agent, number),
            agent,
            weight,
            concurrency: capacity.concurrency,
            timeout: capacity.timeout,
            load: Load::new(capacity.concurrency.saturating_add(capacity.queue)),
            breaker: Breaker::new(breaker),
            queue: Mutex::default(),
            rung: AtomicBool::new(false),
            door: ArcSwapOption::empty(),
            vitals: Mutex::default(),
        })
    }

    /// Takes a place and the breaker's leave in one step, or says why not.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is held then.
    pub fn reserve(self: &Arc<Self>, now: Instant) -> Result<Lease, Refusal> {
        if self.lock().closed {
            return Err(Refusal::Stopped);
        }
        let place = self.load.reserve().or_else(|| {
            let abandoned = self.lock().take_abandoned();
            drop(abandoned);
            self.load.reserve()
        });
        let place = place.ok_or_else(|| self.full())?;
        let permit = self.breaker.admit(now).map_err(|open| Refusal::Open {
            retry_after: open.retry_after,
        })?;
        Ok(Lease::new(Arc::clone(self), place, permit, now))
    }

    /// Why [`reserve`](Self::reserve) would refuse a call now; `None` when it would not.
    #[must_use]
    pub fn refusal(&self, now: Instant) -> Option<Refusal> {
        if self.lock().closed {
            return Some(Refusal::Stopped);
        }
        if !self.load.has_room() {
            return Some(self.full());
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

    /// How many tasks its agent works on at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.concurrency
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
        self.vitals_mut().clone()
    }

    pub(crate) fn vitals_mut(&self) -> MutexGuard<'_, Vitals> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a new life, which alone may take work from now on.
    pub(crate) fn next_life(&self) -> Generation {
        let mut queue = self.lock();
        queue.generation = queue.generation.next();
        queue.generation
    }

    /// The actor that serves the mailbox says where it can be reached.
    pub(crate) fn attach(&self, door: Door) {
        self.door.store(Some(Arc::new(door)));
        self.rung.store(true, Ordering::Release);
        self.knock();
    }

    /// The doorbell was heard. To be called before the queue is looked at, so that what comes
    /// later rings again.
    pub(crate) fn hush(&self) {
        self.rung.store(false, Ordering::Release);
    }

    /// The next task, if this life may have one: a life that was replaced gets nothing.
    pub(crate) fn take(&self, generation: Generation) -> Option<Envelope> {
        let mut queue = self.lock();
        if queue.generation != generation {
            return None;
        }
        queue.waiting.pop_front()
    }

    /// Takes no more work, and tells those who wait.
    pub(crate) fn close(&self) {
        let abandoned = {
            let mut queue = self.lock();
            queue.closed = true;
            std::mem::take(&mut queue.waiting)
        };
        for envelope in abandoned {
            envelope.answer(Err(AskError::Stopped));
        }
    }

    /// The way to the actor that serves the mailbox; `None` before the first life began.
    pub(crate) fn door(&self) -> Option<Arc<Door>> {
        self.door.load_full()
    }

    fn put(&self, envelope: Envelope) {
        {
            let mut queue = self.lock();
            if queue.closed {
                drop(queue);
                return envelope.answer(Err(AskError::Stopped));
            }
            queue.waiting.push_back(envelope);
        }
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.knock();
        }
    }

    /// Rings the bell again, for an actor that stopped before the queue was empty.
    pub(crate) fn knock(&self) {
        if let Some(door) = self.door.load().as_ref() {
            door.wake.do_send(Wake);
        }
    }

    /// An honest time to come back: what is queued, at the pace of late, within half a minute.
    fn full(&self) -> Refusal {
        let pace = self.load.response_time().unwrap_or(Duration::from_secs(1));
        let rounds = self.load.taken().div_ceil(self.concurrency);
        let wait = pace.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        Refusal::Full {
            retry_after: wait.clamp(Duration::from_secs(1), Duration::from_secs(30)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
