//! What is kept of a request, read again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{ErrorType, Orchestrator, Problem, RequestStatus};
use crate::store::StateKey;
use crate::words::{AgentName, RequestId};

/// The record of a request, most members as they were written; as JSON, what is shown of it: all but
/// what was asked.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Kept<'a> {
    #[serde(borrow)]
    request_id: &'a RawValue,
    pub status: RequestStatus,
    created_at: &'a RawValue,
    updated_at: &'a RawValue,
    pub instance_id: Uuid,
    pub attempt: u32,
    /// Whether nobody waits for its answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asynchronous: bool,
    /// Why earlier attempts came to nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setbacks: Vec<String>,
    /// How often it was begun, also by those who left it to others in order.
    #[serde(default, skip_serializing)]
    pub epoch: u32,
    #[serde(skip_serializing)]
    pub question: Option<&'a RawValue>,
    pub routing: Option<&'a RawValue>,
    pub response: Option<&'a RawValue>,
    pub problem: Option<&'a RawValue>,
}

/// The part of an answer that its record does not say twice.
#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    routing: &'a RawValue,
}

/// The agents that a request was for.
#[derive(Deserialize)]
struct Chosen {
    primary_agent: AgentName,
    secondary_agents: Vec<AgentName>,
}

impl<'a> Kept<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// An `InternalError` for what is none, as other versions may have left it.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, Problem> {
        let read = || -> serde_json::Result<Self> {
            let mut kept: Self = serde_json::from_slice(record)?;
            if let (None, Some(response)) = (kept.routing, kept.response) {
                let answered: Answered<'a> = serde_json::from_str(response.get())?;
                kept.routing = Some(answered.routing);
            }
            Ok(kept)
        };
        read().map_err(|error| {
            let detail = format!("the state of the request cannot be read: {error}");
            Problem::new(ErrorType::InternalError, detail)
        })
    }

    /// Whether it will stay as it is if the orchestrator that works on it has ended.
    pub(super) fn may_be_interrupted(&self) -> bool {
        !self.asynchronous && !self.status.is_final()
    }

    /// Says that it was interrupted, if it was by the end of its orchestrator.
    pub(super) fn interrupt_unless(&mut self, lives: bool) {
        if self.may_be_interrupted() && !lives {
            self.status = RequestStatus::Interrupted;
        }
    }

    /// Whether the request was for that agent, among others or not.
    pub(super) fn concerns(&self, agent: &AgentName) -> bool {
        let chosen = self
            .routing
            .and_then(|it| serde_json::from_str::<Chosen>(it.get()).ok());
        chosen.is_some_and(|chosen| {
            chosen.primary_agent == *agent || chosen.secondary_agents.contains(agent)
        })
    }
}

impl Orchestrator {
    /// The record of the request of that id, as it was written last.
    ///
    /// # Errors
    /// `RequestNotFound` when nothing is known of it (any more), `StateUnavailable`.
    pub(crate) async fn record(&self, request: &str) -> Result<(RequestId, Bytes), Problem> {
        let unknown = || {
            let detail = format!(
                "there is no request `{request}`; the state of a request is kept for a while"
            );
            Problem::new(ErrorType::RequestNotFound, detail)
        };
        let id = RequestId::parse(request).ok_or_else(unknown)?;
        let read = self.house().journal.read(StateKey::Request(id)).await;
        let record = read.map_err(|error| Problem::no_state(&error))?;
        Ok((id, record.ok_or_else(unknown)?))
    }

    /// What a record says, and whether the request was interrupted.
    ///
    /// # Errors
    /// As [`Kept::read`].
    pub(crate) async fn reading<'a>(&self, record: &'a [u8]) -> Result<Kept<'a>, Problem> {
        let mut kept = Kept::read(record)?;
        if kept.may_be_interrupted() {
            let lives = self.house().peers.lives(kept.instance_id).await;
            kept.interrupt_unless(lives);
        }
        Ok(kept)
    }

    /// Has the request stopped, wherever it is worked on, if it ever is.
    ///
    /// # Errors
    /// `AlreadyFinished`, `RequestNotFound`, and `StateUnavailable` when others cannot be told.
    pub async fn cancel(&self, request: &str) -> Result<(), Problem> {
        let (id, record) = self.record(request).await?;
        let kept = self.reading(&record).await?;
        if kept.status.is_final() {
            let detail = format!("the request `{id}` is finished; nothing is left to cancel");
            return Err(Problem::new(ErrorType::AlreadyFinished, detail).of_request(id));
        }
        let here = self.house().running.stop(id);
        match (kept.asynchronous, here) {
            (true, _) => self.cancel_queued(id, here).await,
            (false, true) => Ok(()),
            (false, false) => self.cancel_elsewhere(id).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(more: &Value) -> Vec<u8> {
        let mut record = json!({
            "request_id": "x", "status": "succeeded", "created_at": "", "updated_at": "",
            "instance_id": Uuid::nil(), "attempt": 1,
        });
        let members = record.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        serde_json::to_vec(&record).unwrap()
    }

    #[test]
    fn what_was_asked_is_not_shown_and_the_routing_is_whether_or_not_it_is_said_once() {
        let routing = json!({"primary_agent": "chat"});
        for more in [
            json!({"question": "hi", "response": {"routing": routing}}),
            json!({"question": "hi", "routing": routing}),
            // As records were before they kept the question.
            json!({"routing": routing, "response": null, "problem": null}),
        ] {
            let record = record(&more);
            let shown = serde_json::to_value(Kept::read(&record).unwrap()).unwrap();
            assert_eq!(shown["routing"], routing);
            assert_eq!(shown.as_object().unwrap().len(), 9, "{shown}");
        }
        assert!(Kept::read(b"{}").is_err());
    }

    #[test]
    fn only_what_somebody_waits_for_is_interrupted_by_the_end_of_its_orchestrator() {
        for (status, asynchronous, after) in [
            ("running", false, RequestStatus::Interrupted),
            ("routing", false, RequestStatus::Interrupted),
            ("running", true, RequestStatus::Running),
            ("succeeded", false, RequestStatus::Succeeded),
            ("cancelled", false, RequestStatus::Cancelled),
        ] {
            let record = record(&json!({"status": status, "asynchronous": asynchronous}));
            let mut kept = Kept::read(&record).unwrap();
            let before = kept.status;
            kept.interrupt_unless(true);
            assert_eq!(kept.status, before);
            kept.interrupt_unless(false);
            assert_eq!(kept.status, after, "{status}");
        }
    }
}
