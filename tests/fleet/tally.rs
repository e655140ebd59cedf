//! A remote agent that remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, HttpServer, rt, web};
use serde_json::{Value, json};

/// An agent elsewhere that says back what it is asked, after a while, and of how many earlier turns it
/// has heard.
pub(crate) struct Tally {
    pub url: String,
    asked: Arc<Asked>,
}

struct Asked {
    /// How often it was asked, by request.
    times: Mutex<HashMap<String, usize>>,
    longest: Duration,
}

impl Tally {
    /// Starts one on a free port that takes up to so long for an answer.
    pub(crate) fn start(longest: Duration) -> Self {
        let times = Mutex::default();
        let asked = Arc::new(Asked { times, longest });
        let shared = Data::from(asked.clone());
        let app = move || {
            actix_web::App::new()
                .app_data(shared.clone())
                .default_service(web::post().to(answer))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.addrs()[0]);
        rt::spawn(server.run());
        Self { url, asked }
    }

    /// The entry of `agents.yaml` for it, under that name.
    pub(crate) fn entry(&self, name: &str) -> String {
        let url = &self.url;
        format!("{{name: {name}, kind: http, urls: [\"{url}\"], concurrency: 256, queue: 4096}}")
    }

    /// How often it was asked, by request.
    pub(crate) fn times(&self) -> HashMap<String, usize> {
        self.asked.times.lock().unwrap().clone()
    }
}

async fn answer(asked: Data<Asked>, assignment: Json<Value>) -> HttpResponse {
    let id = assignment["request_id"].as_str().unwrap().to_owned();
    *asked.times.lock().unwrap().entry(id).or_default() += 1;
    rt::time::sleep(asked.longest.mul_f64(fastrand::f64())).await;
    let heard = assignment["history"].as_array().unwrap().len();
    HttpResponse::Ok().json(json!({"content": assignment["content"], "data": {"heard": heard}}))
}
