use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use serde::Serialize;

use super::once::{self, Answering, Turn};
use super::respond::{Response, X_REQUEST_ID, respond, respond_json};
use super::{body, events};
use crate::pipeline::{Answer, OrchestrationRequest, Orchestrator, Problem, RequestStatus};
use crate::words::RequestId;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";
const X_AGENT: HeaderName = HeaderName::from_static("x-orchestrator-agent");
const X_STRATEGY: HeaderName = HeaderName::from_static("x-orchestrator-strategy");
const X_OVERHEAD_MS: HeaderName = HeaderName::from_static("x-orchestrator-overhead-ms");

/// `POST /orchestrate`
pub(super) async fn orchestrate(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    payload: Payload,
) -> Response {
    let waits = is_waited_for(&request);
    let aloud = waits && events::are_wanted(&request);
    let work = async |id| {
        let config = &orchestrator.house().config;
        let body = body::json(&request, payload, config).await?;
        let question = OrchestrationRequest::from_json(&body, config)?;
        let answering = match Answering::begin(&orchestrator, &request, &body, id, waits).await? {
            Turn::Work(answering) => answering,
            Turn::Repeat(known) if aloud => return Ok(once::mark(events::only(&known.event()))),
            Turn::Repeat(known) => return Ok(once::replayed(known)),
        };
        if aloud {
            let response = events::answering(&orchestrator, id, question, answering);
            return Ok(response);
        }
        let answer = if waits {
            let answered = orchestrator.run(id, question, None).await;
            answered.map(response)
        } else {
            accept(&orchestrator, answering.begun_before(), id, &question).await
        };
        answering.respond(answer).await
    };
    if aloud {
        respond(&request, work).await
    } else {
        respond_json(&request, work).await
    }
}

async fn accept(
    orchestrator: &Orchestrator,
    begun_before: Option<RequestId>,
    id: RequestId,
    request: &OrchestrationRequest,
) -> Result<HttpResponse, Problem> {
    let was_begun = match begun_before {
        Some(before) => orchestrator.was_begun(before).await?,
        None => false,
    };
    let id = begun_before.unwrap_or(id);
    if !was_begun {
        orchestrator.accept_as(id, request).await?;
    }
    Ok(accepted_as(id))
}

/// Whether the client waits for the answer, rather than look for it later (RFC 7240).
fn is_waited_for(request: &HttpRequest) -> bool {
    let said = request.headers().get_all(PREFER);
    let mut preferences = said
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    !preferences.any(|preference| {
        let name = preference.split([';', '=']).next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case(RESPOND_ASYNC)
    })
}

fn accepted_as(id: RequestId) -> HttpResponse {
    /// The `202` body of `POST /orchestrate`.
    #[derive(Serialize)]
    struct Accepted {
        success: bool,
        request_id: RequestId,
        status: RequestStatus,
    }
    HttpResponse::Accepted()
        .insert_header((header::LOCATION, format!("/requests/{id}")))
        .insert_header((PREFERENCE_APPLIED, RESPOND_ASYNC))
        .insert_header((X_REQUEST_ID, id.to_string()))
        .json(Accepted {
            success: true,
            request_id: id,
            status: RequestStatus::Queued,
        })
}

pub(super) fn response(answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, JSON));
    let first = answer.agents_used.first();
    if let Some(Ok(agent)) = first.map(|name| HeaderValue::from_str(name)) {
        response.insert_header((X_AGENT, agent));
    }
    let strategy = HeaderValue::from_static(answer.routing.strategy.as_str());
    response.insert_header((X_STRATEGY, strategy));
    response.insert_header((X_OVERHEAD_MS, answer.overhead_ms.to_string()));
    response.body(answer.into_json())
}
