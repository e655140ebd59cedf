use serde::Serialize;
use serde_json::Value;

use super::{AgentName, Generation, InstanceId, RequestId};

/// What has happened to a request, told to whoever listens to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", content = "data")]
pub enum RequestEvent {
    /// The request was found valid and let in.
    #[serde(rename = "request.accepted")]
    Accepted {
        /// Its id.
        request_id: RequestId,
    },
    /// The router has decided.
    #[serde(rename = "route.decided")]
    Decided {
        /// The agents that will work, in order.
        agents: Vec<AgentName>,
        /// How sure the router is, 0 to 1.
        confidence: f64,
    },
    /// An agent was given the task.
    #[serde(rename = "agent.started")]
    AgentStarted {
        /// Which agent.
        agent: AgentName,
    },
    /// An agent said a part of its answer.
    #[serde(rename = "agent.delta")]
    AgentDelta {
        /// Which agent.
        agent: AgentName,
        /// What it said.
        text: String,
    },
    /// An agent has answered.
    #[serde(rename = "agent.completed")]
    AgentCompleted {
        /// Which agent.
        agent: AgentName,
        /// Its reply, as in `execution_chain`.
        result: Value,
    },
    /// An agent could not answer.
    #[serde(rename = "agent.failed")]
    AgentFailed {
        /// Which agent.
        agent: AgentName,
        /// Why, for people.
        error: String,
    },
}

/// What has happened in the life of an agent's instance.
#[derive(Debug, Clone, PartialEq)]
pub enum LifeEvent {
    /// A life began, and takes work.
    Started {
        /// Which instance.
        instance: InstanceId,
        /// Which of its lives.
        generation: Generation,
    },
    /// A life ended.
    Exited {
        /// Which instance.
        instance: InstanceId,
        /// Which of its lives.
        generation: Generation,
        /// How, for people.
        reason: String,
        /// What its supervisor does about it, for people.
        consequence: String,
    },
    /// The instance will not be started again: it ended too often, or was told to stop.
    Stopped {
        /// Which instance.
        instance: InstanceId,
    },
}
