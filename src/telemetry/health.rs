use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use crate::judgement::BreakerState;
use crate::mailbox::{Mailbox, Vitals};
use crate::supervision::{Registered, Registry};
use crate::words::{AgentName, milliseconds};

/// How the agents are: the body of `GET /agents/health`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentsHealth {
    /// Agents with an instance that can be expected to answer.
    pub healthy_agents: Vec<AgentName>,
    /// The others.
    pub unhealthy_agents: Vec<AgentName>,
    /// All of them.
    pub total_agents: usize,
    /// `healthy` when all agents are, else `degraded`.
    pub system_health: &'static str,
    /// Each in detail.
    pub agents: BTreeMap<AgentName, AgentHealth>,
}

/// How one agent is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentHealth {
    /// `healthy` or `unhealthy`.
    pub status: &'static str,
    /// Why it is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was last asked, UTC.
    pub checked_at: Option<Timestamp>,
    /// How long it took to say, milliseconds.
    pub response_time_ms: Option<f64>,
}

/// How the orchestrator is, by how its agents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrchestratorStatus {
    /// All agents are healthy.
    Healthy,
    /// Some agent is not.
    Warning,
    /// More than half of the agents are not.
    Degraded,
}

/// How the agents of the registry are, as far as is known at this moment.
#[must_use]
pub fn agents_health(registry: &Registry) -> AgentsHealth {
    let now = Instant::now();
    let known = registry.all().into_iter();
    let agents: BTreeMap<AgentName, AgentHealth> = known
        .map(|agent| (agent.card.name.clone(), agent_health(&agent, now)))
        .collect();
    let named = |status| {
        let named = agents
            .iter()
            .filter(move |(_, health)| health.status == status);
        named.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let unhealthy_agents = named("unhealthy");
    AgentsHealth {
        healthy_agents: named("healthy"),
        total_agents: agents.len(),
        system_health: if unhealthy_agents.is_empty() {
            "healthy"
        } else {
            "degraded"
        },
        unhealthy_agents,
        agents,
    }
}

impl AgentsHealth {
    /// What that makes of the orchestrator.
    #[must_use]
    pub fn orchestrator_status(&self) -> OrchestratorStatus {
        match self.unhealthy_agents.len() {
            0 => OrchestratorStatus::Healthy,
            some if some * 2 > self.total_agents => OrchestratorStatus::Degraded,
            _ => OrchestratorStatus::Warning,
        }
    }
}

/// An agent is as healthy as its healthiest instance.
fn agent_health(agent: &Registered, now: Instant) -> AgentHealth {
    let instances = agent.instances.iter().map(|mailbox| {
        let vitals = mailbox.vitals();
        (verdict(mailbox, &vitals, now), vitals)
    });
    let Some((verdict, vitals)) = instances.min_by_key(|(verdict, _)| verdict.is_err()) else {
        return AgentHealth {
            status: "unhealthy",
            error: Some("it has no instances".to_owned()),
            checked_at: None,
            response_time_ms: None,
        };
    };
    AgentHealth {
        status: if verdict.is_ok() {
            "healthy"
        } else {
            "unhealthy"
        },
        error: verdict.err(),
        checked_at: vitals.checked_at,
        response_time_ms: vitals.check_took.map(milliseconds),
    }
}

fn verdict(mailbox: &Mailbox, vitals: &Vitals, now: Instant) -> Result<(), String> {
    vitals.verdict()?;
    match mailbox.breaker_state(now) {
        BreakerState::Open => Err("its circuit breaker is open".to_owned()),
        BreakerState::Closed | BreakerState::HalfOpen => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(unhealthy: usize, total: usize) -> OrchestratorStatus {
        AgentsHealth {
            healthy_agents: Vec::new(),
            unhealthy_agents: vec!["a".into(); unhealthy],
            total_agents: total,
            system_health: "degraded",
            agents: BTreeMap::new(),
        }
        .orchestrator_status()
    }

    #[test]
    fn more_than_half_unhealthy_is_degraded_and_any_a_warning() {
        assert_eq!(status(0, 4), OrchestratorStatus::Healthy);
        assert_eq!(status(1, 4), OrchestratorStatus::Warning);
        assert_eq!(status(2, 4), OrchestratorStatus::Warning);
        assert_eq!(status(3, 4), OrchestratorStatus::Degraded);
    }
}
