//! A remote agent that is well, ill or failing as a test says, and knows who asks how it is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpServer, rt, web};
use serde_json::json;

/// An agent elsewhere.
pub(crate) struct Patient {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    ill: AtomicBool,
    failing: AtomicBool,
    /// How often each connection has asked how it is.
    visits: Mutex<HashMap<u16, usize>>,
}

impl Patient {
    /// Starts one on a free port, well.
    pub(crate) fn start() -> Self {
        let state = Arc::<State>::default();
        let shared = Data::from(state.clone());
        let app = move || {
            actix_web::App::new()
                .app_data(shared.clone())
                .route("/health", web::get().to(visit))
                .default_service(web::post().to(answer))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.addrs()[0]);
        rt::spawn(server.run());
        Self { url, state }
    }

    /// The entry of `agents.yaml` for it, as JSON.
    pub(crate) fn entry(&self) -> String {
        let entry = json!({
            "name": "patient", "kind": "http", "urls": [self.url], "health_path": "/health",
        });
        entry.to_string()
    }

    /// Has it be ill from now on, or well.
    pub(crate) fn be_ill(&self, ill: bool) {
        self.state.ill.store(ill, Ordering::SeqCst);
    }

    /// Has it fail from now on, or answer.
    pub(crate) fn fail(&self, failing: bool) {
        self.state.failing.store(failing, Ordering::SeqCst);
    }

    /// How often each connection has asked how it is.
    pub(crate) fn visits(&self) -> HashMap<u16, usize> {
        self.state.visits.lock().unwrap().clone()
    }

    /// Forgets who has asked.
    pub(crate) fn forget_visits(&self) {
        self.state.visits.lock().unwrap().clear();
    }
}

async fn visit(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let port = request.peer_addr().unwrap().port();
    *state.visits.lock().unwrap().entry(port).or_default() += 1;
    if state.ill.load(Ordering::SeqCst) {
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::Ok().finish()
}

async fn answer(state: Data<State>) -> HttpResponse {
    if state.failing.load(Ordering::SeqCst) {
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::Ok().json(json!({"content": "fine"}))
}
