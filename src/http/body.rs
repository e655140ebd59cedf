//! Reading what a client sends, within bounds of size and time.

use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};
use bytes::Bytes;
use serde_json::Value;

use crate::pipeline::{ErrorType, PipelineConfig, Problem};

/// The body as JSON.
pub(super) async fn json(
    request: &HttpRequest,
    payload: Payload,
    config: &PipelineConfig,
) -> Result<Value, Problem> {
    require_json(request)?;
    let reading = read(request, payload, config.limits.max_body_bytes);
    let body = tokio::time::timeout(config.request_timeout, reading).await;
    let body = body.unwrap_or_else(|_| Err(incomplete("it did not arrive in time")))?;
    parse(&body)
}

fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    let detail = if !is_json(request) {
        "send the body as JSON, with the header `Content-Type: application/json`"
    } else if encoding.is_some_and(|encoding| encoding != "identity") {
        "send the body as it is, without a `Content-Encoding`"
    } else {
        return Ok(());
    };
    Err(Problem::new(ErrorType::UnsupportedMediaType, detail))
}

fn is_json(request: &HttpRequest) -> bool {
    // What nearly all clients say need not be taken apart.
    let said = request.headers().get(header::CONTENT_TYPE);
    if said.is_some_and(|said| said == "application/json") {
        return true;
    }
    let mime = request.mime_type().ok().flatten();
    mime.is_some_and(|mime| {
        let kind = (mime.type_().as_str(), mime.subtype().as_str());
        kind == ("application", "json") || mime.suffix().is_some_and(|suffix| suffix == "json")
    })
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
