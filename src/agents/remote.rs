//! An agent that lives elsewhere and is reached over HTTP.
//!
//! It is sent a task as JSON with `POST` and answers `{"content": "…", "data": {…}}`. An answer
//! of `4xx` lays the blame on the question (408 and 429 excepted), everything else that is not
//! such an answer lays it on the agent. It is told how many milliseconds are left for the answer; a
//! caller that goes away closes the connection.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use crate::words::{
    Agent, AgentContext, AgentError, LifeContext, PreviousResult, Reply, RequestId, SessionId, Task,
};

/// A connection that is not there within this time will not be.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that was idle for so long is not used again. Many servers close theirs after five
/// seconds, and of a task that is sent at that moment nobody knows whether it has arrived.
const IDLE: Duration = Duration::from_secs(4);
/// Says how many milliseconds are left for the answer, as the task itself does.
const DEADLINE: &str = "x-deadline-ms";
/// Answers are not read beyond this.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Errors of the agent are quoted up to this.
const MAX_QUOTE_CHARS: usize = 300;

/// Where an agent can be reached, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteConfig {
    /// Where tasks are posted.
    pub url: Url,
    /// Sent with every request.
    pub headers: HeaderMap,
    /// The path, on the same host, that answers `2xx` while the agent is well; without one, the
    /// agent counts as well while its host takes connections.
    pub health_path: Option<String>,
}

/// An agent that lives elsewhere.
#[derive(Debug)]
pub struct RemoteAgent {
    config: RemoteConfig,
    client: Option<Client>,
}

/// What is sent.
#[derive(Serialize)]
struct Assignment<'a> {
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a SessionId>,
    #[serde(flatten)]
    task: Task,
    previous_results: &'a [PreviousResult],
    deadline_ms: u128,
}

impl RemoteAgent {
    /// An agent that is connected to when it is first asked.
    #[must_use]
    pub fn new(config: RemoteConfig) -> Self {
        let client = None;
        Self { config, client }
    }

    fn client(&self) -> Result<&Client, AgentError> {
        let client = self.client.as_ref();
        client.ok_or_else(|| AgentError::fatal("was asked before it was started"))
    }
}

impl Agent for RemoteAgent {
    async fn started(&mut self, _: &LifeContext) -> Result<(), AgentError> {
        // The process has one provider of cryptography; that there is one already is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .default_headers(self.config.headers.clone())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            // What is configured is what is asked; a proxy of the environment knows nothing of it.
            .no_proxy()
            .build()?;
        self.client = Some(client);
        Ok(())
    }

    async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
        let left = cx.remaining();
        let assignment = Assignment {
            request_id: cx.request_id(),
            session_id: cx.session_id(),
            task,
            previous_results: cx.previous_results(),
            deadline_ms: left.as_millis(),
        };
        let request = self.client()?.post(self.config.url.clone());
        let request = request.header(DEADLINE, left.as_millis().to_string());
        let answered = request.json(&assignment).send().await;
        let response = answered.map_err(|error| lost(&self.config.url, &error))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = body(response, &self.config.url).await?;
        if status.is_success() {
            return reply(&body);
        }
        Err(refused(status, retry_after, &quoted(&body)))
    }

    async fn health(&self) -> Result<(), AgentError> {
        let Some(path) = &self.config.health_path else {
            return reachable(self.config.url.clone()).await;
        };
        let url = self.config.url.join(path)?;
        let answered = self.client()?.get(url.clone()).send().await;
        let status = answered.map_err(|error| lost(&url, &error))?.status();
        if status.is_success() {
            return Ok(());
        }
        let url = shown(&url);
        Err(AgentError::failure(format!("{url} answered {status}")))
    }
}

async fn reachable(url: Url) -> Result<(), AgentError> {
    let shown = shown(&url);
    let connecting = async {
        // Looking up a name blocks, and others live on this thread.
        let addresses = spawn_blocking(move || url.socket_addrs(|| None)).await??;
        TcpStream::connect(addresses.as_slice()).await
    };
    match tokio::time::timeout(CONNECT, connecting).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(AgentError::failure(format!(
            "cannot reach {shown}: {error}"
        ))),
        Err(_elapsed) => Err(AgentError::failure(format!(
            "{shown} does not take connections"
        ))),
    }
}

/// The URL as everybody may see it: without user, password and query, which may be secrets.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // What cannot have a user has none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

async fn body(mut response: Response, url: &Url) -> Result<Vec<u8>, AgentError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(url, &error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            let url = shown(url);
            let message = format!("{url} answered more than {MAX_ANSWER_BYTES} bytes");
            return Err(AgentError::failure(message));
        }
    }
    Ok(body)
}

fn reply(body: &[u8]) -> Result<Reply, AgentError> {
    serde_json::from_slice(body).map_err(|error| {
        let expected = r#"expected {"content": "…", "data": {…}}"#;
        AgentError::failure(format!("its answer cannot be read ({error}); {expected}"))
    })
}

fn refused(status: StatusCode, retry_after: Option<Duration>, said: &str) -> AgentError {
    let message = format!("it answered {status}{said}");
    let busy = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_some());
    if busy {
        AgentError::busy(message, retry_after)
    } else if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        AgentError::user(message)
    } else {
        AgentError::failure(message)
    }
}

/// The seconds of `Retry-After`; the form with a date is as good as none.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn lost(url: &Url, error: &reqwest::Error) -> AgentError {
    let what = if error.is_connect() {
        "cannot be reached"
    } else {
        "did not finish its answer"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let url = shown(url);
    let failure = AgentError::failure(format!("{url} {what}: {cause}"));
    if error.is_connect() {
        failure.not_begun()
    } else {
        failure
    }
}

/// What the agent said of its error, for people: a member that usually holds it, or the text.
fn quoted(body: &[u8]) -> String {
    let said = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(json) => ["detail", "message", "error"]
            .into_iter()
            .find_map(|name| json.get(name)?.as_str().map(str::to_owned)),
        Err(_) => Some(String::from_utf8_lossy(body).trim().to_owned()),
    };
    match said.filter(|said| !said.is_empty()) {
        Some(said) => {
            let quote: String = said.chars().take(MAX_QUOTE_CHARS).collect();
            format!(": {quote}")
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::AgentErrorKind;

    #[test]
    fn the_status_says_who_is_to_blame() {
        use AgentErrorKind::{Failure, User};
        let cases = [
            (400, User),
            (404, User),
            (422, User),
            (408, Failure),
            (500, Failure),
        ];
        for (status, kind) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refused(status, None, "").kind(), kind, "{status}");
        }
        let wait = Some(Duration::from_secs(7));
        for status in [429, 503] {
            let error = refused(StatusCode::from_u16(status).unwrap(), wait, "");
            assert_eq!(error.kind(), AgentErrorKind::Busy { retry_after: wait });
        }
        let unavailable = refused(StatusCode::SERVICE_UNAVAILABLE, None, "");
        assert_eq!(unavailable.kind(), Failure);
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        let url = Url::parse("http://user:s3cret@host:9001/path?token=abc").unwrap();
        assert_eq!(shown(&url), "http://host:9001/path");
    }

    #[test]
    fn what_the_agent_said_is_quoted_but_not_at_length() {
        assert_eq!(quoted(br#"{"detail": "no such city"}"#), ": no such city");
        assert_eq!(quoted(b"plain words\n"), ": plain words");
        assert_eq!(quoted(b""), "");
        assert_eq!(quoted(&[b'x'; 1000]).len(), 2 + MAX_QUOTE_CHARS);
    }

    #[test]
    fn an_answer_without_content_is_a_failure() {
        for body in [
            &br#"{"content": "yes"}"#[..],
            br#"{"content": "yes", "data": null}"#,
        ] {
            assert_eq!(reply(body).unwrap(), Reply::text("yes"));
        }
        for body in [&b"{}"[..], b"[]", b"<html>", br#"{"content": 1}"#] {
            assert_eq!(reply(body).unwrap_err().kind(), AgentErrorKind::Failure);
        }
    }
}
