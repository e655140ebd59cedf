//! How requests are routed, and what users say of it.

use std::cell::RefCell;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;

use super::body;
use super::respond::{Response, ok, respond_json};
use crate::pipeline::{Feedback, OrchestrationRequest, Orchestrator, Problem};
use crate::routing::{Mode, Plan, Routing};
use crate::words::{AgentName, Reader};

/// The body of `POST /route`.
#[derive(Serialize)]
struct Route<'a> {
    #[serde(flatten)]
    routing: &'a Routing,
    mode: Mode,
    /// What each agent would be asked, where the request asks for several things.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    agent: &'a AgentName,
    content: &'a str,
}

/// `POST /route`: the body of `POST /orchestrate`; no agent is asked.
pub(super) async fn route(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    payload: Payload,
) -> Response {
    respond_json(&request, async |_| {
        let config = &orchestrator.house().config;
        let body = body::json(&request, payload, config).await?;
        let question = OrchestrationRequest::from_json(&body, config)?;
        let plan: Plan = orchestrator.route(&question).await?;
        let parts = plan.agents.iter().zip(&plan.parts);
        ok(&Route {
            routing: &plan.routing,
            mode: plan.mode,
            parts: parts
                .map(|(agent, content)| Part { agent, content })
                .collect(),
        })
    })
    .await
}

/// `POST /requests/{id}/feedback`
pub(super) async fn feedback(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    payload: Payload,
    id: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        let config = &orchestrator.house().config;
        let body = body::json(&request, payload, config).await?;
        orchestrator.learn(&id, said(&body)?).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

fn said(body: &Value) -> Result<Feedback, Problem> {
    let faults = RefCell::new(Vec::new());
    let place = Reader::new(body, &faults);
    place.allow_only(&["user_satisfaction", "correct_agent"]);
    let satisfaction = place.required("user_satisfaction");
    let satisfaction = satisfaction.and_then(|it| it.degree());
    let correct = place.member("correct_agent");
    let correct = correct.and_then(|it| it.string().map(AgentName::from));
    match (satisfaction, faults.take()) {
        (Some(user_satisfaction), faults) if faults.is_empty() => Ok(Feedback {
            user_satisfaction,
            correct_agent: correct,
        }),
        (_, faults) => Err(Problem::invalid(faults)),
    }
}

/// `GET /routing/model`
pub(super) async fn model(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    respond_json(&request, async |_| {
        ok(&orchestrator.routing_model().await?)
    })
    .await
}

/// `POST /routing/model/rollback`
pub(super) async fn roll_back(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    respond_json(&request, async |_| {
        ok(&orchestrator.roll_back_routing().await?)
    })
    .await
}
