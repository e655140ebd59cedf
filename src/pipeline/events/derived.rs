//! The events of a request that nobody listened to, as its record tells them.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Numbered;
use crate::pipeline::kept::Kept;
use crate::pipeline::{ErrorType, Problem, RequestStatus};
use crate::words::{AgentName, RequestEvent, RequestId};

/// How the agents were chosen.
#[derive(Deserialize)]
struct Chosen {
    primary_agent: AgentName,
    secondary_agents: Vec<AgentName>,
    confidence: f64,
}

/// What an answer, or a problem, says of the agents' work.
#[derive(Deserialize)]
struct Outcome {
    result: Option<Worked>,
}

#[derive(Deserialize)]
struct Worked {
    execution_chain: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    agent: AgentName,
    success: bool,
    result: Option<Value>,
    error: Option<String>,
}

/// All events but the last, as far as the request has come.
pub(super) fn events(id: RequestId, kept: &Kept<'_>) -> Vec<Numbered> {
    let mut events = vec![RequestEvent::Accepted { request_id: id }];
    let chosen = kept
        .routing
        .and_then(|it| serde_json::from_str::<Chosen>(it.get()).ok());
    events.extend(chosen.map(|chosen| {
        RequestEvent::Decided {
            agents: std::iter::once(chosen.primary_agent)
                .chain(chosen.secondary_agents)
                .collect(),
            confidence: chosen.confidence,
        }
    }));
    let outcome = kept.response.or(kept.problem);
    let outcome = outcome.and_then(|it| serde_json::from_str::<Outcome>(it.get()).ok());
    let worked = outcome.and_then(|outcome| outcome.result);
    for step in worked.map_or_else(Vec::new, |worked| worked.execution_chain) {
        let agent = step.agent.clone();
        events.push(RequestEvent::AgentStarted { agent });
        events.push(if step.success {
            RequestEvent::AgentCompleted {
                agent: step.agent,
                result: step.result.unwrap_or_default(),
            }
        } else {
            RequestEvent::AgentFailed {
                agent: step.agent,
                error: step.error.unwrap_or_default(),
            }
        });
    }
    let numbered = (1..).zip(&events);
    numbered
        .map(|(number, event)| Numbered::new(number, event))
        .collect()
}

/// The last event of a request that is finished.
pub(super) fn last(number: u64, id: RequestId, kept: &Kept<'_>) -> Numbered {
    let bytes = |json: &RawValue| Bytes::copy_from_slice(json.get().as_bytes());
    if let Some(response) = kept.response {
        return Numbered::completed(number, bytes(response));
    }
    if let Some(problem) = kept.problem {
        let name = "request.failed".to_owned();
        let data = bytes(problem);
        return Numbered { number, name, data };
    }
    let problem = match kept.status {
        RequestStatus::Interrupted => {
            let detail = format!(
                "the orchestrator {} ended while it worked on it",
                kept.instance_id
            );
            Problem::new(ErrorType::Interrupted, detail)
        }
        _ => Problem::cancelled(),
    };
    Numbered::failed(number, &problem.of_request(id))
}
