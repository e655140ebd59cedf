//! The one way to answer: whatever a handler does, its client gets the contract's headers, and
//! a problem document where there is no answer. Also when the handler panics.

use std::panic::AssertUnwindSafe;

use actix_web::http::header::{self, Accept, Header, HeaderName, HeaderValue, Quality};
use actix_web::{HttpRequest, HttpResponse, Responder};
use futures::FutureExt;
use serde::Serialize;

use super::problem;
use crate::pipeline::{ErrorType, Problem};
use crate::words::RequestId;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer that can be sent.
pub(super) struct Response(HttpResponse);

/// Does the work for a request under a new id, and answers with what comes of it.
pub(super) async fn respond<F>(request: &HttpRequest, work: F) -> Response
where
    F: AsyncFnOnce(RequestId) -> Result<HttpResponse, Problem>,
{
    let id = RequestId::new();
    // In a box, since all that is wrapped around it moves it, and it is large.
    let worked = AssertUnwindSafe(Box::pin(work(id))).catch_unwind().await;
    let result = worked.unwrap_or_else(|_| {
        log::error!("request {id}: the handler of {} panicked", request.path());
        let detail = "this is a bug; the log of the orchestrator has more under the request's id";
        Err(Problem::new(ErrorType::InternalError, detail))
    });
    let mut response = result.unwrap_or_else(|it| problem::response(it.of_request(id)));
    let given = given_id(request);
    if let Some(given) = &given {
        log::debug!("request {id} is {given:?} to its client");
    }
    let headers = response.headers_mut();
    // An answer that was given before says of which request it is.
    if given.is_some() || !headers.contains_key(X_REQUEST_ID) {
        let shown = given.unwrap_or_else(|| {
            HeaderValue::from_str(&id.to_string()).expect("a UUID is printable ASCII")
        });
        headers.insert(X_REQUEST_ID, shown);
    }
    Response(response)
}

/// The same for endpoints that answer JSON: clients that cannot read it are told so.
pub(super) async fn respond_json<F>(request: &HttpRequest, work: F) -> Response
where
    F: AsyncFnOnce(RequestId) -> Result<HttpResponse, Problem>,
{
    respond(request, async |id| {
        if reads_json(request) {
            work(id).await
        } else {
            let detail = "this endpoint answers application/json; accept that or */*";
            Err(Problem::new(ErrorType::NotAcceptable, detail))
        }
    })
    .await
}

/// `200` with that body.
#[allow(clippy::unnecessary_wraps)] // it is what handlers end with
pub(super) fn ok(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(body))
}

impl Response {
    /// Says which methods are allowed.
    pub(super) fn allowing(mut self, methods: &str) -> Self {
        let methods = HeaderValue::from_str(methods).expect("names of methods are ASCII");
        self.0.headers_mut().insert(header::ALLOW, methods);
        self
    }
}

impl Responder for Response {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

/// The client's own id for the request, if it is fit to be echoed.
fn given_id(request: &HttpRequest) -> Option<HeaderValue> {
    let given = request.headers().get(X_REQUEST_ID)?;
    let fits = |byte: &u8| (b' '..=b'~').contains(byte);
    let bytes = given.as_bytes();
    ((1..=128).contains(&bytes.len()) && bytes.iter().all(fits)).then(|| given.clone())
}

fn reads_json(request: &HttpRequest) -> bool {
    if !request.headers().contains_key(header::ACCEPT) {
        return true;
    }
    let Ok(Accept(accepted)) = Accept::parse(request) else {
        return false;
    };
    accepted.is_empty()
        || accepted.iter().any(|range| {
            let wanted = (range.item.type_().as_str(), range.item.subtype().as_str());
            let json = matches!(wanted, ("*" | "application", "*") | ("application", "json"));
            json && range.quality > Quality::ZERO
        })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn a_handler_that_panics_is_answered_without_its_secrets() {
        let request = TestRequest::default().to_http_request();
        let Response(response) = respond(&request, async |_| panic!("the password is x")).await;
        assert_eq!(response.status(), 500);
        let body = actix_web::body::to_bytes(response.into_body()).await;
        let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
        assert!(body.contains(r#""error_type":"InternalError""#), "{body}");
        assert!(!body.contains("password"), "{body}");
    }

    #[test]
    fn only_ids_of_printable_ascii_are_echoed() {
        let echoed = |id: &[u8]| {
            let id = HeaderValue::from_bytes(id).unwrap();
            let request = TestRequest::default().insert_header((X_REQUEST_ID, id));
            given_id(&request.to_http_request()).is_some()
        };
        assert!(echoed(b"abc-123"));
        assert!(!echoed(b""));
        assert!(!echoed("ü".as_bytes()));
        assert!(!echoed(&[b'a'; 129]));
    }

    #[test]
    fn clients_that_cannot_read_json_are_recognised() {
        let reads = |accept: &str| {
            let request = TestRequest::default().insert_header((header::ACCEPT, accept));
            reads_json(&request.to_http_request())
        };
        for accept in [
            "*/*",
            "application/*",
            "application/json",
            "text/html, */*;q=0.1",
        ] {
            assert!(reads(accept), "{accept}");
        }
        for accept in ["text/html", "application/json;q=0", "image/png, text/*"] {
            assert!(!reads(accept), "{accept}");
        }
    }
}
