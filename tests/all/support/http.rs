//! A client of the orchestrator as any other.

use agent_orchestrator::RequestId;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::server::PATIENCE;

/// What came back.
#[derive(Debug)]
pub(crate) struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Received {
    /// The id of the request, whether it succeeded or not.
    pub(crate) fn request_id(&self) -> RequestId {
        RequestId::parse(self.body["request_id"].as_str().unwrap()).unwrap()
    }
}

/// A client with connections of its own. It speaks to this machine only, and so does without the
/// certificates of the world, which take long to read.
pub(crate) fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().tls_certs_only([]).timeout(PATIENCE);
    builder.build().unwrap()
}

/// Asks what the body of `POST /orchestrate` asks.
pub(crate) async fn orchestrate(
    client: &Client,
    server: &str,
    body: &Value,
) -> reqwest::Result<Received> {
    receive(client.post(format!("{server}/orchestrate")).json(body)).await
}

/// Asks for an answer by whichever agent fits.
pub(crate) async fn ask(client: &Client, server: &str, content: &str) -> reqwest::Result<Received> {
    orchestrate(client, server, &json!({"content": content})).await
}

/// Gets that path.
pub(crate) async fn get(client: &Client, server: &str, path: &str) -> Received {
    receive(client.get(format!("{server}{path}")))
        .await
        .unwrap()
}

/// What the orchestrator says of its state store.
pub(crate) async fn state_health(client: &Client, server: &str) -> Value {
    let mut health = get(client, server, "/health").await.body;
    health["external_dependencies"]["state"].take()
}

/// The record of that request.
pub(crate) async fn record(client: &Client, server: &str, id: RequestId) -> Received {
    get(client, server, &format!("/requests/{id}")).await
}

async fn receive(request: RequestBuilder) -> reqwest::Result<Received> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Received {
        status,
        headers,
        body,
    })
}
