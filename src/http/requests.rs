use actix_web::http::header::ContentType;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::respond::{Response, respond_json};
use crate::pipeline::{ErrorType, Orchestrator, Problem};
use crate::store::StateKey;
use crate::words::RequestId;

/// `GET /requests/{id}`
pub(super) async fn show(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        let record = match RequestId::parse(&id) {
            Some(id) => {
                let journal = &orchestrator.house().journal;
                let read = journal.read(StateKey::Request(id)).await;
                read.map_err(|error| Problem::no_state(&error))?
            }
            None => None,
        };
        let record = record.ok_or_else(|| not_found(&id))?;
        Ok(HttpResponse::Ok()
            .insert_header(ContentType::json())
            .body(record))
    })
    .await
}

fn not_found(id: &str) -> Problem {
    let detail = format!("there is no request `{id}`; the state of a request is kept for a while");
    Problem::new(ErrorType::RequestNotFound, detail)
}
