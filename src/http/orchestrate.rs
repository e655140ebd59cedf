use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use serde_json::Value;

use super::respond::{Response, respond_json};
use crate::pipeline::{Answer, ErrorType, OrchestrationRequest, Orchestrator, Problem};

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
        require_json(&request)?;
        let reading = read(&request, payload, config.limits.max_body_bytes);
        let body = tokio::time::timeout(config.request_timeout, reading).await;
        let body = body.unwrap_or_else(|_| Err(incomplete("it did not arrive in time")))?;
        let question = OrchestrationRequest::from_json(&parse(&body)?, config)?;
        let answer = orchestrator.run(id, question, None).await?;
        Ok(response(&answer))
    })
    .await
}

fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    let mime = request.mime_type().ok().flatten();
    let is_json = mime.is_some_and(|mime| {
        let kind = (mime.type_().as_str(), mime.subtype().as_str());
        kind == ("application", "json") || mime.suffix().is_some_and(|suffix| suffix == "json")
    });
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    let detail = if !is_json {
        "send the body as JSON, with the header `Content-Type: application/json`"
    } else if encoding.is_some_and(|encoding| encoding != "identity") {
        "send the body as it is, without a `Content-Encoding`"
    } else {
        return Ok(());
    };
    Err(Problem::new(ErrorType::UnsupportedMediaType, detail))
}

async fn read(request: &HttpRequest, payload: Payload, most: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body may have at most {most} bytes (server.max_body_bytes)");
        Problem::new(ErrorType::PayloadTooLarge, detail)
    };
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let read = payload.to_bytes_limited(most).await;
    let body = read.map_err(|_| too_large())?;
    body.map_err(|_| incomplete("the connection ended early, or its chunks are malformed"))
}

fn incomplete(why: &str) -> Problem {
    let detail = format!("the body could not be read to its end: {why}");
    Problem::new(ErrorType::MalformedJson, detail)
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the body is not JSON: {error}");
        Problem::new(ErrorType::MalformedJson, detail)
    })
}

fn response(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(answer.json().to_owned());
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
