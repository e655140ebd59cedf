use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body;
use super::respond::{Response, respond_json};
use crate::pipeline::{Answer, OrchestrationRequest, Orchestrator};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
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
        let answer = orchestrator.run(id, question, None).await?;
        Ok(response(answer))
    })
    .await
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
