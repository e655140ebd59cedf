//! One binary that takes a user's question, finds the right AI agents, and gets one good answer
//! out of them, while agents crash, hang and overload around it, and nobody notices.
//!
//! This is its library: to write agents for it, to run it inside a program of one's own, or to
//! mount it in an actix-web application.
//!
//! ```no_run
//! use agent_orchestrator::prelude::*;
//!
//! struct Weather;
//!
//! impl Agent for Weather {
//!     async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
//!         cx.emit("looking outside… ");
//!         Ok(Reply::text(format!("sunny in {}", task.content)))
//!     }
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let weather = AgentSpec::new("weather", || Weather).keywords(["weather", "forecast"]);
//!     App::from_config("config")?.agent(weather).run().await?;
//!     Ok(())
//! }
//! ```
//!
//! # A tour
//!
//! A request goes one way through the house, and each stage hands one thing to the next:
//!
//! ```text
//! HTTP -> validate -> route -> select -> execute -> aggregate -> respond
//! body    Task        Plan     Lease     Step       ResultBody   Answer | Problem
//! ```
//!
//! The rooms lie on floors, and a room knows only those below it:
//!
//! - [`words`]: [`Task`], [`Reply`], [`AgentError`], and the trait [`Agent`].
//! - [`judgement`]: pure decisions about [breakers](judgement::Breaker),
//!   [restarts](judgement::SupervisorConfig), [load](judgement::Load) and
//!   [outcomes](judgement::Outcome). Time is an argument there.
//! - [`store`]: where the state is kept, and the [write-behind](store::Journal) before it.
//! - [`llm`]: language models, wherever they are.
//! - [`mailbox`]: an instance's queue, which outlives every actor that serves it.
//! - [`supervision`]: the actors that agents live in, and those that keep them alive;
//!   [`AgentSpec`] says how.
//! - [`balancing`]: which instance of an agent; [`routing`]: which agents; [`telemetry`]: how it
//!   all goes.
//! - [`pipeline`]: a request's way from beginning to end, [`Orchestrator::orchestrate`].
//! - [`http`]: the endpoints, to be [mounted](http::routes) anywhere.
//! - [`app`] and [`settings`]: the wiring, and the files that it follows.
//! - [`agents`]: those that come with it.
//! - [`testkit`]: agents that go wrong as planned, a virtual clock, and what to wait for in tests.
//!
//! # Threads
//!
//! HTTP workers validate, route, choose and wait. Agents live on threads of their own. Everything
//! that owns a queue or a life (supervisors, router, balancer, metrics, health) is an actor on
//! one more thread that no agent can block, and publishes what others need to read. A request
//! therefore crosses threads once to its agent and once back.
#![forbid(unsafe_code)]

#[cfg(panic = "abort")]
compile_error!(
    "agents are restarted when they panic, which panic = \"abort\" makes impossible: \
     remove it from the profile"
);

pub mod agents;
pub mod app;
pub mod balancing;
pub mod http;
pub mod judgement;
pub mod llm;
pub mod mailbox;
pub mod pipeline;
pub mod routing;
pub mod settings;
pub mod store;
pub mod supervision;
pub mod telemetry;
pub mod testkit;
pub mod words;

pub use app::{App, StartError};
pub use judgement::{OnGiveUp, RestartPolicy, RestartStrategy, SupervisorConfig};
pub use pipeline::{Answer, OrchestrationRequest, Orchestrator, Problem};
pub use settings::Settings;
pub use supervision::{AgentSpec, JobTimeout, OnFailure};
pub use words::{
    Agent, AgentCard, AgentContext, AgentError, AgentErrorKind, Ask, Keyword, LifeContext,
    Listener, Reply, RequestEvent, RequestId, Role, Sign, Task, Turn,
};

/// What a program with an agent of its own needs: `use agent_orchestrator::prelude::*;`
pub mod prelude {
    pub use crate::{
        Agent, AgentContext, AgentError, AgentSpec, App, LifeContext, OrchestrationRequest, Reply,
        RestartPolicy, Task,
    };
}
