//! Who asks agents elsewhere how they are: of all orchestrators that share the state one, for all.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mailbox::{Health, Mailbox};
use crate::store::{Claim, Entry, Lease, StateKey, Store};
use crate::words::{milliseconds, to_json};

/// Asks for the right to go round, and tells the others what was found.
#[derive(Clone)]
pub(super) struct Rounds {
    store: Arc<dyn Store>,
    lease: Lease,
    /// How long whoever goes round may not be heard of before somebody else does.
    span: Duration,
}

/// How an instance was when it was asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Finding {
    /// Why it was not well; nothing, if it was.
    pub unwell: Option<String>,
    pub checked_at: Timestamp,
    pub took_ms: f64,
}

impl Rounds {
    pub(super) fn new(store: Arc<dyn Store>, interval: Duration) -> Self {
        Self {
            store,
            lease: Lease::of(&StateKey::Health),
            span: 2 * interval + Duration::from_secs(1),
        }
    }

    /// Whether there may be others.
    pub(super) fn are_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// Whether it is on this orchestrator to go round; on each, while the store cannot tell.
    pub(super) async fn are_ours(&self) -> bool {
        if !self.store.is_shared() {
            return true;
        }
        let claim = self.store.acquire(self.lease.clone(), self.span).await;
        !matches!(claim, Ok(Claim::Held { .. }))
    }

    /// Tells the others how an instance is.
    pub(super) async fn report(&self, mailbox: &Mailbox) {
        let vitals = mailbox.vitals();
        let (Some(checked_at), true) = (vitals.checked_at, self.store.is_shared()) else {
            return;
        };
        let finding = Finding {
            unwell: match vitals.health {
                Health::Unwell(reason) => Some(reason),
                Health::Well | Health::Unknown => None,
            },
            checked_at,
            took_ms: vitals.check_took.map_or(0.0, milliseconds),
        };
        let (key, instance) = (StateKey::Health.to_string(), mailbox.instance().to_string());
        let entry = Entry::field(key, instance, to_json(&finding), 2 * self.span);
        // Whoever is not told keeps what it knew.
        let _ = self.store.write(vec![entry]).await;
    }

    /// What whoever goes round has found of late, by instance.
    pub(super) async fn findings(&self) -> Vec<(String, Finding)> {
        let told = self.store.fields(StateKey::Health.to_string()).await;
        let told = told.unwrap_or_default().into_iter();
        told.filter_map(|(instance, finding)| {
            Some((instance, serde_json::from_slice(&finding).ok()?))
        })
        .collect()
    }
}
