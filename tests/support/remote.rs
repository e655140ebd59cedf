//! A remote agent that a test holds back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::Data;
use actix_web::{HttpResponse, HttpServer, rt, web};
use serde_json::json;
use tokio::sync::Semaphore;

use super::server::until;

/// An agent elsewhere that answers only as often as it is allowed to.
pub(crate) struct Remote {
    pub url: String,
    allowed: Arc<Semaphore>,
    asked: Arc<AtomicUsize>,
}

impl Remote {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        let (allowed, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = Data::new((allowed.clone(), asked.clone()));
        let app = move || {
            actix_web::App::new()
                .app_data(shared.clone())
                .default_service(web::post().to(answer_when_allowed))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.addrs()[0]);
        rt::spawn(server.run());
        Self {
            url,
            allowed,
            asked,
        }
    }

    /// Waits until it has been asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        until("the remote agent was asked", async || {
            self.asked.load(Ordering::SeqCst) == times
        })
        .await;
    }

    /// Lets it answer so many times more.
    pub(crate) fn allow(&self, answers: usize) {
        self.allowed.add_permits(answers);
    }
}

async fn answer_when_allowed(shared: Data<(Arc<Semaphore>, Arc<AtomicUsize>)>) -> HttpResponse {
    shared.1.fetch_add(1, Ordering::SeqCst);
    shared.0.acquire().await.unwrap().forget();
    HttpResponse::Ok().json(json!({"content": "at last"}))
}
