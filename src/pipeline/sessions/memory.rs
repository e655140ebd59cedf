//! What this orchestrator knows of sessions while the store is away, and who waits here for which.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::{Mutex as Line, OwnedMutexGuard};

use super::SessionConfig;
use super::session::{Session, SessionTurn};
use super::turn::write;
use crate::pipeline::tenure::Tenure;
use crate::pipeline::{House, Orchestrator};
use crate::store::{StoreError, session_key};
use crate::words::SessionId;

/// Sessions that are remembered in case the store goes away.
const REMEMBERED: usize = 1000;
/// Turns that wait for the store; those of more requests are lost, and counted.
const MOST_UNWRITTEN: usize = 10_000;
/// How often what waits for the store is offered to it.
const RETRY: Duration = Duration::from_millis(500);

/// Sessions, as this orchestrator knows them.
pub(crate) struct Sessions {
    known: Cache<SessionId, Arc<Session>>,
    lines: Mutex<HashMap<SessionId, Arc<Line<()>>>>,
    unwritten: Mutex<Unwritten>,
}

/// What was said while the store was away, by session.
#[derive(Default)]
struct Unwritten {
    said: HashMap<SessionId, Vec<SessionTurn>>,
    count: usize,
    lost: u64,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            known: Cache::new(REMEMBERED),
            lines: Mutex::default(),
            unwritten: Mutex::default(),
        }
    }

    /// The line of those who wait here for that session.
    pub(super) fn line(&self, id: &SessionId) -> Arc<Line<()>> {
        let mut lines = lock(&self.lines);
        Arc::clone(lines.entry(id.clone()).or_default())
    }

    /// Forgets the line of a session, if nobody else stands in it.
    pub(super) fn leave(&self, id: &SessionId, place: OwnedMutexGuard<()>) {
        let mut lines = lock(&self.lines);
        drop(place);
        // Whoever waits has a share of the line.
        if lines
            .get(id)
            .is_some_and(|line| Arc::strong_count(line) == 1)
        {
            lines.remove(id);
        }
    }

    /// What is known of a session when the store cannot be asked.
    pub(super) fn remembered(&self, id: &SessionId, config: &SessionConfig) -> Session {
        let known = self.known.get(id).map(|known| Session::clone(&known));
        let known = self.with_unwritten(id.as_str(), known, config);
        known.unwrap_or_else(|| Session::new(id.clone()))
    }

    pub(super) fn remember(&self, session: &Session) {
        let id = session.session_id.clone();
        self.known.insert(id, Arc::new(session.clone()));
    }

    /// The session with what was said in it and is not written.
    pub(super) fn with_unwritten(
        &self,
        id: &str,
        session: Option<Session>,
        config: &SessionConfig,
    ) -> Option<Session> {
        let id = SessionId::parse(id)?;
        let unwritten = lock(&self.unwritten);
        let Some(said) = unwritten.said.get(&id) else {
            return session;
        };
        let mut session = session.unwrap_or_else(|| Session::new(id));
        for request in said.chunk_by(|a, b| a.request_id == b.request_id) {
            session.add(request, config);
        }
        Some(session)
    }

    /// Keeps what was said until the store can be written.
    pub(super) fn put_aside(&self, id: &SessionId, said: &[SessionTurn]) {
        let mut unwritten = lock(&self.unwritten);
        if unwritten.count + said.len() > MOST_UNWRITTEN {
            unwritten.lost += 1;
            return;
        }
        unwritten.count += said.len();
        let of_session = unwritten.said.entry(id.clone()).or_default();
        of_session.extend_from_slice(said);
    }

    pub(super) fn forget(&self, id: &str) {
        if let Some(id) = SessionId::parse(id) {
            self.known.remove(&id);
            self.written(&id, usize::MAX);
        }
    }

    /// Turns that wait for the store, and requests whose turns were lost.
    pub(in crate::pipeline) fn report(&self) -> (usize, u64) {
        let unwritten = lock(&self.unwritten);
        (unwritten.count, unwritten.lost)
    }

    fn unwritten(&self) -> Vec<(SessionId, Vec<SessionTurn>)> {
        let unwritten = lock(&self.unwritten);
        let said = unwritten.said.iter();
        said.map(|(id, said)| (id.clone(), said.clone())).collect()
    }

    /// How many turns of a session wait for the store.
    pub(super) fn count_unwritten(&self, id: &SessionId) -> usize {
        lock(&self.unwritten).said.get(id).map_or(0, Vec::len)
    }

    /// Forgets the first turns of those that wait for the store.
    pub(super) fn written(&self, id: &SessionId, count: usize) {
        let mut unwritten = lock(&self.unwritten);
        let Some(said) = unwritten.said.get_mut(id) else {
            return;
        };
        let count = count.min(said.len());
        said.drain(..count);
        if said.is_empty() {
            unwritten.said.remove(id);
        }
        unwritten.count -= count;
    }
}

impl Orchestrator {
    /// Adds what was said while the store was away to its sessions as soon as that is possible, for
    /// ever.
    pub(crate) async fn catch_up(self) {
        let house = self.house();
        loop {
            tokio::time::sleep(RETRY).await;
            for (id, said) in house.sessions.unwritten() {
                if add(house, &id, &said).await.is_err() {
                    break;
                }
            }
        }
    }
}

/// Adds to a stored session, unless somebody works on a turn of it just now.
async fn add(house: &House, id: &SessionId, said: &[SessionTurn]) -> Result<(), StoreError> {
    let (config, key) = (&house.config.session, session_key(id.as_str()));
    let Ok(tenure) = Tenure::begin(&house.store, &key, house.config.lease).await? else {
        return Ok(());
    };
    let stored = house.store.read(key).await?;
    let stored = stored.and_then(|stored| Session::read(&stored));
    let mut session = stored.unwrap_or_else(|| Session::new(id.clone()));
    for request in said.chunk_by(|a, b| a.request_id == b.request_id) {
        session.add(request, config);
    }
    if write(&tenure, &session, config).await? {
        house.sessions.remember(&session);
        house.sessions.written(id, said.len());
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one of the locks is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
