//! What an operator can do with the agents.

use std::cell::RefCell;

use actix_web::http::header;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;

use super::agents::AgentView;
use super::body;
use super::respond::{Response, respond_json};
use crate::judgement::Forced;
use crate::pipeline::{Orchestrator, Problem};
use crate::words::Reader;

/// What has been set going.
#[derive(Serialize)]
struct Accepted<'a> {
    success: bool,
    agent: &'a str,
    action: &'static str,
}

/// `POST /agents`: the body is an entry of `agents.yaml`.
pub(super) async fn register(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    payload: Payload,
) -> Response {
    respond_json(&request, async |_| {
        let house = orchestrator.house();
        let entry = body::json(&request, payload, &house.config).await?;
        let agent = orchestrator.recruit(&entry).await?;
        let location = format!("/agents/{}", agent.card.name);
        Ok(HttpResponse::Created()
            .insert_header((header::LOCATION, location))
            .json(AgentView::of(&agent)))
    })
    .await
}

/// `DELETE /agents/{name}`
pub(super) async fn remove(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    name: Path<String>,
) -> Response {
    order(&request, &name, "remove", orchestrator.dismiss(&name)).await
}

/// `POST /agents/{name}/pause`
pub(super) async fn pause(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    name: Path<String>,
) -> Response {
    order(&request, &name, "pause", orchestrator.pause(&name)).await
}

/// `POST /agents/{name}/resume`
pub(super) async fn resume(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    name: Path<String>,
) -> Response {
    order(&request, &name, "resume", orchestrator.resume(&name)).await
}

/// `POST /agents/{name}/restart`
pub(super) async fn restart(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    name: Path<String>,
) -> Response {
    order(&request, &name, "restart", orchestrator.restart(&name)).await
}

/// `POST /agents/{name}/scale`: `{"instances": 3}`.
pub(super) async fn scale(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
) -> Response {
    let scaled = async {
        let config = &orchestrator.house().config;
        let instances = instances(&body::json(&request, payload, config).await?)?;
        orchestrator.scale(&name, instances).await
    };
    order(&request, &name, "scale", scaled).await
}

/// As many instances may be asked for: each has a queue, and may have a thread.
const MOST_INSTANCES: u64 = 1000;

fn instances(body: &Value) -> Result<usize, Problem> {
    let faults = RefCell::new(Vec::new());
    let place = Reader::new(body, &faults);
    place.allow_only(&["instances"]);
    let wanted = place.required("instances");
    let wanted = wanted.and_then(|it| it.integer(1..=MOST_INSTANCES));
    let wanted = wanted.and_then(|count| usize::try_from(count).ok());
    match (wanted, faults.take()) {
        (Some(instances), faults) if faults.is_empty() => Ok(instances),
        (_, faults) => Err(Problem::invalid(faults)),
    }
}

/// `POST /agents/{name}/breaker`: `{"state": "open"}`, for all its instances or for one.
pub(super) async fn breaker(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
) -> Response {
    let forced = async {
        let config = &orchestrator.house().config;
        let body = body::json(&request, payload, config).await?;
        let (forced, instance) = wish(&body)?;
        orchestrator.force_breaker(&name, instance.as_deref(), forced)
    };
    order(&request, &name, "breaker", forced).await
}

/// What an operator wants of a breaker, by the names that the API knows it by.
const WISHES: &[(&str, Option<Forced>)] = &[
    ("open", Some(Forced::Open)),
    ("closed", Some(Forced::Closed)),
    ("auto", None),
];

fn wish(body: &Value) -> Result<(Option<Forced>, Option<String>), Problem> {
    let faults = RefCell::new(Vec::new());
    let place = Reader::new(body, &faults);
    place.allow_only(&["state", "instance"]);
    let state = place.required("state").and_then(|it| it.one_of(WISHES));
    let instance = place.member("instance");
    let instance = instance.and_then(|it| it.string().map(str::to_owned));
    match (state, faults.take()) {
        (Some(forced), faults) if faults.is_empty() => Ok((forced, instance)),
        (_, faults) => Err(Problem::invalid(faults)),
    }
}

/// Has something done with an agent, and says that it is.
async fn order(
    request: &HttpRequest,
    agent: &str,
    action: &'static str,
    done: impl Future<Output = Result<(), Problem>>,
) -> Response {
    respond_json(request, async |_| {
        done.await?;
        Ok(HttpResponse::Accepted().json(Accepted {
            success: true,
            agent,
            action,
        }))
    })
    .await
}
