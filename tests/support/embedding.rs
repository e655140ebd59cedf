//! A server of embeddings whose vectors are what a test means by its words.

use std::sync::{Arc, Mutex};

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer, rt};
use agent_orchestrator::llm::LlmConfig;
use serde_json::{Value, json};

/// Words that mean one thing each; the last of them are in no example.
const MEANINGS: [&[&str]; 4] = [
    &[
        "rain",
        "warm",
        "snow",
        "umbrella",
        "wind",
        "storm",
        "sunshine",
        "temperature",
        "zorple",
    ],
    &[
        "invoice",
        "refund",
        "card",
        "receipt",
        "payment",
        "billing",
        "owe",
        "pay",
        "henderson",
    ],
    &[
        "server",
        "processes",
        "files",
        "disk",
        "port",
        "updates",
        "directory",
        "backup",
    ],
    &[
        "hello", "are you", "joke", "morning", "thanks", "name", "lonely", "goodbye",
    ],
];

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Embeds {
    /// With vectors.
    Well,
    /// With vectors of another length.
    Longer,
    /// With one vector too few.
    TooFew,
    /// With this status.
    Status(u16),
    /// With what is no JSON.
    Nonsense,
    /// Never.
    Never,
}

/// A server on a free port.
#[derive(Clone)]
pub(crate) struct EmbeddingModel {
    base_url: String,
    script: Arc<Mutex<Script>>,
}

struct Script {
    answers: Embeds,
    asked: Vec<String>,
}

impl EmbeddingModel {
    pub(crate) fn start(answers: Embeds) -> Self {
        let asked = Vec::new();
        let script = Arc::new(Mutex::new(Script { answers, asked }));
        let shared = Data::new(Arc::clone(&script));
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .route("/v1/embeddings", web::post().to(answer))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", server.addrs()[0]);
        rt::spawn(server.run());
        Self { base_url, script }
    }

    /// From now on it answers like this.
    pub(crate) fn answer(&self, answers: Embeds) {
        self.script.lock().unwrap().answers = answers;
    }

    /// The texts that it was asked about since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }

    /// The app, with this model to look at, and no other to ask.
    pub(crate) fn of(&self, mut app: agent_orchestrator::App) -> agent_orchestrator::App {
        let settings = app.settings_mut();
        settings.llm = Some(LlmConfig {
            base_url: self.base_url.parse().unwrap(),
            api_key: None,
            routing_model: "nobody".to_owned(),
            complex_routing_model: "nobody".to_owned(),
            embedding_model: Some("meanings".to_owned()),
            timeout: std::time::Duration::from_secs(5),
        });
        settings.advice.threshold = 0.0;
        app
    }
}

async fn answer(script: Data<Arc<Mutex<Script>>>, body: web::Json<Value>) -> HttpResponse {
    assert_eq!(body["model"], "meanings");
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
    let answers = {
        let mut script = script.lock().unwrap();
        script.asked.extend(texts.iter().cloned());
        script.answers
    };
    let mut vectors: Vec<Vec<f64>> = texts.iter().map(|text| vector(text)).collect();
    match answers {
        Embeds::Well => {}
        Embeds::Longer => vectors.iter_mut().for_each(|vector| vector.push(0.5)),
        Embeds::TooFew => drop(vectors.pop()),
        Embeds::Status(status) => return HttpResponse::build(status.try_into().unwrap()).finish(),
        Embeds::Nonsense => return HttpResponse::Ok().body("<html>"),
        Embeds::Never => std::future::pending().await,
    }
    // In an order of its own, as servers may answer.
    let data = vectors.into_iter().enumerate().rev();
    let data: Vec<Value> = data
        .map(|(index, vector)| json!({"index": index, "embedding": vector}))
        .collect();
    HttpResponse::Ok().json(json!({"data": data}))
}

fn vector(text: &str) -> Vec<f64> {
    let text = text.to_lowercase();
    let means = |words: &&[&str]| words.iter().any(|word| text.contains(word));
    let vector = MEANINGS
        .iter()
        .map(|words| f64::from(u8::from(means(words))));
    vector.chain([0.1]).collect()
}
