use actix_web::HttpRequest;
use actix_web::web::{Data, Path};

use super::respond::{Response, ok, respond_json};
use crate::pipeline::{Kept, Orchestrator};

/// `GET /requests/{id}`
pub(super) async fn show(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        let (_, record) = orchestrator.record(&id).await?;
        ok(&Kept::read(&record)?)
    })
    .await
}
