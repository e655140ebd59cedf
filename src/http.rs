//! The HTTP side: a file for each group of endpoints, and one way to answer.
//!
//! [`routes`] mounts everything into any actix-web application; [`serve`] runs a server of our
//! own around it.

mod agents;
mod health;
mod orchestrate;
mod problem;
mod requests;
mod respond;
mod server;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, Resource, Route, guard};

use crate::pipeline::{ErrorType, Orchestrator, Problem};

pub use server::{ServerConfig, listen_address, serve};

/// Mounts the endpoints of the orchestrator, for [`App::configure`](actix_web::App::configure).
///
/// Paths that nothing else of the application serves are answered with a problem document, too.
///
/// ```
/// use actix_web::test;
/// use agent_orchestrator::{AgentSpec, App, Reply, http};
/// use serde_json::{Value, json};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # actix_web::rt::System::new().block_on(async {
/// let orchestrator = App::new()
///     .agent(AgentSpec::from_fn("chat_agent", |_, _| async { Ok(Reply::text("hello")) }))
///     .start()
///     .await?;
/// let app = actix_web::App::new().configure(http::routes(orchestrator.clone()));
/// let app = test::init_service(app).await;
/// let request = test::TestRequest::post().uri("/orchestrate").set_json(json!({"content": "hi"}));
/// let answer: Value = test::call_and_read_body_json(&app, request.to_request()).await;
/// assert_eq!(answer["result"]["content"], "hello");
/// orchestrator.shutdown().await;
/// # Ok(()) })
/// # }
/// ```
pub fn routes(orchestrator: Orchestrator) -> impl FnOnce(&mut ServiceConfig) {
    move |service: &mut ServiceConfig| {
        service.app_data(web::Data::new(orchestrator));
        let post = |path, route| resource(path, "POST", web::post(), route);
        for path in ["/orchestrate", "/v1/orchestrate"] {
            service.service(post(path, |route: Route| {
                route.to(orchestrate::orchestrate)
            }));
        }
        get(service, "/requests/{id}", |r| r.to(requests::show));
        get(service, "/agents", |r| r.to(agents::list));
        get(service, "/agents/health", |r| r.to(health::agents));
        get(service, "/agents/{name}", |r| r.to(agents::show));
        get(service, "/health", |r| r.to(health::health));
        get(service, "/livez", |r| r.to(health::livez));
        get(service, "/readyz", |r| r.to(health::readyz));
        get(service, "/metrics/summary", |r| r.to(health::summary));
        service.default_service(web::to(unknown_path));
    }
}

fn get(service: &mut ServiceConfig, path: &str, to: impl FnOnce(Route) -> Route) {
    let reading = guard::Any(guard::Get()).or(guard::Head());
    let route = web::route().guard(reading);
    service.service(resource(path, "GET, HEAD", route, to));
}

/// A path that takes the allowed methods, and says so to all others.
fn resource(
    path: &str,
    allowed: &'static str,
    route: Route,
    to: impl FnOnce(Route) -> Route,
) -> Resource {
    let refuse = move |request: HttpRequest| async move {
        respond::respond(&request, async |_| {
            Err(not_allowed(request.method(), request.path(), allowed))
        })
        .await
        .allowing(allowed)
    };
    web::resource(path)
        .route(to(route))
        .default_service(web::to(refuse))
}

fn not_allowed(method: &Method, path: &str, allowed: &str) -> Problem {
    let detail = format!("{method} is not allowed at {path}; allowed: {allowed}");
    Problem::new(ErrorType::MethodNotAllowed, detail)
}

async fn unknown_path(request: HttpRequest) -> respond::Response {
    respond::respond(&request, async |_| {
        let detail = format!("there is nothing at {}", request.path());
        Err(Problem::new(ErrorType::RouteNotFound, detail))
    })
    .await
}
