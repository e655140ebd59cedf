use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use serde::Serialize;

use super::body;
use super::once::once;
use super::respond::{Response, respond_json};
use crate::pipeline::{Answer, OrchestrationRequest, Orchestrator, RequestStatus};
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
    respond_json(&request, async |id| {
        let config = &orchestrator.house().config;
        let body = body::json(&request, payload, config).await?;
        let question = OrchestrationRequest::from_json(&body, config)?;
        let work = async {
            if waits(&request) {
                let answer = orchestrator.run(id, question, None).await?;
                Ok(response(answer))
            } else {
                orchestrator.accept_as(id, &question).await?;
                Ok(accepted(id))
            }
        };
        once(&orchestrator, &request, &body, id, work).await
    })
    .await
}

/// Whether the client waits for the answer, rather than look for it later (RFC 7240).
fn waits(request: &HttpRequest) -> bool {
    let said = request.headers().get_all(PREFER);
    let mut preferences = said
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    !preferences.any(|preference| {
        let name = preference.split([';', '=']).next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case(RESPOND_ASYNC)
    })
}

fn accepted(id: RequestId) -> HttpResponse {
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
        .json(Accepted {
            success: true,
            request_id: id,
            status: RequestStatus::Queued,
        })
}

fn response(answer: Answer) -> HttpResponse {
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
