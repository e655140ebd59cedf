use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use tokio::sync::Notify;

use super::{ExitReason, Generation, InstanceId};

/// Runs a background task of a life until it is done or the life has ended.
type Spawner = Box<dyn Fn(LifeContext, LocalBoxFuture<'static, ()>)>;

/// One life of an agent, as the agent itself sees it; cheap to clone, bound to its thread.
///
/// What an agent does besides answering tasks (refreshing a cache, keeping a connection) belongs
/// to its life: [`spawn`](Self::spawn) it here, and it is watched over and ends with the life.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
/// use agent_orchestrator::{Agent, AgentContext, AgentError, LifeContext, Reply, Task};
///
/// struct Rates { refreshed: Rc<Cell<u32>> }
///
/// impl Agent for Rates {
///     async fn started(&mut self, life: &LifeContext) -> Result<(), AgentError> {
///         let refreshed = Rc::clone(&self.refreshed);
///         life.spawn(async move {
///             loop {
///                 refreshed.set(refreshed.get() + 1);
///                 actix_web::rt::time::sleep(Duration::from_secs(60)).await;
///             }
///         });
///         Ok(())
///     }
///
///     async fn handle(&self, _: Task, _: &AgentContext) -> Result<Reply, AgentError> {
///         Ok(Reply::text(format!("refreshed {} times", self.refreshed.get())))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct LifeContext {
    inner: Rc<Inner>,
}

struct Inner {
    instance: InstanceId,
    generation: Generation,
    end: RefCell<Option<ExitReason>>,
    ended: Notify,
    spawner: Spawner,
}

impl LifeContext {
    pub(crate) fn new(instance: InstanceId, generation: Generation, spawner: Spawner) -> Self {
        Self {
            inner: Rc::new(Inner {
                instance,
                generation,
                end: RefCell::default(),
                ended: Notify::new(),
                spawner,
            }),
        }
    }

    /// The instance whose life it is.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        &self.inner.instance
    }

    /// Which of the instance's lives it is.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.inner.generation
    }

    /// Runs a task beside the agent, on its thread, until it is done or the life has ended. If it
    /// panics, the life ends as if the agent had panicked, and nobody's request is lost.
    ///
    /// # Panics
    /// Outside of the agent's thread, where there is nothing to run it.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        (self.inner.spawner)(self.clone(), task.boxed_local());
    }

    /// Ends this life on the agent's own wish. It gets no more tasks, finishes those in its hands,
    /// and its restart policy decides what follows.
    pub fn stop(&self) {
        self.end(ExitReason::Finished);
    }

    /// Ends this life; the first reason stands.
    pub(crate) fn end(&self, reason: ExitReason) {
        self.inner.end.borrow_mut().get_or_insert(reason);
        self.inner.ended.notify_one();
    }

    /// Why it shall end, once it shall.
    pub(crate) fn shall_end(&self) -> Option<ExitReason> {
        self.inner.end.borrow().clone()
    }

    /// Waits until there is a reason to end.
    pub(crate) async fn until_it_shall_end(&self) {
        while self.inner.end.borrow().is_none() {
            self.inner.ended.notified().await;
        }
    }
}

impl fmt::Debug for LifeContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifeContext")
            .field("instance", &self.inner.instance)
            .field("generation", &self.inner.generation)
            .finish_non_exhaustive()
    }
}
