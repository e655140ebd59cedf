//! The orchestrators that share the state, and which of them live.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Orchestrator, Problem};
use crate::store::{Entry, StateKey, Store, StoreError};
use crate::supervision::Registry;
use crate::words::{BreakerState, to_json};

/// An orchestrator says so often that it lives, while it would be believed.
const BEATS: u32 = 5;
/// Every so many beats it is looked who is gone.
const TIDY: u32 = 64;
/// How long an orchestrator is remembered that is not heard of any more.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// One orchestrator, as the others see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub instance_id: Uuid,
    /// Where it listens; not known of one that serves no HTTP by itself.
    pub address: Option<String>,
    pub version: String,
    pub started_at: Timestamp,
    pub last_seen: Timestamp,
    /// Requests that it works on.
    pub in_flight: usize,
    /// Instances of agents whose breakers are open there.
    #[serde(default)]
    pub open_breakers: Vec<String>,
}

/// Those who share the state.
pub(crate) struct Peers {
    id: Uuid,
    store: Arc<dyn Store>,
    started_at: Timestamp,
    address: OnceLock<String>,
    lease: Duration,
    /// When the store was away for the last time.
    missed: Mutex<Option<Instant>>,
    /// Rung when there is more to say than that it lives.
    bell: Notify,
}

impl Peers {
    pub(crate) fn new(id: Uuid, store: Arc<dyn Store>, lease: Duration) -> Self {
        Self {
            id,
            store,
            started_at: Timestamp::now(),
            address: OnceLock::new(),
            lease,
            missed: Mutex::default(),
            bell: Notify::new(),
        }
    }

    /// Says where this orchestrator listens.
    pub(crate) fn listens_at(&self, address: String) {
        // Whoever serves it a second time is found at the first address.
        let _ = self.address.set(address);
        self.bell.notify_one();
    }

    /// Whether the orchestrator of that id lives; one of which nobody can tell is taken to.
    pub(super) async fn lives(&self, id: Uuid) -> bool {
        if id == self.id {
            return true;
        }
        if !self.store.is_shared() {
            return false;
        }
        let heard = self.store.read(StateKey::Instance(id).to_string()).await;
        !matches!(heard, Ok(None)) || !self.in_touch_for(self.lease)
    }

    /// Whether the store has been there for so long, so that others have had the time to say that they
    /// live.
    pub(super) fn in_touch_for(&self, span: Duration) -> bool {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.is_none_or(|missed| missed.elapsed() >= span)
    }

    fn note_missed(&self) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        *missed = Some(Instant::now());
    }

    fn me(&self, in_flight: usize, registry: &Registry) -> Peer {
        Peer {
            instance_id: self.id,
            address: self.address.get().cloned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            last_seen: Timestamp::now(),
            in_flight,
            open_breakers: open_breakers(registry),
        }
    }

    async fn beat(&self, me: &Peer, lease: Duration) -> Result<(), StoreError> {
        let id = self.id;
        let alive = Entry::new(StateKey::Instance(id).to_string(), to_json(me), lease);
        let known = StateKey::Instances.to_string();
        let known = Entry::field(known, id.to_string(), "", REMEMBERED);
        self.store.write(vec![alive, known]).await
    }

    async fn all(&self) -> Result<Vec<Peer>, StoreError> {
        let known = self.store.fields(StateKey::Instances.to_string()).await?;
        let ids: Vec<Uuid> = known.iter().filter_map(|(id, _)| id.parse().ok()).collect();
        let keys = ids.iter().map(|id| StateKey::Instance(*id).to_string());
        let read = self.store.read_all(keys.collect()).await?;
        let mut peers = Vec::new();
        for (id, peer) in ids.into_iter().zip(read) {
            if let Some(peer) = peer {
                peers.extend(serde_json::from_slice(&peer).ok());
            } else {
                let known = StateKey::Instances.to_string();
                self.store.remove(known, Some(id.to_string())).await?;
            }
        }
        Ok(peers)
    }
}

/// The instances of agents whose breakers are open.
fn open_breakers(registry: &Registry) -> Vec<String> {
    let (agents, now) = (registry.all(), Instant::now());
    let mailboxes = agents.iter().flat_map(|agent| &agent.instances);
    let open = mailboxes.filter(|it| it.breaker_state(now) == BreakerState::Open);
    open.map(|mailbox| mailbox.instance().to_string()).collect()
}

impl Orchestrator {
    /// The orchestrators that share the state and live, the oldest first.
    ///
    /// # Errors
    /// `StateUnavailable`.
    pub(crate) async fn peers(&self) -> Result<Vec<Peer>, Problem> {
        let peers = &self.house().peers;
        let me = peers.me(self.in_flight(), self.registry());
        if !peers.store.is_shared() {
            return Ok(vec![me]);
        }
        let all = peers.all().await;
        let mut all = all.map_err(|error| Problem::no_state(&error))?;
        all.retain(|peer| peer.instance_id != me.instance_id);
        all.push(me);
        all.sort_by_key(|peer| (peer.started_at, peer.instance_id));
        Ok(all)
    }

    /// Requests that are worked on here.
    pub(crate) fn in_flight(&self) -> usize {
        self.house().admission.in_flight()
    }

    /// Says again and again that this orchestrator lives, until it ends.
    pub(crate) async fn beat(self) {
        let house = self.house();
        if !house.store.is_shared() {
            return;
        }
        let (mut beats, mut missed_before) = (0_u32, false);
        while !house.admission.is_closed() {
            if beats.is_multiple_of(TIDY) {
                // Those who are gone are taken off the list; next time, if not now.
                let _ = house.peers.all().await;
            }
            beats = beats.wrapping_add(1);
            let me = house.peers.me(self.in_flight(), &house.registry);
            // Others notice when it cannot be said; the journal says why.
            let missed = house.peers.beat(&me, house.config.lease).await.is_err();
            if missed || missed_before {
                house.peers.note_missed();
            }
            missed_before = missed;
            let beat = house.config.lease / BEATS;
            let _ = tokio::time::timeout(beat, house.peers.bell.notified()).await;
        }
    }

    /// Says that this orchestrator has ended.
    pub(super) async fn take_leave(&self) {
        let key = StateKey::Instance(self.house().id).to_string();
        // If this cannot be said, it is found out soon.
        let _ = self.house().store.remove(key, None).await;
    }
}
