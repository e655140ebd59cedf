//! Requests with an `Idempotency-Key`.

use actix_web::body::{self, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::problem;
use super::respond::X_REQUEST_ID;
use crate::pipeline::{Begun, Known, Orchestrator, Problem};
use crate::words::RequestId;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Does the work once under the key of the request, if it has one; otherwise as often as it is sent.
pub(super) async fn once(
    orchestrator: &Orchestrator,
    request: &HttpRequest,
    body: &Value,
    id: RequestId,
    work: impl Future<Output = Result<HttpResponse, Problem>>,
) -> Result<HttpResponse, Problem> {
    let Some(key) = request.headers().get(IDEMPOTENCY_KEY) else {
        return work.await;
    };
    // What is no text is refused as a key.
    let key = key.to_str().unwrap_or_default();
    match orchestrator.begin_once(key, body).await? {
        Begun::Again(known) => Ok(replayed(known)),
        Begun::First(once) => {
            let answer = match work.await {
                Ok(answer) => answer,
                Err(problem) if is_kept(&problem) => problem::response(problem.of_request(id)),
                Err(problem) => return Err(problem),
            };
            let (answer, known) = copied(answer, id).await;
            once.answered(known).await;
            Ok(answer)
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

fn replayed(known: Known) -> HttpResponse {
    let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
    let mut answer = HttpResponse::build(status);
    for (name, value) in known.headers {
        answer.insert_header((name, value));
    }
    let replayed = HeaderValue::from_static("true");
    answer.insert_header((IDEMPOTENT_REPLAYED, replayed));
    answer.body(known.body)
}
