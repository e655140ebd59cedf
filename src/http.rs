//! The HTTP side: a file for each group of endpoints, and one way to answer.
//!
//! [`routes`] mounts everything into any actix-web application; [`serve`] runs a server of our
//! own around it.

mod agents;
mod body;
mod crew;
mod events;
mod health;
mod once;
mod orchestrate;
mod problem;
mod query;
mod requests;
mod respond;
mod routing;
mod server;
mod sessions;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Responder, Route, guard};

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
        for path in ["/orchestrate", "/v1/orchestrate"] {
            mount(service, path, [(POST, to(orchestrate::orchestrate))]);
        }
        mount(service, "/route", [(POST, to(routing::route))]);
        for (path, handler) in [
            ("/requests/{id}/cancel", to(requests::cancel)),
            ("/dead-letters/{id}/retry", to(requests::retry)),
        ] {
            mount(service, path, [(POST, handler)]);
        }
        let telling = to(routing::feedback);
        mount(service, "/requests/{id}/feedback", [(POST, telling)]);
        let back = to(routing::roll_back);
        mount(service, "/routing/model/rollback", [(POST, back)]);
        let reading = [
            ("/routing/model", to(routing::model)),
            ("/requests", to(requests::list)),
            ("/requests/{id}", to(requests::show)),
            ("/requests/{id}/events", to(events::follow)),
            ("/dead-letters", to(requests::dead)),
            ("/cluster", to(health::cluster)),
            ("/agents/health", to(health::agents)),
            ("/health", to(health::health)),
            ("/livez", to(health::livez)),
            ("/readyz", to(health::readyz)),
            ("/metrics/summary", to(health::summary)),
        ];
        for (path, handler) in reading {
            mount(service, path, [(READ, handler)]);
        }
        let session = [(READ, to(sessions::show)), (DELETE, to(sessions::forget))];
        mount(service, "/sessions/{id}", session);
        let all = [(READ, to(agents::list)), (POST, to(crew::register))];
        mount(service, "/agents", all);
        let one = [(READ, to(agents::show)), (DELETE, to(crew::remove))];
        mount(service, "/agents/{name}", one);
        let acting = [
            ("/agents/{name}/pause", to(crew::pause)),
            ("/agents/{name}/resume", to(crew::resume)),
            ("/agents/{name}/restart", to(crew::restart)),
            ("/agents/{name}/scale", to(crew::scale)),
            ("/agents/{name}/breaker", to(crew::breaker)),
        ];
        for (path, handler) in acting {
            mount(service, path, [(POST, handler)]);
        }
        service.default_service(web::to(unknown_path));
    }
}

const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const DELETE: &[Method] = &[Method::DELETE];

fn to<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().to(handler)
}

/// Mounts what a path does for each method, and says which there are to whoever tries another.
fn mount<const N: usize>(
    service: &mut ServiceConfig,
    path: &str,
    routes: [(&'static [Method], Route); N],
) {
    let methods = routes.iter().flat_map(|(methods, _)| *methods);
    let allowed: Vec<&str> = methods.map(Method::as_str).collect();
    let allowed: Arc<str> = allowed.join(", ").into();
    let mut resource = web::resource(path);
    for (methods, route) in routes {
        let asked = guard::fn_guard(|request| methods.contains(&request.head().method));
        resource = resource.route(route.guard(asked));
    }
    let refuse = move |request: HttpRequest| {
        let allowed = Arc::clone(&allowed);
        async move {
            let refused = respond::respond(&request, async |_| {
                Err(not_allowed(request.method(), request.path(), &allowed))
            });
            refused.await.allowing(&allowed)
        }
    };
    service.service(resource.default_service(web::to(refuse)));
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
