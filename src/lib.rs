//! One binary that takes a user's question, finds the right AI agents, and gets one good answer
//! out of them, while agents crash, hang and overload around it.
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
pub mod mailbox;
pub mod pipeline;
pub mod routing;
pub mod settings;
pub mod store;
pub mod supervision;
pub mod telemetry;
pub mod words;

pub use app::{App, StartError};
pub use judgement::{RestartConfig, RestartPolicy};
pub use pipeline::{Answer, OrchestrationRequest, Orchestrator, Problem};
pub use settings::Settings;
pub use supervision::{AgentSpec, OnFailure};
pub use words::{
    Agent, AgentCard, AgentContext, AgentError, AgentErrorKind, Ask, Keyword, Listener, Reply,
    RequestEvent, RequestId, Role, Task, Turn,
};

/// What a program with an agent of its own needs: `use agent_orchestrator::prelude::*;`
pub mod prelude {
    pub use crate::{
        Agent, AgentContext, AgentError, AgentSpec, App, OrchestrationRequest, Reply,
        RestartPolicy, Task,
    };
}
