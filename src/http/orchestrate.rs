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
        Ok(response(&answer))
    })
    .await
}

fn response(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, JSON))
        .body(answer.json().clone());
    let headers = response.headers_mut();
    if let Some(Ok(agent)) = answer
        .agents_used
        .first()
        .map(|name| HeaderValue::from_str(name))
    {
        headers.insert(X_AGENT, agent);
    }
    let strategy = HeaderValue::from_static(answer.routing.strategy.as_str());
    headers.insert(X_STRATEGY, strategy);
    let overhead = HeaderValue::from_str(&answer.overhead_ms.to_string());
    headers.insert(
        X_OVERHEAD_MS,
        overhead.expect("a number is printable ASCII"),
    );
    response
}
