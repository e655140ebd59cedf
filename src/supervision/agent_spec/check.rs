use std::collections::{BTreeMap, HashSet};

use super::AgentSpec;
use crate::words::{AgentName, Pattern, name_fault, nearest};

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
    /// An agent falls back to one that is not there.
    #[error("agent `{agent}` falls back to `{fallback}`, and there is no agent of that name{hint}")]
    UnknownFallback {
        /// Which agent.
        agent: AgentName,
        /// Whom it falls back to.
        fallback: AgentName,
        /// Who may be meant.
        hint: String,
    },
    /// Agents fall back to one another.
    #[error("agents fall back to one another in a circle: {}; take one of them out", shown(.0))]
    FallbackLoop(Vec<AgentName>),
    /// An agent would have a task done twice at once that must not be done twice.
    #[error("agent `{0}` is hedged and not retry-safe: two instances work on one task then")]
    UnsafeHedge(AgentName),
    /// What shall speak for an agent is no regular expression.
    #[error("agent `{agent}` has a keyword that is no regular expression: {reason}")]
    Regex {
        /// Which agent.
        agent: AgentName,
        /// What is wrong with it, and where.
        reason: String,
    },
}

/// `a → b → a`
fn shown(circle: &[AgentName]) -> String {
    let names: Vec<String> = circle.iter().map(|name| format!("`{name}`")).collect();
    names.join(" → ")
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
        let fallbacks = specs
            .iter()
            .map(|spec| (&spec.card.name, &spec.fallback[..]));
        check_fallbacks(&fallbacks.collect())
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
        if self.hedge && !self.retry_safe {
            return Err(SpecError::UnsafeHedge(agent()));
        }
        for keyword in &self.card.keywords {
            if let Pattern::Regex(regex) = &keyword.pattern
                && let Err(error) = regex::Regex::new(regex)
            {
                let reason = error.to_string();
                return Err(SpecError::Regex {
                    agent: agent(),
                    reason,
                });
            }
        }
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((what, _)) => Err(SpecError::Zero {
                agent: agent(),
                what,
            }),
            None => Ok(()),
        }
    }
}

/// Whom each agent falls back to.
pub(in crate::supervision) type Fallbacks<'a> = BTreeMap<&'a AgentName, &'a [AgentName]>;

/// Checks that agents fall back to agents that are there, and in the end to nobody.
pub(in crate::supervision) fn check_fallbacks(all: &Fallbacks<'_>) -> Result<(), SpecError> {
    for (agent, fallbacks) in all {
        if let Some(fallback) = fallbacks.iter().find(|name| !all.contains_key(name)) {
            let known: Vec<&str> = all.keys().map(|name| &***name).collect();
            let nearest = nearest(fallback, &known);
            return Err(SpecError::UnknownFallback {
                agent: (*agent).clone(),
                fallback: fallback.clone(),
                hint: nearest.map_or_else(String::new, |it| format!("; did you mean `{it}`?")),
            });
        }
    }
    let mut sound = HashSet::new();
    let circles = all.keys().find_map(|agent| {
        let mut path = Vec::new();
        circle(agent, all, &mut path, &mut sound).then_some(path)
    });
    circles.map_or(Ok(()), |circle| Err(SpecError::FallbackLoop(circle)))
}

/// Whether somebody on the way from that agent is met again: the way from there to there is left
/// in `path` then. Agents from which nobody is met again are `sound`.
fn circle<'a>(
    agent: &'a AgentName,
    all: &Fallbacks<'a>,
    path: &mut Vec<AgentName>,
    sound: &mut HashSet<&'a AgentName>,
) -> bool {
    if sound.contains(agent) {
        return false;
    }
    if let Some(met) = path.iter().position(|name| name == agent) {
        path.drain(..met);
        path.push(agent.clone());
        return true;
    }
    path.push(agent.clone());
    let fallbacks = all.get(agent).copied().unwrap_or_default();
    if fallbacks.iter().any(|next| circle(next, all, path, sound)) {
        return true;
    }
    path.pop();
    sound.insert(agent);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fallbacks: &[(&str, &[&str])]) -> Result<(), String> {
        let names = |names: &[&str]| names.iter().map(|name| AgentName::from(*name)).collect();
        let owned = fallbacks
            .iter()
            .map(|(agent, to)| (AgentName::from(*agent), names(to)));
        let owned: Vec<(AgentName, Vec<AgentName>)> = owned.collect();
        let all = owned.iter().map(|(agent, to)| (agent, &to[..]));
        check_fallbacks(&all.collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn agents_may_fall_back_to_several_and_these_to_others() {
        let tree = [
            ("a", &["b", "c"][..]),
            ("b", &["d"]),
            ("c", &["d"]),
            ("d", &[]),
        ];
        assert_eq!(check(&tree), Ok(()));
    }

    #[test]
    fn circles_are_named() {
        let itself = check(&[("a", &["a"])]).unwrap_err();
        assert!(itself.contains("`a` → `a`"), "{itself}");
        let three = check(&[("a", &["b"]), ("b", &["c"]), ("c", &["d", "b"]), ("d", &[])]);
        let three = three.unwrap_err();
        assert!(three.contains("`b` → `c` → `b`"), "{three}");
    }

    #[test]
    fn who_is_not_there_is_named_and_who_may_be_meant() {
        let said = check(&[("a", &["chat_agnet"]), ("chat_agent", &[])]).unwrap_err();
        assert!(said.contains("`chat_agnet`"), "{said}");
        assert!(said.contains("did you mean `chat_agent`?"), "{said}");
    }
}
