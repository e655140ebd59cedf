//! A turn of a session: from waiting for it until what was said is written.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

use super::session::{Session, SessionTurn};
use super::{SessionConcurrency, SessionConfig};
use crate::pipeline::tenure::Tenure;
use crate::pipeline::{AnswerBody, ErrorType, House, Problem};
use crate::store::{Entry, StoreError, session_key};
use crate::words::{RequestId, Role, SessionId, Turn, to_json};

/// How long it takes at most until a session is asked for again that was held elsewhere.
const GLANCE: Duration = Duration::from_millis(20);

/// How long somebody waits for a turn, if at all.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Wait {
    until: Instant,
    concurrency: SessionConcurrency,
}

/// The right to take a turn.
pub(in crate::pipeline) struct SessionLease<'a> {
    house: &'a House,
    id: SessionId,
    /// Nothing, while the store is away.
    tenure: Option<Tenure>,
    place: Option<OwnedMutexGuard<()>>,
}

/// A turn that is being taken.
pub(in crate::pipeline) struct TurnTaken<'a> {
    lease: SessionLease<'a>,
    session: Session,
    /// Turns among these that waited for the store.
    unwritten: usize,
}

impl Wait {
    pub(in crate::pipeline) fn until(until: Instant, concurrency: SessionConcurrency) -> Self {
        Self { until, concurrency }
    }

    fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn over(self, id: &SessionId) -> Problem {
        match self.concurrency {
            SessionConcurrency::Enqueue => {
                let detail = format!("the session `{id}` was busy until the time was up");
                Problem::new(ErrorType::DeadlineExceeded, detail)
            }
            SessionConcurrency::Reject => {
                let detail = format!(
                    "the session `{id}` is busy with another request; turns are taken one after \
                     another"
                );
                Problem::new(ErrorType::SessionBusy, detail).retryable(true)
            }
        }
    }
}

impl<'a> SessionLease<'a> {
    /// Waits until nobody else takes a turn.
    pub(in crate::pipeline) async fn take(
        house: &'a House,
        id: &SessionId,
        wait: Wait,
    ) -> Result<Self, Problem> {
        let place = stand_in_line(house, id, wait).await?;
        let mut lease = Self {
            house,
            id: id.clone(),
            tenure: None,
            place: Some(place),
        };
        let key = session_key(id.as_str());
        loop {
            match Tenure::begin(&house.store, &key, house.config.lease).await {
                Ok(Ok(tenure)) => {
                    lease.tenure = Some(tenure);
                    return Ok(lease);
                }
                // What can be said without the store is said.
                Err(_away) => return Ok(lease),
                Ok(Err(_held)) if wait.concurrency == SessionConcurrency::Reject => {
                    return Err(wait.over(id));
                }
                Ok(Err(left)) => {
                    let pause = GLANCE.mul_f64(0.5 + fastrand::f64() / 2.0).min(left);
                    if wait.left() <= pause {
                        return Err(wait.over(id));
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Begins the turn of a request: what was said before is read, without what an earlier attempt at
    /// the request has said.
    pub(in crate::pipeline) async fn begin(mut self, request: RequestId) -> TurnTaken<'a> {
        let (house, config) = (self.house, &self.house.config.session);
        let read = match &self.tenure {
            Some(_) => house.store.read(session_key(self.id.as_str())).await.ok(),
            None => None,
        };
        let unwritten = house.sessions.count_unwritten(&self.id);
        let mut session = if let Some(stored) = read {
            let stored = stored.and_then(|stored| Session::read(&stored));
            let known = house
                .sessions
                .with_unwritten(self.id.as_str(), stored, config);
            known.unwrap_or_else(|| Session::new(self.id.clone()))
        } else {
            self.tenure = None;
            house.sessions.remembered(&self.id, config)
        };
        session.turns.retain(|turn| turn.request_id != request);
        TurnTaken {
            lease: self,
            session,
            unwritten,
        }
    }
}

impl Drop for SessionLease<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.house.sessions.leave(&self.id, place);
        }
    }
}

impl TurnTaken<'_> {
    /// What was said before.
    pub(in crate::pipeline) fn history(&self) -> Vec<Turn> {
        self.session.history()
    }

    /// Ends the turn: writes down what was said.
    pub(in crate::pipeline) async fn end(mut self, question: String, answer: &AnswerBody) {
        let (house, config) = (self.lease.house, &self.lease.house.config.session);
        let said = said(question, answer);
        self.session.add(&said, config);
        house.sessions.remember(&self.session);
        let written = match &self.lease.tenure {
            Some(tenure) => write(tenure, &self.session, config).await.unwrap_or(false),
            None => false,
        };
        if !written {
            // The store has had its time; what it may still hold of ours ends by itself.
            return house.sessions.put_aside(&self.lease.id, &said);
        }
        house.sessions.written(&self.lease.id, self.unwritten);
        if let Some(tenure) = self.lease.tenure.take() {
            // Whoever is next here need not ask twice.
            tenure.end().await;
        }
    }
}

async fn stand_in_line(
    house: &House,
    id: &SessionId,
    wait: Wait,
) -> Result<OwnedMutexGuard<()>, Problem> {
    let line = house.sessions.line(id);
    match wait.concurrency {
        SessionConcurrency::Reject => line.try_lock_owned().map_err(|_busy| wait.over(id)),
        SessionConcurrency::Enqueue => {
            let place = tokio::time::timeout(wait.left(), line.lock_owned()).await;
            place.map_err(|_elapsed| wait.over(id))
        }
    }
}

/// Writes a session; `false` when somebody else has taken a turn of it meanwhile.
pub(super) async fn write(
    tenure: &Tenure,
    session: &Session,
    config: &SessionConfig,
) -> Result<bool, StoreError> {
    let key = session_key(session.session_id.as_str());
    tenure
        .write(Entry::new(key, to_json(session), config.ttl))
        .await
}

/// What a user and an agent said.
fn said(question: String, answer: &AnswerBody) -> [SessionTurn; 2] {
    let turn = |role, content, agent, request_id: RequestId| SessionTurn {
        role,
        content,
        agent,
        request_id,
        at: Timestamp::now(),
    };
    let agent = answer.agents_used.last().cloned();
    let content = answer.result.content.clone();
    [
        turn(Role::User, question, None, answer.request_id),
        turn(Role::Assistant, content, agent, answer.request_id),
    ]
}
