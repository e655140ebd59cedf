//! What is kept of a request, read again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ErrorType, Orchestrator, Problem};
use crate::store::StateKey;
use crate::words::RequestId;

/// The record of a request, each member as it was written; as JSON, what is shown of it: all but what
/// was asked.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Kept<'a> {
    #[serde(borrow)]
    request_id: &'a RawValue,
    status: &'a RawValue,
    created_at: &'a RawValue,
    updated_at: &'a RawValue,
    instance_id: &'a RawValue,
    attempt: &'a RawValue,
    #[serde(skip_serializing)]
    pub question: Option<&'a RawValue>,
    pub routing: Option<&'a RawValue>,
    response: Option<&'a RawValue>,
    problem: Option<&'a RawValue>,
}

/// The part of an answer that its record does not say twice.
#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    routing: &'a RawValue,
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
}

impl Orchestrator {
    /// The record of the request of that id.
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
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_was_asked_is_not_shown_and_the_routing_is_whether_or_not_it_is_said_once() {
        let record = |more: Value| {
            let mut record = json!({
                "request_id": "x", "status": "succeeded", "created_at": "", "updated_at": "",
                "instance_id": "y", "attempt": 1,
            });
            let members = record.as_object_mut().unwrap();
            members.extend(more.as_object().unwrap().clone());
            serde_json::to_vec(&record).unwrap()
        };
        let routing = json!({"primary_agent": "chat"});
        for more in [
            json!({"question": "hi", "response": {"routing": routing}}),
            json!({"question": "hi", "routing": routing}),
            // As records were before they kept the question.
            json!({"routing": routing, "response": null, "problem": null}),
        ] {
            let record = record(more);
            let shown = serde_json::to_value(Kept::read(&record).unwrap()).unwrap();
            assert_eq!(shown["routing"], routing);
            assert_eq!(shown.as_object().unwrap().len(), 9, "{shown}");
        }
        assert!(Kept::read(b"{}").is_err());
    }
}
