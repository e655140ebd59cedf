//! Conversations: turns of one session are taken one after another, by whichever orchestrator, and each
//! is given what was said before.
//!
//! Whoever takes a turn waits in line among those who came to the same orchestrator, and then asks for
//! the lease of the session, which the store gives to one at a time. What was said is written under that
//! lease. One that is held by an orchestrator that crashed, or stands still, ends by itself.
//!
//! Edges: while the store is away, turns go on with what this orchestrator knows of the session, and
//! what was said is added to the session when the store is back: nothing that was answered is left out,
//! but turns that were taken elsewhere meanwhile do not know of it.

mod memory;
mod session;
mod turn;

use std::time::Duration;

use super::{ErrorType, Orchestrator, Problem};
use crate::store::{JournalReport, session_key};
use crate::words::SessionId;

pub use session::{Session, SessionTurn};

pub(crate) use memory::Sessions;
pub(super) use turn::{SessionLease, TurnTaken, Wait};

/// How conversations are kept.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// How long a session is kept after its last turn.
    pub ttl: Duration,
    /// How many turns are kept, those of users and those of agents, the newest.
    pub max_turns: usize,
    /// How many tokens they may have together, taken to be four characters each; the newest turn is
    /// kept however long it is.
    pub max_tokens: usize,
    /// What becomes of a request whose session is busy.
    pub concurrency: SessionConcurrency,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(86_400),
            max_turns: 50,
            max_tokens: 16_000,
            concurrency: SessionConcurrency::Enqueue,
        }
    }
}

/// What becomes of a request whose session is busy with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionConcurrency {
    /// It waits for its turn, as long as its deadline allows.
    Enqueue,
    /// It is refused.
    Reject,
}

impl SessionConcurrency {
    /// All of them, by the names that the configuration knows them by.
    pub const NAMES: &[(&str, Self)] = &[("enqueue", Self::Enqueue), ("reject", Self::Reject)];
}

impl Orchestrator {
    /// What was said in that session.
    ///
    /// # Errors
    /// `SessionNotFound` when nothing is known of it (any more), `StateUnavailable`.
    pub async fn session(&self, id: &str) -> Result<Session, Problem> {
        let house = self.house();
        let read = house.store.read(session_key(id)).await;
        let stored = read.map_err(|error| Problem::no_state(&error))?;
        let stored = stored.and_then(|stored| Session::read(&stored));
        let session = house
            .sessions
            .with_unwritten(id, stored, &house.config.session);
        session.ok_or_else(|| no_such_session(id))
    }

    /// How writing behind is going, of records and of turns of sessions together.
    #[must_use]
    pub fn unwritten(&self) -> JournalReport {
        let (journal, (turns, lost)) = (&self.house().journal, self.house().sessions.report());
        let report = journal.report();
        JournalReport {
            pending: report.pending + turns,
            dropped: report.dropped + lost,
            ..report
        }
    }

    /// Forgets a session, once nobody works on a turn of it, and returns what was said.
    ///
    /// # Errors
    /// `SessionNotFound` when nothing is known of it (any more), `SessionBusy` when its turns do not
    /// end in time, `StateUnavailable`.
    pub async fn forget_session(&self, id: &str) -> Result<Session, Problem> {
        let house = self.house();
        self.session(id).await?;
        let known = SessionId::parse(id).ok_or_else(|| no_such_session(id))?;
        let patience = house.config.request_timeout;
        let wait = Wait::until(
            std::time::Instant::now() + patience,
            SessionConcurrency::Enqueue,
        );
        let lease = SessionLease::take(house, &known, wait).await?;
        let session = self.session(id).await?;
        house.sessions.forget(id);
        let removed = house.store.remove(session_key(id), None).await;
        removed.map_err(|error| Problem::no_state(&error))?;
        drop(lease);
        Ok(session)
    }
}

fn no_such_session(id: &str) -> Problem {
    let detail =
        format!("there is no session `{id}`; a session is kept for a while after its last turn");
    Problem::new(ErrorType::SessionNotFound, detail)
}
