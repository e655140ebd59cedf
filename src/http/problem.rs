use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};

use crate::pipeline::{ErrorType, Problem};

/// The problem as a response.
pub(super) fn response(problem: Problem) -> HttpResponse {
    let status = StatusCode::from_u16(problem.error_type().status())
        .expect("every error type has a status of HTTP");
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = problem.retry_after_seconds() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    if problem.error_type() == ErrorType::ShuttingDown {
        response.force_close();
    }
    let mut response = response.json(problem);
    let media_type = HeaderValue::from_static("application/problem+json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}
