//! Requests with an `Idempotency-Key`.

use actix_web::body::{self, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::orchestrate;
use super::problem;
use super::respond::X_REQUEST_ID;
use crate::pipeline::{Answer, Begun, Known, Once, Orchestrator, Problem};
use crate::words::RequestId;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is to be done with a request.
pub(super) enum Turn {
    /// To be done, and then to be told how it was answered.
    Work(Answering),
    /// To be answered as it was before.
    Repeat(Known),
}

/// Where an answer is to be told, once there is one.
pub(super) struct Answering {
    id: RequestId,
    /// The right to do the request of a key, if it has one.
    once: Option<Once>,
}

impl Answering {
    /// Looks under the key of the request, if it has one; `waits`, if somebody waits for the answer.
    pub(super) async fn begin(
        orchestrator: &Orchestrator,
        request: &HttpRequest,
        body: &Value,
        id: RequestId,
        waits: bool,
    ) -> Result<Turn, Problem> {
        let Some(key) = request.headers().get(IDEMPOTENCY_KEY) else {
            return Ok(Turn::Work(Self { id, once: None }));
        };
        // What is no text is refused as a key.
        let key = key.to_str().unwrap_or_default();
        Ok(match orchestrator.begin_once(key, body, id, waits).await? {
            Begun::Again(known) => Turn::Repeat(known),
            Begun::First(once) => Turn::Work(Self {
                id,
                once: Some(once),
            }),
        })
    }

    /// The id under which the request may have been accepted before, without its sender being told.
    pub(super) fn begun_before(&self) -> Option<RequestId> {
        let begun = self.once.as_ref().map(Once::request_id);
        begun.filter(|id| *id != self.id)
    }

    /// Keeps the answer, if it is to be kept, and passes it on.
    pub(super) async fn respond(
        self,
        answer: Result<HttpResponse, Problem>,
    ) -> Result<HttpResponse, Problem> {
        let Some(once) = self.once else {
            return answer;
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) if is_kept(&problem) => problem::response(problem.of_request(self.id)),
            Err(problem) => return Err(problem),
        };
        let (answer, known) = copied(answer, once.request_id()).await;
        once.answered(known).await;
        Ok(answer)
    }

    /// Keeps what was answered otherwise, if it is to be kept.
    pub(super) async fn answered(self, outcome: Result<Answer, Problem>) {
        if self.once.is_some() {
            // Whoever asked has been answered.
            let _ = self.respond(outcome.map(orchestrate::response)).await;
        }
    }
}

/// Whether a problem is an answer: agents have worked on the request, and it would not help to have them
/// do so again.
fn is_kept(problem: &Problem) -> bool {
    !problem.is_retryable() && problem.error_type().status() >= 500
}

/// The answer, and what is kept of it.
async fn copied(answer: HttpResponse, id: RequestId) -> (HttpResponse, Known) {
    let (head, body) = answer.into_parts();
    let body = body::to_bytes(body).await.unwrap_or_default();
    let of_its_own = |name: &HeaderName| {
        *name == header::CONTENT_TYPE
            || *name == header::LOCATION
            || name.as_str().starts_with("x-orchestrator-")
            || name.as_str().starts_with("preference-")
    };
    let headers = head.headers().iter().filter(|(name, _)| of_its_own(name));
    let headers = headers.filter_map(|(name, value)| {
        let value = value.to_str().ok()?.to_owned();
        Some((name.to_string(), value))
    });
    let id = (X_REQUEST_ID.to_string(), id.to_string());
    let known = Known {
        status: head.status().as_u16(),
        headers: headers.chain([id]).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    (head.set_body(body.boxed()), known)
}

/// The answer as it was sent before.
pub(super) fn replayed(known: Known) -> HttpResponse {
    let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
    let mut answer = HttpResponse::build(status);
    for (name, value) in known.headers {
        answer.insert_header((name, value));
    }
    mark(answer.body(known.body))
}

/// Says that it was sent before.
pub(super) fn mark(mut answer: HttpResponse) -> HttpResponse {
    let replayed = HeaderValue::from_static("true");
    answer.headers_mut().insert(IDEMPOTENT_REPLAYED, replayed);
    answer
}
