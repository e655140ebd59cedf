//! What was said in conversations.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};

use super::respond::{Response, ok, respond_json};
use crate::pipeline::Orchestrator;

/// `GET /sessions/{id}`
pub(super) async fn show(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| ok(&orchestrator.session(&id).await?)).await
}

/// `DELETE /sessions/{id}`
pub(super) async fn forget(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    let forget = orchestrator.forget_session(&id);
    respond_json(&request, async |_| ok(&forget.await?)).await
}
