use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::summary::Sums;
use crate::words::AgentName;

/// What there is to count of a request.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// What decided its routing.
    pub strategy: &'static str,
    /// Whether that was remembered from an earlier request.
    pub cached: bool,
    /// Whether it was answered.
    pub success: bool,
    /// How long it took to choose the agents.
    pub routing_time: Duration,
    /// How long it took the agents.
    pub execution_time: Duration,
    /// What each agent did.
    pub agents: &'a [AgentCall<'a>],
}

/// What there is to count of an agent's part in a request, where that says something of the agent.
#[derive(Debug, Clone, Copy)]
pub struct AgentCall<'a> {
    /// The agent.
    pub agent: &'a AgentName,
    /// Whether it answered.
    pub succeeded: bool,
    /// The time spent inside the agent.
    pub took: Duration,
}

/// Where requests are counted. Threads share a shard only when there are more of them than
/// shards, so a lock is hardly ever waited for.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    shards: Arc<[Shard]>,
}

/// Padded to a cache line, so that neighbours do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Sums>);

const SHARDS: usize = 16;

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }

    /// Counts a request in the shard of this thread.
    pub(super) fn observe(&self, seen: &Observation<'_>) {
        with_sums(&self.shards[shard_of_this_thread()], |sums| sums.add(seen));
    }

    /// Counts how satisfied a user was.
    pub(super) fn observe_satisfaction(&self, satisfaction: f64) {
        let shard = &self.shards[shard_of_this_thread()];
        with_sums(shard, |sums| sums.add_satisfaction(satisfaction));
    }

    /// Takes everything that was counted since the last time.
    pub(super) fn collect(&self) -> Sums {
        let mut collected = Sums::default();
        for shard in self.shards.iter() {
            collected.merge(&with_sums(shard, std::mem::take));
        }
        collected
    }
}

fn with_sums<T>(shard: &Shard, act: impl FnOnce(&mut Sums) -> T) -> T {
    // Nothing panics while the lock is held, and no await happens under it.
    act(&mut shard.0.lock().unwrap_or_else(PoisonError::into_inner))
}

fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    }
    MINE.get()
}
