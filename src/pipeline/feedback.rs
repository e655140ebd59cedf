//! What users say of answers, and what the router learns of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::{ErrorType, Orchestrator, Problem};
use crate::routing::{Decided, Inspect, Learn, ModelReport, RollBack};
use crate::store::StateKey;
use crate::words::{AgentName, RequestId};

/// From this satisfaction on, the agent that was asked counts as confirmed.
const SATISFIED: f64 = 0.8;
/// How much a confirmation counts against a correction.
const CONFIRMATION: f32 = 0.5;

/// What a user said of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    /// How satisfied the user was, 0 to 1.
    pub user_satisfaction: f64,
    /// Who should have been asked, if somebody else.
    pub correct_agent: Option<AgentName>,
}

/// Feedback as it is stored.
#[derive(Serialize)]
struct Entry<'a> {
    request_id: RequestId,
    at: Timestamp,
    #[serde(flatten)]
    feedback: &'a Feedback,
}

/// What the record of a request says of how it was routed.
#[derive(Debug, Deserialize)]
struct Routed {
    strategy: String,
    primary_agent: AgentName,
    secondary_agents: Vec<AgentName>,
}

impl Orchestrator {
    /// Notes what a user said of the answer to a request. The router learns of it soon after, if a model
    /// with it proves to be no worse.
    ///
    /// # Errors
    /// `RequestNotFound` when nothing is known of the request (any more), `AgentNotFound` when there is
    /// no such agent, `ValidationError`, `StateUnavailable`.
    pub async fn learn(&self, request: &str, feedback: Feedback) -> Result<(), Problem> {
        let (id, record) = self.record(request).await?;
        let house = self.house();
        if let Some(agent) = &feedback.correct_agent {
            self.agent(agent)?;
        }
        let entry = Entry {
            request_id: id,
            at: Timestamp::now(),
            feedback: &feedback,
        };
        house
            .journal
            .put(StateKey::Feedback(id), &entry, house.config.request_ttl);
        house
            .metrics
            .observe_satisfaction(feedback.user_satisfaction);
        if let Some((text, routed)) = asked(&record)
            && let Some((agent, weight)) = routed.lesson(feedback)
        {
            let learn = Learn {
                request: id,
                text,
                agent,
                weight,
            };
            // It ends with everything else, and then nobody is routed any more.
            let _ = house.router.send(learn).await;
        }
        Ok(())
    }

    /// The model that requests are routed by, and those before it.
    ///
    /// # Errors
    /// `ShuttingDown` at the end.
    pub async fn routing_model(&self) -> Result<ModelReport, Problem> {
        let report = self.house().router.send(Inspect).await;
        report.map_err(|_ended| Problem::shutting_down())
    }

    /// Goes back to the model before the last corrections by users, and tells of it.
    ///
    /// # Errors
    /// `NoPreviousModel`; `ShuttingDown` at the end.
    pub async fn roll_back_routing(&self) -> Result<ModelReport, Problem> {
        let done = self.house().router.send(RollBack).await;
        let done = done.map_err(|_ended| Problem::shutting_down())?;
        done.map_err(|none| Problem::new(ErrorType::NoPreviousModel, none.to_string()))?;
        self.routing_model().await
    }
}

/// What was asked, and how it was routed.
fn asked(record: &[u8]) -> Option<(String, Routed)> {
    let kept = Kept::read(record).ok()?;
    let question = serde_json::from_str(kept.question?.get()).ok()?;
    let routed = serde_json::from_str(kept.routing?.get()).ok()?;
    Some((question, routed))
}

impl Routed {
    /// The agent that is right for it, as far as the feedback says, and how much that counts. Nothing is
    /// learned of what was not routed.
    fn lesson(self, feedback: Feedback) -> Option<(AgentName, f32)> {
        let Self {
            strategy,
            primary_agent,
            secondary_agents,
        } = self;
        if strategy == Decided::Explicit.as_str() {
            return None;
        }
        match feedback.correct_agent {
            Some(correct) => Some((correct, 1.0)),
            // Of several agents it is not known who was right.
            None if !secondary_agents.is_empty() => None,
            None => {
                (feedback.user_satisfaction >= SATISFIED).then_some((primary_agent, CONFIRMATION))
            }
        }
    }
}
