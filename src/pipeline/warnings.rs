//! Breakers before agents elsewhere: when one orchestrator's opens, the others open theirs.

use fastrand::f64 as chance;
use tokio::sync::broadcast::error::RecvError;

use super::Orchestrator;
use super::news::News;
use crate::judgement::BreakerCause;
use crate::words::{BreakerState, LifeEvent};

impl Orchestrator {
    /// Tells the others of breakers that open here, for ever.
    pub(crate) async fn warn_others(self) {
        let house = self.house();
        if !house.store.is_shared() {
            return;
        }
        let hearsay = BreakerCause::Elsewhere.to_string();
        let mut events = house.registry.events().subscribe();
        loop {
            let (instance, cause) = match events.recv().await {
                Ok(LifeEvent::BreakerChanged {
                    instance,
                    state: BreakerState::Open,
                    cause,
                }) => (instance, cause),
                // Others find out by themselves what was missed.
                Ok(_) | Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            if *cause != *hearsay && house.registry.is_elsewhere(&instance) {
                let news = News::Opened {
                    by: house.id,
                    instance: instance.to_string(),
                };
                self.tell_others(&news).await;
            }
        }
    }

    /// Leaves an instance alone that another orchestrator could not reach.
    pub(super) fn heed_warning(&self, instance: &str) {
        let registry = &self.house().registry;
        let agents = registry.all();
        let mut mailboxes = agents.iter().flat_map(|agent| &agent.instances);
        let meant = mailboxes.find(|mailbox| mailbox.instance().as_str() == instance);
        if let Some(mailbox) = meant.filter(|it| registry.is_elsewhere(it.instance())) {
            mailbox.open_breaker(chance());
        }
    }
}
