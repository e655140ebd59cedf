use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{FaultPlan, LifeFault, ScriptedAgent, until};
use crate::supervision::AgentSpec;

/// Where a test and its agents meet: agents write down what they begin, and wait to be let go on.
/// Cheap to clone, all clones are the same.
#[derive(Debug, Clone)]
pub struct Stage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    records: bool,
    plan: FaultPlan,
    lives: AtomicUsize,
    begun: Mutex<Vec<String>>,
    deeds: Mutex<Vec<String>>,
    gate: Semaphore,
    dropped: AtomicUsize,
    blocked: Mutex<usize>,
    unblocked: Condvar,
}

/// Counts a job that was dropped before it was done.
struct DropGuard<'a>(&'a AtomicUsize);

impl Drop for DropGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Stage {
    /// An empty stage.
    #[must_use]
    pub fn new() -> Self {
        Self::with_records(true)
    }

    /// A stage on which nothing is written down, for plays that take long.
    #[must_use]
    pub fn without_records() -> Self {
        Self::with_records(false)
    }

    fn with_records(records: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                records,
                plan: FaultPlan::default(),
                lives: AtomicUsize::new(0),
                begun: Mutex::default(),
                deeds: Mutex::default(),
                gate: Semaphore::new(0),
                dropped: AtomicUsize::new(0),
                blocked: Mutex::default(),
                unblocked: Condvar::new(),
            }),
        }
    }

    /// What goes wrong on it.
    #[must_use]
    pub fn plan(&self) -> &FaultPlan {
        &self.inner.plan
    }

    /// An agent that does what is planned, or else what the first word of the task
    /// [names](super::Fault::named), and says back the task's text, with the number of its life
    /// as the datum `life`.
    pub fn agent(&self, name: &str) -> AgentSpec {
        let (stage, instance) = (self.clone(), name.to_owned());
        AgentSpec::numbered(name, move |number| {
            stage.player(&format!("{instance}/{number}"))
        })
    }

    /// One more life of such an agent, under that name in the [deeds](Self::deeds).
    ///
    /// # Panics
    /// When that is planned.
    #[must_use]
    pub fn player(&self, name: &str) -> ScriptedAgent {
        let life = self.inner.lives.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = self.inner.plan.next_life();
        self.note(format!("{name} made"));
        assert!(fault != LifeFault::FactoryPanics, "the factory panics");
        ScriptedAgent::new(self.clone(), name, life, fault)
    }

    /// Writes down a piece of work, for agents that are not of this stage.
    pub fn begin(&self, content: &str) {
        if !self.inner.records {
            return;
        }
        let begun = self.inner.begun.lock();
        let mut begun = begun.unwrap_or_else(PoisonError::into_inner);
        begun.push(content.to_owned());
    }

    /// Writes down a deed.
    pub(super) fn note(&self, deed: String) {
        if !self.inner.records {
            return;
        }
        let deeds = self.inner.deeds.lock();
        deeds.unwrap_or_else(PoisonError::into_inner).push(deed);
    }

    /// Waits to be let go on; being dropped meanwhile is counted.
    pub async fn wait(&self) {
        let dropped = DropGuard(&self.inner.dropped);
        if let Ok(permit) = self.inner.gate.acquire().await {
            permit.forget();
        }
        std::mem::forget(dropped);
    }

    /// Lets so many of those who wait, or will, go on.
    pub fn let_go(&self, count: usize) {
        self.inner.gate.add_permits(count);
    }

    /// Blocks the thread until it is unblocked, or for that long.
    pub fn block(&self, span: Option<Duration>) {
        let permits = self.inner.blocked.lock();
        let mut permits = permits.unwrap_or_else(PoisonError::into_inner);
        if let Some(span) = span {
            drop(permits);
            return std::thread::sleep(span);
        }
        while *permits == 0 {
            let waited = self.inner.unblocked.wait(permits);
            permits = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *permits -= 1;
    }

    /// Unblocks so many of those who block their thread, or will.
    pub fn unblock(&self, count: usize) {
        let permits = self.inner.blocked.lock();
        *permits.unwrap_or_else(PoisonError::into_inner) += count;
        self.inner.unblocked.notify_all();
    }

    /// The texts of the tasks that were begun, in order.
    #[must_use]
    pub fn begun(&self) -> Vec<String> {
        let begun = self.inner.begun.lock();
        begun.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has become of the agents, in order: `a/0 made`, `a/0 started`, `a/0 stopped` (its stop
    /// hook was called), `a/0 dropped`.
    #[must_use]
    pub fn deeds(&self) -> Vec<String> {
        let deeds = self.inner.deeds.lock();
        deeds.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many lives there were.
    #[must_use]
    pub fn lives(&self) -> usize {
        self.inner.lives.load(Ordering::SeqCst)
    }

    /// How many jobs were dropped while they waited or hung.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.inner.dropped.load(Ordering::SeqCst)
    }

    /// Waits until work on that has begun.
    ///
    /// # Panics
    /// When it does not begin within [`PATIENCE`](super::PATIENCE).
    pub async fn until_begun(&self, content: &str) {
        let what = format!("`{content}` is begun");
        until(&what, async || self.begun().iter().any(|it| it == content)).await;
    }

    /// Waits until at least so many jobs were dropped while they waited or hung.
    ///
    /// # Panics
    /// When they are not within [`PATIENCE`](super::PATIENCE).
    pub async fn until_dropped(&self, count: usize) {
        let dropped = async || self.dropped() >= count;
        until("the job is dropped", dropped).await;
    }

    /// Waits until all that was begun, and only waited, was dropped. For stages with records.
    ///
    /// # Panics
    /// When it is not within [`PATIENCE`](super::PATIENCE).
    pub async fn until_all_dropped(&self) {
        let dropped = async || self.dropped() == self.begun().len();
        until("all jobs are dropped", dropped).await;
    }

    /// Never comes to an end; being dropped is counted.
    pub(super) async fn hang(&self) {
        let _dropped = DropGuard(&self.inner.dropped);
        std::future::pending::<()>().await;
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}
