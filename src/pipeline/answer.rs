use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::execute::Step;
use crate::routing::{Mode, Routing};
use crate::words::{AgentName, PreviousResult, Reply, RequestId, SessionId, Turn};

/// The answer to a request; cheap to clone. It reads as its [`AnswerBody`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    body: Arc<AnswerBody>,
    json: Bytes,
}

impl Answer {
    /// An answer whose JSON there is already.
    pub(super) fn new(body: AnswerBody, json: Bytes) -> Self {
        let body = Arc::new(body);
        Self { body, json }
    }

    /// The answer as JSON; made once, for the client and for the store alike.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The same, where nothing else of it is needed any more.
    #[must_use]
    pub fn into_json(self) -> Bytes {
        self.json
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.serialize(serializer)
    }
}

impl Deref for Answer {
    type Target = AnswerBody;

    fn deref(&self) -> &AnswerBody {
        &self.body
    }
}

/// The `200` body of `POST /orchestrate`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerBody {
    /// Always true.
    pub success: bool,
    /// The request that it is the answer to.
    pub request_id: RequestId,
    /// The conversation that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// What was answered.
    pub result: ResultBody,
    /// How the agents were chosen.
    pub routing: Arc<Routing>,
    /// The agents whose answers are in the result, in order.
    pub agents_used: Vec<AgentName>,
    /// The whole time, seconds.
    pub execution_time: f64,
    /// The time it took to choose the agents, milliseconds.
    pub routing_time_ms: f64,
    /// The time it took the agents to answer, milliseconds.
    pub execution_time_ms: f64,
    /// The whole time less the time spent inside agents, milliseconds.
    #[serde(skip)]
    pub overhead_ms: f64,
    /// The request's own.
    pub metadata: BTreeMap<String, String>,
}

/// What came of a run, also of one that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultBody {
    /// The answer in words; empty when there is none.
    pub content: String,
    /// How the agents worked together.
    pub mode: Mode,
    /// What each agent did, in order.
    pub execution_chain: Vec<Step>,
    /// The agents that could not answer.
    pub failed_agents: Vec<AgentName>,
    /// The share of agents that answered, of those that were let finish.
    pub success_rate: f64,
    /// Sequential: the request as the last agent left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_result: Option<FinalResult>,
    /// Parallel: all answers in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregated_result: Option<Reply>,
    /// Parallel: each agent's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub individual_results: Option<BTreeMap<AgentName, Branch>>,
}

/// A request with the results of all agents of a sequence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FinalResult {
    /// What the user asked.
    pub content: String,
    /// Facts for the agents.
    pub context: Map<String, Value>,
    /// Earlier turns.
    pub history: Vec<Turn>,
    /// Who asked.
    pub user_context: Map<String, Value>,
    /// What each agent answered, in order.
    pub previous_results: Vec<PreviousResult>,
}

/// One agent's part in a parallel run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Branch {
    /// Whether it answered.
    pub success: bool,
    /// Its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Reply>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its name.
    pub agent: AgentName,
}
