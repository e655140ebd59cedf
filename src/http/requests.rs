//! What became of requests, and how to stop them.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::query::{self, Parameters};
use super::respond::{Response, ok, respond_json};
use crate::pipeline::{DeadLetter, Orchestrator, Page, RequestStatus, Wanted};
use crate::words::RequestId;

/// What has been set going.
#[derive(Serialize)]
struct Accepted<'a> {
    success: bool,
    request_id: &'a str,
    action: &'static str,
}

/// `GET /requests/{id}`
pub(super) async fn show(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        let (_, record) = orchestrator.record(&id).await?;
        ok(&orchestrator.reading(&record).await?)
    })
    .await
}

/// `GET /requests?status=&agent=&limit=&cursor=`
pub(super) async fn list(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    query: Query<Parameters>,
) -> Response {
    /// A page of requests.
    #[derive(Serialize)]
    struct Requests<T> {
        requests: Vec<T>,
        next_cursor: Option<RequestId>,
    }
    respond_json(&request, async |_| {
        let known = ["status", "agent", "limit", "cursor"];
        let (wanted, paging) = query::read(&query, &known, |query| {
            let wanted = Wanted {
                status: query.one_of("status", RequestStatus::NAMES),
                agent: query.text("agent").map(Into::into),
            };
            (wanted, query.paging())
        })?;
        let Page { items, next } = orchestrator.requests(&wanted, paging).await?;
        ok(&Requests {
            requests: items,
            next_cursor: next,
        })
    })
    .await
}

/// `POST /requests/{id}/cancel`
pub(super) async fn cancel(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        orchestrator.cancel(&id).await?;
        Ok(accepted(&id, "cancel"))
    })
    .await
}

/// `GET /dead-letters?limit=&cursor=`
pub(super) async fn dead(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    query: Query<Parameters>,
) -> Response {
    /// A page of requests that were given up.
    #[derive(Serialize)]
    struct DeadLetters {
        dead_letters: Vec<DeadLetter>,
        next_cursor: Option<RequestId>,
    }
    respond_json(&request, async |_| {
        let known = ["limit", "cursor"];
        #[allow(clippy::redundant_closure_for_method_calls)] // the method is not general enough
        let paging = query::read(&query, &known, |query| query.paging())?;
        let Page { items, next } = orchestrator.dead_letters(paging).await?;
        ok(&DeadLetters {
            dead_letters: items,
            next_cursor: next,
        })
    })
    .await
}

/// `POST /dead-letters/{id}/retry`
pub(super) async fn retry(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        orchestrator.retry_dead(&id).await?;
        Ok(accepted(&id, "retry"))
    })
    .await
}

fn accepted(request_id: &str, action: &'static str) -> HttpResponse {
    HttpResponse::Accepted().json(Accepted {
        success: true,
        request_id,
        action,
    })
}
