//! A client for the HTTP contract, and orchestrators of the test's own agents for it to call.

use std::future::pending;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use agent_orchestrator::{AgentSpec, App, Orchestrator, RequestId};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::server::{PATIENCE, Process, serve};

/// Calls one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Client {
    /// A client of the server at this address. It speaks to this machine only, and so does without
    /// the certificates of the world, which take long to read.
    pub(crate) fn new(address: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .timeout(PATIENCE)
            .no_proxy();
        Self {
            http: http.build().unwrap(),
            address: address.to_owned(),
        }
    }

    /// A client of the server that this process is.
    pub(crate) fn of(process: &Process) -> Self {
        Self::new(&process.url(""))
    }

    /// The server's address and port.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// A request to be completed by the test, and then sent with [`sent`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        sent(self.request(Method::GET, path)).await
    }

    /// What the orchestrator says of its state store.
    pub(crate) async fn state_health(&self) -> Value {
        let mut health = self.get("/health").await.body();
        health["external_dependencies"]["state"].take()
    }

    /// The record of that request.
    pub(crate) async fn record(&self, id: RequestId) -> Response {
        self.get(&format!("/requests/{id}")).await
    }

    /// Asks for an answer by whichever agent fits.
    pub(crate) async fn say(&self, content: &str) -> Response {
        self.ask(&json!({"content": content})).await
    }

    /// Posts a body of JSON to `/orchestrate`.
    pub(crate) async fn ask(&self, body: &Value) -> Response {
        self.try_to_ask(body).await.unwrap()
    }

    /// The same where the server may be gone.
    pub(crate) async fn try_to_ask(&self, body: &Value) -> reqwest::Result<Response> {
        try_to_send(self.posting("/orchestrate", body.to_string())).await
    }

    /// Posts a body to `/orchestrate` and does not wait for the answer to the question.
    pub(crate) async fn ask_async(&self, body: &Value) -> Response {
        self.try_to_ask_async(body).await.unwrap()
    }

    /// The same where the server may be gone.
    pub(crate) async fn try_to_ask_async(&self, body: &Value) -> reqwest::Result<Response> {
        let request = self.posting("/orchestrate", body.to_string());
        try_to_send(request.header("Prefer", "respond-async")).await
    }

    /// Posts a body to `/orchestrate` under an idempotency key.
    pub(crate) async fn ask_under(&self, key: &str, body: &Value) -> Response {
        self.try_to_ask_under(key, body).await.unwrap()
    }

    /// The same where the server may be gone.
    pub(crate) async fn try_to_ask_under(
        &self,
        key: &str,
        body: &Value,
    ) -> reqwest::Result<Response> {
        let request = self.posting("/orchestrate", body.to_string());
        try_to_send(request.header("Idempotency-Key", key)).await
    }

    /// The same without waiting for the answer to the question.
    pub(crate) async fn try_to_ask_async_under(
        &self,
        key: &str,
        body: &Value,
    ) -> reqwest::Result<Response> {
        let request = self.posting("/orchestrate", body.to_string());
        let request = request.header("Idempotency-Key", key);
        try_to_send(request.header("Prefer", "respond-async")).await
    }

    /// Gets something from a server that may be gone.
    pub(crate) async fn try_to_get(&self, path: &str) -> reqwest::Result<Response> {
        try_to_send(self.request(Method::GET, path)).await
    }

    /// Posts these bytes as if they were JSON.
    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        sent(self.posting(path, body)).await
    }

    fn posting(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.request(Method::POST, path).body(body);
        request.header(CONTENT_TYPE, "application/json")
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn sent(request: RequestBuilder) -> Response {
    try_to_send(request).await.unwrap()
}

async fn try_to_send(request: RequestBuilder) -> reqwest::Result<Response> {
    let response = request.send().await?;
    Ok(Response {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}

impl Response {
    /// The body, of an answer of this status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body()
    }

    /// The body, of an answer of any status.
    #[track_caller]
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The id of the request, whether it succeeded or not.
    pub(crate) fn request_id(&self) -> RequestId {
        RequestId::parse(self.body()["request_id"].as_str().unwrap()).unwrap()
    }

    /// A header as text; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// The names of an object's members in alphabetical order, as one line.
#[track_caller]
pub(crate) fn members(object: &Value) -> String {
    let names: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.join(" ")
}

/// The object has at least these members, with these values.
#[track_caller]
pub(crate) fn assert_has(object: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&object[name], value, "{name} in {object:#}");
    }
}

/// An app of these agents, the first of which answers what matches none.
pub(crate) fn app(specs: impl IntoIterator<Item = AgentSpec>) -> App {
    let mut app = App::new();
    for spec in specs {
        if app.settings().fallback_agent == "chat_agent" {
            spec.name()
                .clone_into(&mut app.settings_mut().fallback_agent);
        }
        app = app.agent(spec);
    }
    app
}

/// Starts the app and serves it.
pub(crate) async fn served(app: App) -> (Orchestrator, Client) {
    let orchestrator = app.start().await.unwrap();
    let client = Client::new(&serve(&orchestrator));
    (orchestrator, client)
}

/// What an [`endless`] agent tells.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// It has begun to work on the request of this id.
    Began(String),
    /// Its work was dropped.
    Dropped,
}

/// An agent that never answers; it tells when it is asked, and when nobody waits any more.
pub(crate) fn endless(name: &str, tell: UnboundedSender<Told>) -> AgentSpec {
    let answer = move |_, cx: agent_orchestrator::AgentContext| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(Told::Began(cx.request_id().to_string()));
            let _guard = TellWhenDropped(tell);
            pending().await
        }
    };
    AgentSpec::from_fn(name, answer).timeout(Duration::from_secs(300))
}

/// What is told next; a test that is told nothing has failed.
pub(crate) async fn heard<T>(told: &mut UnboundedReceiver<T>) -> T {
    let heard = actix_web::rt::time::timeout(PATIENCE, told.recv()).await;
    heard.expect("nothing was told in time").unwrap()
}

struct TellWhenDropped(UnboundedSender<Told>);

impl Drop for TellWhenDropped {
    fn drop(&mut self) {
        // A test that has ended listens no more.
        let _ = self.0.send(Told::Dropped);
    }
}

/// A port that refuses connections and that nobody else can have: the near end of a connection.
pub(crate) struct DeadPort {
    near: TcpStream,
    _far: TcpListener,
}

impl DeadPort {
    pub(crate) fn new() -> Self {
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            near: TcpStream::connect(far.local_addr().unwrap()).unwrap(),
            _far: far,
        }
    }

    /// Its address and port.
    pub(crate) fn host(&self) -> String {
        self.near.local_addr().unwrap().to_string()
    }
}
