use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{AgentName, BreakerState, ExitReason, Generation, InstanceId, RequestId};

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

/// What has happened in the lives of the agents, as their supervisors and breakers tell it.
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
        /// How.
        reason: ExitReason,
        /// What its supervisor does about it.
        consequence: Consequence,
    },
    /// The instance has no life and gets none by itself, unless its last
    /// [consequence](Consequence) says so: its queue was answered.
    Stopped {
        /// Which instance.
        instance: InstanceId,
    },
    /// A supervisor could not keep its agents alive and has handed the matter to its parent; all
    /// its agents were ended.
    Escalated {
        /// Which supervisor: the name of its group, or of its only agent.
        supervisor: Arc<str>,
    },
    /// The circuit breaker before an instance has changed its state.
    BreakerChanged {
        /// Which instance.
        instance: InstanceId,
        /// The state that it is in from now on.
        state: BreakerState,
        /// Why, for people.
        cause: Arc<str>,
    },
    /// An agent's blocked thread was replaced. It cannot be ended from outside and is lost until
    /// it comes free by itself.
    ThreadLeaked {
        /// Threads that are lost at this moment.
        leaked: usize,
    },
    /// A blocked thread came free and ends.
    ThreadRecovered {
        /// Threads that are lost at this moment.
        leaked: usize,
    },
}

/// In a line: `a/0 began life 2`.
impl fmt::Display for LifeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started {
                instance,
                generation,
            } => write!(f, "{instance} began life {generation}"),
            Self::Exited {
                instance,
                generation,
                reason,
                ..
            } => write!(f, "{instance} ended life {generation}: {reason}"),
            Self::Stopped { instance } => write!(f, "{instance} stopped"),
            Self::Escalated { supervisor } => write!(f, "the supervisor of {supervisor} ended"),
            Self::BreakerChanged {
                instance,
                state,
                cause,
            } => write!(f, "the breaker of {instance} is {state}: {cause}"),
            Self::ThreadLeaked { leaked } => write!(f, "a thread was lost, {leaked} in all"),
            Self::ThreadRecovered { leaked } => write!(f, "a thread came free, {leaked} are lost"),
        }
    }
}

/// What a supervisor does about the end of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// A new life follows after this pause.
    Restart {
        /// The pause.
        after: Duration,
    },
    /// None follows, as the restart policy says or because all is to end.
    Leave,
    /// It ended too often and is given up, to be tried again after this pause.
    GiveUp {
        /// The pause.
        cool_down: Duration,
    },
    /// It blocked one thread too many and is not started again until an operator says so.
    Ban,
    /// It ended too often, and its supervisor with it.
    Escalate,
}

impl Consequence {
    /// A new life follows without a pause.
    pub const AT_ONCE: Self = Self::Restart {
        after: Duration::ZERO,
    };
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart { after } if after.is_zero() => f.write_str("restarting at once"),
            Self::Restart { after } => write!(f, "restarting in {} ms", after.as_millis()),
            Self::Leave => f.write_str("left stopped"),
            Self::GiveUp { cool_down } => write!(
                f,
                "given up after too many restarts, to be tried again in {} ms",
                cool_down.as_millis()
            ),
            Self::Ban => f.write_str("stopped: too many threads are lost to it"),
            Self::Escalate => f.write_str("too many restarts: its supervisor ends"),
        }
    }
}
