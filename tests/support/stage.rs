//! Short words to start agents, to ask them, and to see how they are.

use std::sync::Arc;

use agent_orchestrator::mailbox::Mailbox;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::testkit::PATIENCE;
use agent_orchestrator::words::AgentName;
use agent_orchestrator::{Answer, Orchestrator, Problem};

pub(crate) use agent_orchestrator::testkit::{Chronicle, Stage};

use super::server::until;

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

/// What happens in the lives of the agents of that orchestrator from now on.
pub(crate) fn chronicle(orchestrator: &Orchestrator) -> Chronicle {
    Chronicle::of(orchestrator.registry().events())
}
