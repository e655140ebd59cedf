//! Server-Sent Events: what happens to a request, while it happens or afterwards.

use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use futures::stream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::once::Answering;
use super::query::{self, Parameters};
use super::respond::{Response, respond};
use crate::pipeline::{
    Answer, ErrorType, Follower, Numbered, OrchestrationRequest, Orchestrator, Problem,
};
use crate::words::{RequestEvent, RequestId};

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How long nothing is said at most, so that everybody on the way knows that the stream is alive.
const SILENCE: Duration = Duration::from_secs(15);

/// `GET /requests/{id}/events`
pub(super) async fn follow(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    id: Path<String>,
    query: Query<Parameters>,
) -> Response {
    respond(&request, async |_| {
        let name = "last_event_id";
        let after = query::read(&query, &[name], |query| query.integer(name, 0..=u64::MAX))?;
        let said = request.headers().get(LAST_EVENT_ID);
        let said = said.and_then(|it| it.to_str().ok()?.trim().parse().ok());
        let after = said.or(after).unwrap_or(0);
        Ok(match orchestrator.events(&id, after).await? {
            Some(follower) => streaming(follower),
            // Whoever has read all need not come again.
            None => HttpResponse::NoContent().finish(),
        })
    })
    .await
}

/// Whether the client asks for events rather than for JSON.
pub(super) fn are_wanted(request: &HttpRequest) -> bool {
    let said = request.headers().get_all(header::ACCEPT);
    let said: Vec<&str> = said.filter_map(|it| it.to_str().ok()).collect();
    let accepts = |name: &str| {
        let ranges = said.iter().flat_map(|it| it.split(','));
        let mut names = ranges.map(|range| range.split(';').next().unwrap_or_default());
        names.any(|it| it.trim().eq_ignore_ascii_case(name))
    };
    accepts(EVENT_STREAM) && !accepts("application/json")
}

/// A request that is answered by events: those that happen, and in the end the answer or the problem.
pub(super) fn answering(
    orchestrator: &Orchestrator,
    id: RequestId,
    request: OrchestrationRequest,
    answering: Answering,
) -> HttpResponse {
    let (tell, events) = unbounded_channel();
    let audience = move |number, event: &RequestEvent| {
        // Whoever listens no more has gone away, and the request is dropped.
        let _ = tell.send(Numbered::new(number, event));
    };
    let orchestrator = orchestrator.clone();
    // It goes on while nobody reads; it ends with whoever would.
    let working = actix_web::rt::spawn(async move {
        let audience = Box::new(audience);
        orchestrator.run(id, request, Some(audience)).await
    });
    streaming(Aloud {
        id,
        working: Working(working),
        events,
        outcome: None,
        last: 0,
        answering: Some(answering),
        finishing: None,
    })
}

/// Something that tells one event after another.
trait Source {
    async fn next(&mut self) -> Option<Numbered>;
}

impl Source for Follower {
    async fn next(&mut self) -> Option<Numbered> {
        self.next().await
    }
}

/// A request that is worked on until this is dropped.
struct Working(JoinHandle<Result<Answer, Problem>>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request that is worked on as long as somebody listens.
struct Aloud {
    id: RequestId,
    working: Working,
    events: UnboundedReceiver<Numbered>,
    outcome: Option<Result<Answer, Problem>>,
    /// The number of the last event.
    last: u64,
    answering: Option<Answering>,
    /// The last event, once the answer is kept.
    finishing: Option<(Numbered, LocalBoxFuture<'static, ()>)>,
}

impl Source for Aloud {
    /// May be dropped at any time, and goes on where it was.
    async fn next(&mut self) -> Option<Numbered> {
        while self.outcome.is_none() && self.answering.is_some() {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => {
                    self.last = event.number;
                    return Some(event);
                }
                done = &mut self.working.0 => {
                    self.outcome = Some(done.unwrap_or_else(|_| Err(panicked(self.id))));
                }
            }
        }
        if let Ok(event) = self.events.try_recv() {
            self.last = event.number;
            return Some(event);
        }
        if let (Some(outcome), Some(answering)) = (self.outcome.take(), self.answering.take()) {
            let number = self.last + 1;
            let event = match &outcome {
                Ok(answer) => Numbered::completed(number, answer.json().clone()),
                Err(problem) => Numbered::failed(number, problem),
            };
            self.finishing = Some((event, Box::pin(answering.answered(outcome))));
        }
        let (_, kept) = self.finishing.as_mut()?;
        kept.await;
        self.finishing.take().map(|(event, _)| event)
    }
}

fn panicked(id: RequestId) -> Problem {
    log::error!("request {id}: the handler of its events panicked");
    let detail = "this is a bug; the log of the orchestrator has more under the request's id";
    Problem::new(ErrorType::InternalError, detail).of_request(id)
}

/// One event, for whoever was given the answer before.
pub(super) fn only(event: &Numbered) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        .body(line(event))
}

fn streaming(source: impl Source + 'static) -> HttpResponse {
    let next = async |mut source| {
        let next = tokio::time::timeout(SILENCE, Source::next(&mut source)).await;
        let said = match next {
            Ok(event) => line(&event?),
            Err(_silence) => Bytes::from_static(b": keep-alive\n\n"),
        };
        Some((Ok::<_, std::convert::Infallible>(said), source))
    };
    HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream::unfold(source, next))
}

/// An event as it is sent.
fn line(event: &Numbered) -> Bytes {
    let Numbered { number, name, data } = event;
    let data = String::from_utf8_lossy(data);
    format!("id: {number}\nevent: {name}\ndata: {data}\n\n").into()
}
