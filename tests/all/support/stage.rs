//! Agents that do what the question says and report what they did, and short words to ask them.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agent_orchestrator::mailbox::Mailbox;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::words::{AgentName, LifeEvent};
use agent_orchestrator::{Answer, Orchestrator, Problem};
use tokio::sync::{Semaphore, broadcast};

use super::server::{PATIENCE, until};

/// Where a test and its agents meet: agents write down what they begin, and wait to be let go on.
#[derive(Clone)]
pub(crate) struct Stage {
    inner: Arc<Inner>,
}

struct Inner {
    lives: AtomicUsize,
    begun: Mutex<Vec<String>>,
    gate: Semaphore,
    dropped: AtomicUsize,
}

/// One life of an agent on a stage.
struct Player {
    stage: Stage,
    life: usize,
    finished: Cell<bool>,
}

/// Counts a job that was dropped before it was done.
struct DropGuard<'a>(&'a AtomicUsize);

impl Drop for DropGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            lives: AtomicUsize::new(0),
            begun: Mutex::default(),
            gate: Semaphore::new(0),
            dropped: AtomicUsize::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// An agent that does what the first word of the question says, and says back the rest of
    /// what it can:
    ///
    /// | word | deed |
    /// |---|---|
    /// | `boom`, `step_boom`, `wait_boom` | panics at once, after an await, after being let go on |
    /// | `step`, `wait` | answers after an await, after being let go on |
    /// | `fail`, `refuse`, `fatal` | fails, blames the question, gives itself up |
    /// | `finish` | answers, and has nothing left to do |
    /// | any other | answers |
    pub(crate) fn agent(&self, name: &str) -> AgentSpec {
        let stage = self.clone();
        AgentSpec::new(name, move || stage.player())
    }

    /// One more life of such an agent.
    pub(crate) fn player(&self) -> impl Agent + use<> {
        Player {
            stage: self.clone(),
            life: self.inner.lives.fetch_add(1, Ordering::SeqCst) + 1,
            finished: Cell::new(false),
        }
    }

    /// Begins a piece of work by hand, for agents that are not of this stage.
    pub(crate) fn begin(&self, content: &str) {
        self.inner.begun.lock().unwrap().push(content.to_owned());
    }

    /// Waits to be let go on; being dropped meanwhile is counted.
    pub(crate) async fn wait(&self) {
        let dropped = DropGuard(&self.inner.dropped);
        self.inner.gate.acquire().await.unwrap().forget();
        std::mem::forget(dropped);
    }

    /// Lets so many of those who wait, or will, go on.
    pub(crate) fn let_go(&self, count: usize) {
        self.inner.gate.add_permits(count);
    }

    /// What was begun, in order.
    pub(crate) fn begun(&self) -> Vec<String> {
        self.inner.begun.lock().unwrap().clone()
    }

    /// Waits until work on that has begun.
    pub(crate) async fn until_begun(&self, content: &str) {
        let what = format!("`{content}` is begun");
        until(&what, async || self.begun().iter().any(|it| it == content)).await;
    }

    /// Waits until so many jobs were dropped while they waited.
    pub(crate) async fn until_dropped(&self, count: usize) {
        let dropped = async || self.inner.dropped.load(Ordering::SeqCst) == count;
        until("the job is dropped", dropped).await;
    }

    /// Waits until all that was begun, and only waited, was dropped.
    pub(crate) async fn until_all_dropped(&self) {
        let dropped = async || self.inner.dropped.load(Ordering::SeqCst) == self.begun().len();
        until("all jobs are dropped", dropped).await;
    }

    /// How many lives there were.
    pub(crate) fn lives(&self) -> usize {
        self.inner.lives.load(Ordering::SeqCst)
    }
}

impl Agent for Player {
    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        self.stage.begin(&task.content);
        match task.content.split(' ').next().unwrap() {
            "boom" => panic!("boom"),
            "step_boom" => {
                tokio::task::yield_now().await;
                panic!("boom");
            }
            "wait_boom" => {
                self.stage.wait().await;
                panic!("boom");
            }
            "step" => tokio::task::yield_now().await,
            "wait" => self.stage.wait().await,
            "fail" => return Err(AgentError::failure("out of order")),
            "refuse" => return Err(AgentError::user("no such thing")),
            "fatal" => return Err(AgentError::fatal("spoilt")),
            "finish" => self.finished.set(true),
            _ => {}
        }
        Ok(Reply::text(task.content).with("life", self.life))
    }

    fn is_alive(&self) -> bool {
        !self.finished.get()
    }
}

/// An app of these agents; the first of them is the fallback.
pub(crate) fn app(agents: impl IntoIterator<Item = AgentSpec>) -> App {
    let mut agents = agents.into_iter().peekable();
    let mut app = App::new();
    let fallback = agents.peek().unwrap().name();
    fallback.clone_into(&mut app.settings_mut().fallback_agent);
    agents.fold(app, App::agent)
}

/// An orchestrator of these agents.
pub(crate) async fn start(agents: impl IntoIterator<Item = AgentSpec>) -> Orchestrator {
    app(agents).start().await.unwrap()
}

/// A request to these agents.
pub(crate) fn request(agents: &[&str], content: &str) -> OrchestrationRequest {
    OrchestrationRequest {
        agents: agents.iter().map(|&name| name.to_owned()).collect(),
        ..OrchestrationRequest::new(content)
    }
}

/// The answer to a request, which comes in time whatever it is.
pub(crate) async fn answer(
    orchestrator: &Orchestrator,
    request: OrchestrationRequest,
) -> Result<Answer, Problem> {
    in_time(orchestrator.orchestrate(request)).await
}

/// What that agent says, or why it does not.
pub(crate) async fn ask(
    orchestrator: &Orchestrator,
    agent: &str,
    content: &str,
) -> Result<String, ErrorType> {
    match answer(orchestrator, request(&[agent], content)).await {
        Ok(answer) => Ok(answer.result.content.clone()),
        Err(problem) => Err(problem.error_type()),
    }
}

/// The agents as plain text.
pub(crate) fn names(agents: &[AgentName]) -> Vec<&str> {
    agents.iter().map(|name| &**name).collect()
}

/// The mailbox of that instance of that agent.
pub(crate) fn mailbox(orchestrator: &Orchestrator, agent: &str, number: usize) -> Arc<Mailbox> {
    let registered = orchestrator.registry().find(agent).unwrap();
    registered.instances[number].clone()
}

/// Waits until so many tasks are worked on, and so many wait.
pub(crate) async fn until_holding(mailbox: &Mailbox, in_flight: usize, queued: usize) {
    let what = format!("{in_flight} tasks are in flight and {queued} wait");
    until(&what, async || {
        let load = mailbox.load().report();
        (load.in_flight, load.queued) == (in_flight, queued)
    })
    .await;
}

/// What comes of it, which must not take for ever.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.expect("waited in vain")
}

/// What comes of two things that go on at the same time and must not take for ever.
pub(crate) fn both<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> impl Future<Output = (A, B)> {
    Box::pin(in_time(futures::future::join(one, other)))
}

/// What happens in the lives of the agents from now on, a line for each event.
pub(crate) struct Chronicle(broadcast::Receiver<LifeEvent>);

impl Chronicle {
    pub(crate) fn of(orchestrator: &Orchestrator) -> Self {
        Self(orchestrator.registry().events().subscribe())
    }

    pub(crate) async fn next(&mut self) -> String {
        match in_time(self.0.recv()).await.unwrap() {
            LifeEvent::Started {
                instance,
                generation,
            } => format!("{instance} began life {generation}"),
            LifeEvent::Exited {
                instance,
                generation,
                reason,
                ..
            } => format!("{instance} ended life {generation}: {reason}"),
            LifeEvent::Stopped { instance } => format!("{instance} stopped"),
        }
    }

    /// Reads on until that line.
    pub(crate) async fn until(&mut self, line: &str) {
        while self.next().await != line {}
    }
}
