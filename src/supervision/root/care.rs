//! In whose care each instance is.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use actix::{AsyncContext, Context};

use super::branch::{Branch, Charter};
use super::{AgentSpec, RegistryError, Root};
use crate::judgement::Pace;
use crate::mailbox::Mailbox;
use crate::supervision::agent_spec::MailboxRules;
use crate::supervision::supervisor::{Admit, Charge, Disband, Dismiss};

impl Root {
    /// The branch for this agent, which is started if there is none yet.
    fn branch(&mut self, spec: &AgentSpec, ctx: &mut Context<Self>) -> &mut Branch {
        let group = spec.shared_group();
        let name = group.unwrap_or(spec.name());
        let mut branches = self.branches.iter();
        let joined = branches.position(|it| {
            it.is_group == group.is_some() && &*it.name == name && !it.charges.is_empty()
        });
        let at = joined.unwrap_or_else(|| {
            let common = self.rules.supervisor_of(group);
            self.founded += 1;
            let charter = Charter {
                id: self.founded,
                name: name.into(),
                is_group: group.is_some(),
                config: spec.supervisor.unwrap_or(common),
            };
            let to = ctx.address().recipient();
            self.branches
                .push(Branch::start(charter, self.kit.clone(), to));
            self.branches.len() - 1
        });
        &mut self.branches[at]
    }

    /// The branch of these instances, which are all of one agent.
    pub(super) fn branch_of(&mut self, children: &[u64]) -> Option<&mut Branch> {
        let first = *children.first()?;
        let mut branches = self.branches.iter_mut();
        branches.find(|branch| branch.cares_for(first))
    }

    /// More instances of the agent, which keep that pace, in the care of its supervisor.
    pub(super) fn admit(
        &mut self,
        spec: &AgentSpec,
        numbers: Range<usize>,
        pace: &Arc<Pace>,
        ctx: &mut Context<Self>,
    ) -> Result<Vec<Arc<Mailbox>>, RegistryError> {
        let places = self
            .kit
            .threads
            .assign(numbers.len(), spec.capacity.blocking);
        let places = places.map_err(|cause| RegistryError::NoThread {
            agent: spec.card.name.clone(),
            cause: cause.to_string(),
        })?;
        let rules = MailboxRules {
            breaker: self.rules.breaker,
            events: &self.kit.events,
            pace,
            now: self.kit.clock.now(),
        };
        let charges = numbers.zip(places).map(|(number, place)| Charge {
            mailbox: spec.mailbox(number, &rules),
            number,
            launch: spec.launch.clone(),
            policy: spec.policy,
            place,
        });
        let charges: Vec<Charge> = charges.collect();
        let branch = self.branch(spec, ctx);
        for charge in &charges {
            branch.charges.push(charge.clone());
            branch.supervisor.do_send(Admit(charge.clone()));
        }
        Ok(charges.into_iter().map(|charge| charge.mailbox).collect())
    }

    /// Parts with instances of one agent once their work is done.
    pub(super) fn part_with(&mut self, instances: &[Arc<Mailbox>], patience: Duration) {
        self.kit.registry.let_go(instances);
        let children: Vec<u64> = instances.iter().map(|it| it.serial()).collect();
        let goes = |charge: &Charge| children.contains(&charge.mailbox.serial());
        let kit = self.kit.clone();
        let Some(branch) = self.branch_of(&children) else {
            return;
        };
        let (gone, kept) = std::mem::take(&mut branch.charges)
            .into_iter()
            .partition(goes);
        branch.charges = kept;
        if branch.supervisor.connected() {
            let dismiss = Dismiss { children, patience };
            branch.supervisor.do_send(dismiss);
        } else {
            // There is none between its end and its revival.
            kit.dismiss(gone);
        }
        if branch.charges.is_empty() {
            branch.supervisor.do_send(Disband);
        }
    }
}
