//! A reader of Server-Sent Events.

use agent_orchestrator::RequestId;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::client::Client;

/// An event that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

/// A stream of events that is read one by one.
pub(crate) struct Events {
    response: Response,
    unread: String,
}

impl Events {
    /// Sends the request, which is answered by events.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let unread = String::new();
        Self { response, unread }
    }

    /// The next event; `None` at the end. What is said between events is passed over.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let event = event(block);
                rest.to_owned().clone_into(&mut self.unread);
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// All that is left to the end.
    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// The events of a request after that one.
pub(crate) async fn follow(client: &Client, id: RequestId, after: u64) -> Events {
    let request = client.request(Method::GET, &format!("/requests/{id}/events"));
    Events::of(request.header("Last-Event-ID", after)).await
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Some(Event {
        id: field("id")?.parse().unwrap(),
        name: field("event").unwrap().to_owned(),
        data: serde_json::from_str(field("data").unwrap()).unwrap(),
    })
}
