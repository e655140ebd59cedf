use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
        // Whatever is in the store, people are told what the contract names.
        let shown: Shown<'_> = serde_json::from_slice(&record).map_err(|error| {
            let detail = format!("the state of the request cannot be read: {error}");
            Problem::new(ErrorType::InternalError, detail)
        })?;
        Ok(HttpResponse::Ok().json(shown))
    })
    .await
}

/// What is shown of a record: all but what was asked.
#[derive(Deserialize, Serialize)]
struct Shown<'a> {
    #[serde(borrow)]
    request_id: &'a RawValue,
    status: &'a RawValue,
    created_at: &'a RawValue,
    updated_at: &'a RawValue,
    instance_id: &'a RawValue,
    attempt: &'a RawValue,
    routing: &'a RawValue,
    response: &'a RawValue,
    problem: &'a RawValue,
}

fn not_found(id: &str) -> Problem {
    let detail = format!("there is no request `{id}`; the state of a request is kept for a while");
    Problem::new(ErrorType::RequestNotFound, detail)
}
