//! What it takes to test agents, and those who keep them alive: the project's own tests are its
//! first user.
//!
//! A [`Stage`] makes agents that do what a test says, go wrong as it [plans](FaultPlan), and write
//! down what they did. A [`VirtualClock`] lets hours of back-off pass at once. A [`Chronicle`]
//! waits for what happens in the lives of the agents, so that no test has to sleep.
//!
//! ```
//! use agent_orchestrator::testkit::{Chronicle, LifeFault, Stage};
//! use agent_orchestrator::words::LifeEvent;
//! use agent_orchestrator::{App, OrchestrationRequest};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # actix_web::rt::System::new().block_on(async {
//! // The first two lives end before they begin.
//! let stage = Stage::new();
//! stage.plan().lives([LifeFault::FactoryPanics, LifeFault::StartFails]);
//! let orchestrator = App::new().agent(stage.agent("chat_agent")).start().await?;
//! let mut chronicle = Chronicle::of(orchestrator.registry().events());
//! let started = chronicle.wait_for(|event| matches!(event, LifeEvent::Started { .. })).await;
//!
//! // And yet, whoever asks is answered.
//! let answer = orchestrator.orchestrate(OrchestrationRequest::new("hello")).await?;
//! assert_eq!(answer.result.content, "hello");
//! assert_eq!(stage.lives(), 3);
//! orchestrator.shutdown().await;
//! # Ok(()) })
//! # }
//! ```

mod chronicle;
mod clock;
mod plan;
mod scripted;
mod stage;

use std::time::Duration;

pub use chronicle::Chronicle;
pub use clock::VirtualClock;
pub use plan::{Fault, FaultPlan, LifeFault};
pub use scripted::ScriptedAgent;
pub use stage::Stage;

/// How long anything is waited for before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the condition holds.
///
/// # Panics
/// After [`PATIENCE`], saying what was waited for.
pub async fn until<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}
