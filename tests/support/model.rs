//! A language model that answers as a test has it: a real server of chat completions.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpResponse, HttpServer, rt};
use agent_orchestrator::App;
use agent_orchestrator::llm::LlmConfig;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How the model answers.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    /// With these agents, each piece of their names as probable as this.
    Agents(&'static [&'static str], Option<f64>),
    /// With these words.
    Says(String),
    /// With these pieces, one after the other, and then the end, or none.
    Streams(&'static [&'static str], bool),
    /// With this body.
    Body(String),
    /// With this status, and `Retry-After` where there is one.
    Status(u16, Option<u64>),
    /// Never; it tells when nobody waits any more.
    Never,
    /// With half of an answer, and then closes the connection.
    Halfway,
}

/// A server on a free port.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) base_url: String,
    script: Arc<Mutex<Script>>,
}

struct Script {
    /// What comes next; the last is repeated.
    answers: Vec<Answers>,
    asked: Vec<Value>,
    tell: UnboundedSender<Gone>,
}

/// Nobody waits for an answer any more.
#[derive(Debug, PartialEq)]
pub(crate) struct Gone;

struct TellWhenDropped(UnboundedSender<Gone>);

impl Drop for TellWhenDropped {
    fn drop(&mut self) {
        // A test that has ended listens no more.
        let _ = self.0.send(Gone);
    }
}

impl Model {
    /// Answers one after the other like this, and for ever like the last.
    pub(crate) fn start(answers: impl IntoIterator<Item = Answers>) -> Self {
        Self::watched(answers).0
    }

    /// The same, and who waits no more is told.
    pub(crate) fn watched(
        answers: impl IntoIterator<Item = Answers>,
    ) -> (Self, UnboundedReceiver<Gone>) {
        let (tell, told) = unbounded_channel();
        let script = Arc::new(Mutex::new(Script {
            answers: answers.into_iter().collect(),
            asked: Vec::new(),
            tell,
        }));
        let shared = Data::new(Arc::clone(&script));
        let app = move || {
            actix_web::App::new()
                .app_data(shared.clone())
                .route("/v1/chat/completions", web::post().to(answer))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server
            .h1_allow_half_closed(false)
            .bind("127.0.0.1:0")
            .unwrap();
        let base_url = format!("http://{}/v1", server.addrs()[0]);
        rt::spawn(server.run());
        (Self { base_url, script }, told)
    }

    /// What it was asked so far: the bodies.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.script.lock().unwrap().asked.clone()
    }

    /// The app, with this model to ask.
    pub(crate) fn of(&self, mut app: App, timeout: Duration) -> App {
        let settings = app.settings_mut();
        settings.llm = Some(config(&self.base_url));
        settings.advice.timeout = timeout;
        app
    }
}

/// How to ask the models there.
pub(crate) fn config(base_url: &str) -> LlmConfig {
    LlmConfig {
        base_url: base_url.parse().unwrap(),
        api_key: Some("secret".to_owned()),
        routing_model: "small".to_owned(),
        complex_routing_model: "large".to_owned(),
        embedding_model: None,
        timeout: Duration::from_secs(5),
    }
}

async fn answer(script: Data<Arc<Mutex<Script>>>, body: web::Json<Value>) -> HttpResponse {
    let (answer, tell) = {
        let mut script = script.lock().unwrap();
        script.asked.push(body.into_inner());
        let answer = match script.answers.len() {
            1 => script.answers[0].clone(),
            _ => script.answers.remove(0),
        };
        (answer, script.tell.clone())
    };
    match answer {
        Answers::Agents(agents, probability) => chosen(agents, probability),
        Answers::Says(words) => HttpResponse::Ok().json(completion(&words, &Value::Null)),
        Answers::Streams(pieces, ends) => HttpResponse::Ok()
            .content_type("text/event-stream")
            .body(streamed(pieces, ends)),
        Answers::Body(body) => HttpResponse::Ok().content_type("text/html").body(body),
        Answers::Status(status, retry_after) => {
            let mut response = HttpResponse::build(status.try_into().unwrap());
            if let Some(seconds) = retry_after {
                response.insert_header(("Retry-After", seconds.to_string()));
            }
            response.json(json!({"error": {"message": "no"}}))
        }
        Answers::Never => {
            let _guard = TellWhenDropped(tell);
            std::future::pending().await
        }
        Answers::Halfway => {
            let half = Bytes::from_static(b"{\"choices\": [{\"mess");
            let broken = io::Error::other("closed");
            let parts = stream::iter([Ok(half), Err(broken)]);
            HttpResponse::Ok().body(SizedStream::new(1000, parts))
        }
    }
}

fn chosen(agents: &[&str], probability: Option<f64>) -> HttpResponse {
    let words = json!({"agents": agents}).to_string();
    let logprobs = probability.map_or(Value::Null, |probability| {
        let (before, after) = words.split_once(agents[0]).unwrap();
        let pieces = [(before, 1.0), (agents[0], probability), (after, 1.0)];
        let pieces =
            pieces.map(|(token, p): (&str, f64)| json!({"token": token, "logprob": p.ln()}));
        json!({"content": pieces})
    });
    HttpResponse::Ok().json(completion(&words, &logprobs))
}

fn streamed(pieces: &[&str], ends: bool) -> String {
    let event = |delta: Value, reason: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        format!("data: {}\n\n", json!({"choices": [choice]}))
    };
    let pieces = pieces
        .iter()
        .map(|piece| event(json!({"content": piece}), Value::Null));
    let end = event(json!({}), json!("stop")) + "data: [DONE]\n\n";
    pieces.chain(ends.then_some(end)).collect()
}

fn completion(words: &str, logprobs: &Value) -> Value {
    let message = json!({"role": "assistant", "content": words});
    json!({"choices": [{"index": 0, "message": message, "logprobs": logprobs}]})
}
