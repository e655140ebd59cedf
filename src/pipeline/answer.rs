use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Arrival;
use super::execute::Step;
use super::record::Ledger;
use crate::routing::{Mode, Routing};
use crate::words::{AgentName, PreviousResult, Reply, RequestId, Turn, milliseconds, seconds};

/// The answer to a request; cheap to clone. It reads as its [`AnswerBody`].
#[derive(Debug, Clone)]
pub struct Answer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    body: AnswerBody,
    /// Made once, for the client and for the store alike.
    json: OnceLock<Box<RawValue>>,
}

impl Answer {
    pub(super) fn new(body: AnswerBody) -> Self {
        let json = OnceLock::new();
        Self {
            inner: Arc::new(Inner { body, json }),
        }
    }

    /// The answer as JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        self.raw().get()
    }

    fn raw(&self) -> &RawValue {
        self.inner.json.get_or_init(|| {
            let json = serde_json::value::to_raw_value(&self.inner.body);
            json.expect("answers have string keys and cannot fail to serialise")
        })
    }
}

impl Deref for Answer {
    type Target = AnswerBody;

    fn deref(&self) -> &AnswerBody {
        &self.inner.body
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw().serialize(serializer)
    }
}

/// The `200` body of `POST /orchestrate`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerBody {
    /// Always true.
    pub success: bool,
    /// The request that it is the answer to.
    pub request_id: RequestId,
    /// What was answered.
    pub result: ResultBody,
    /// How the agents were chosen.
    pub routing: Arc<Routing>,
    /// The agents whose answers are in the result, in order.
    pub agents_used: Vec<AgentName>,
    /// How long it took.
    #[serde(flatten)]
    pub times: Times,
    /// The request's own.
    pub metadata: BTreeMap<String, String>,
}

/// How long a request took, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// The whole time, seconds.
    pub execution_time: f64,
    /// The time it took to choose the agents, milliseconds.
    pub routing_time_ms: f64,
    /// The time it took the agents to answer, milliseconds.
    pub execution_time_ms: f64,
    /// The whole time less the time spent inside agents, milliseconds.
    #[serde(skip)]
    pub overhead_ms: f64,
}

impl Times {
    pub(super) fn taken(arrival: &Arrival, ledger: &Ledger<'_>, inside: Duration) -> Self {
        let (whole, routing) = (arrival.at.elapsed(), ledger.routing_time());
        Self {
            execution_time: seconds(whole),
            routing_time_ms: milliseconds(routing),
            execution_time_ms: milliseconds(whole.saturating_sub(routing)),
            overhead_ms: milliseconds(whole.saturating_sub(inside)),
        }
    }
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
