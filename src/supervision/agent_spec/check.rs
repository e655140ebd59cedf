use std::collections::HashSet;

use super::AgentSpec;
use crate::words::{AgentName, name_fault};

/// Why a spec was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The name cannot be used in paths and configuration.
    #[error("`{0}` is no name for an agent: {1}")]
    Name(AgentName, &'static str),
    /// Another agent has that name.
    #[error("there are two agents named `{0}`: rename one of them")]
    Taken(AgentName),
    /// A number that must not be zero is.
    #[error("agent `{agent}` has {what} 0: it needs at least 1")]
    Zero {
        /// Which agent.
        agent: AgentName,
        /// What is zero.
        what: &'static str,
    },
}

impl SpecError {
    pub(in crate::supervision) fn zero_instances(agent: &AgentName) -> Self {
        Self::Zero {
            agent: agent.clone(),
            what: "instances",
        }
    }
}

impl AgentSpec {
    /// Checks that these agents can live in one orchestrator.
    ///
    /// # Errors
    /// The first thing that is wrong with one of them.
    pub fn check_all(specs: &[Self]) -> Result<(), SpecError> {
        let mut names = HashSet::new();
        for spec in specs {
            spec.check()?;
            if !names.insert(spec.name()) {
                return Err(SpecError::Taken(spec.card.name.clone()));
            }
        }
        Ok(())
    }

    /// Checks this one alone.
    pub(in crate::supervision) fn check(&self) -> Result<(), SpecError> {
        let agent = || self.card.name.clone();
        if let Some(fault) = name_fault(self.name()) {
            return Err(SpecError::Name(agent(), fault));
        }
        let least = self.weights.iter().copied().min();
        let counts = [
            ("instances", self.instances),
            ("concurrency", self.capacity.concurrency),
            ("a weight of", least.map_or(1, |weight| weight as usize)),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((what, _)) => Err(SpecError::Zero {
                agent: agent(),
                what,
            }),
            None => Ok(()),
        }
    }
}
