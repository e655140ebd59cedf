use std::sync::Arc;
use std::time::Instant;

use super::AgentSpec;
use crate::judgement::{BreakerConfig, Pace};
use crate::mailbox::{Capacity, Mailbox, MailboxSpec};
use crate::supervision::events::LifeEvents;
use crate::words::InstanceId;

/// What the mailboxes of an agent have in common, and its spec does not say.
pub(in crate::supervision) struct MailboxRules<'a> {
    pub breaker: BreakerConfig,
    pub events: &'a LifeEvents,
    pub pace: &'a Arc<Pace>,
    pub now: Instant,
}

impl AgentSpec {
    /// The mailbox of the instance of that number, which keeps that pace.
    pub(in crate::supervision) fn mailbox(
        &self,
        number: usize,
        rules: &MailboxRules<'_>,
    ) -> Arc<Mailbox> {
        let instance = InstanceId::new(self.name(), number);
        let spec = MailboxSpec {
            agent: self.card.name.clone(),
            number,
            weight: self.weights.get(number).copied().unwrap_or(1),
            capacity: Capacity {
                job_timeout: self.job_timeout.of(self.capacity.timeout),
                ..self.capacity
            },
            breaker: rules.breaker,
            listener: Some(rules.events.clone().of_breaker(instance)),
            pace: Arc::clone(rules.pace),
        };
        Mailbox::new(spec, rules.now)
    }
}
