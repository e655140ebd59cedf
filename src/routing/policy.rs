//! What stands between what a stage said and who is asked: permission, health and risk.
//!
//! Whatever rules, classifier or language model said, an agent that the caller may not use, that
//! takes no work, or that needs more confidence than there is, is not asked. The next that fits
//! stands in, and the record names both.

use std::sync::Arc;

use super::decision::{Candidate, Decided, Mode, Plan, Routing};
use super::draft::{Draft, Errand};
use super::question::Question;
use crate::words::AgentName;

/// What has to speak for an agent at least for it to stand in for another.
const PLAUSIBLE: f64 = 0.1;

/// Nobody is left whom the caller may use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this caller may not use any agent that fits; it may use: {}", .0.join(", "))]
pub struct Denied(pub Vec<AgentName>);

/// What is known of the agents at this moment.
pub(super) struct Gate<'a> {
    pub fallback: &'a AgentName,
    /// Why an agent takes no work; `None` when it does.
    pub obstacle: &'a dyn Fn(&AgentName) -> Option<&'static str>,
    /// Who stands in for an agent before anybody else does, in order.
    pub stand_ins: &'a dyn Fn(&AgentName) -> Vec<AgentName>,
    /// How sure to be of an agent before it is asked.
    pub min_confidence: &'a dyn Fn(usize) -> f64,
}

/// Somebody who is asked.
struct Chosen {
    agent: AgentName,
    score: f64,
    part: Option<String>,
    is_fallback: bool,
}

impl Gate<'_> {
    /// Makes a plan of a draft.
    pub fn settle(&self, draft: &Draft, question: &Question<'_>) -> Result<Plan, Denied> {
        let mode = question.mode.unwrap_or(draft.mode);
        let mut remarks = draft
            .trouble
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let mut chosen: Vec<Chosen> = Vec::new();
        let errands = match mode {
            Mode::Single => &draft.errands[..1],
            Mode::Sequential | Mode::Parallel => &draft.errands[..],
        };
        for errand in errands {
            if let Some(choice) = self.choose(errand, question, &chosen, &mut remarks) {
                chosen.push(choice);
            }
        }
        if chosen.is_empty() || (chosen.len() == 1 && chosen[0].is_fallback) {
            chosen = vec![self.fall_back(question)?];
        }
        if mode != Mode::Single && errands.len() == 1 && !chosen[0].is_fallback {
            self.add_rivals(&errands[0], question, &mut chosen);
        }
        Ok(plan(
            draft,
            mode,
            question.mode.is_some(),
            &chosen,
            &remarks,
        ))
    }

    fn choose(
        &self,
        errand: &Errand,
        question: &Question<'_>,
        chosen: &[Chosen],
        remarks: &mut Vec<String>,
    ) -> Option<Chosen> {
        if errand.decided == Decided::Fallback {
            remarks.push(errand.reasoning.to_string());
            return None;
        }
        let mut refused: Vec<String> = Vec::new();
        for (rank, candidate) in errand.options.iter().enumerate() {
            if rank > 0 && candidate.score < PLAUSIBLE {
                break;
            }
            match self.objection(candidate, question) {
                None => {
                    let agent = candidate.agent.clone();
                    if !refused.is_empty() {
                        remarks.push(format!("{}; {agent} stands in", refused.join(", ")));
                    }
                    let known = chosen.iter().any(|known| known.agent == agent);
                    return (!known).then(|| Chosen {
                        agent,
                        score: candidate.score,
                        part: errand.part.clone(),
                        is_fallback: false,
                    });
                }
                Some(objection) => {
                    let agent = &candidate.agent;
                    refused.push(format!("{agent} {objection}"));
                    if let Some(stand_in) = self.stand_in(agent, question) {
                        remarks.push(format!("{}; {stand_in} stands in", refused.join(", ")));
                        let known = chosen.iter().any(|known| known.agent == stand_in);
                        return (!known).then(|| Chosen {
                            agent: stand_in,
                            score: candidate.score,
                            part: errand.part.clone(),
                            is_fallback: false,
                        });
                    }
                }
            }
        }
        remarks.push(format!(
            "{}; {} stands in",
            refused.join(", "),
            self.fallback
        ));
        None
    }

    /// Why an agent is not asked.
    fn objection(&self, candidate: &Candidate, question: &Question<'_>) -> Option<String> {
        let Candidate { agent, score, .. } = candidate;
        if question
            .permitted
            .is_some_and(|permitted| !permitted.contains(agent))
        {
            return Some("may not be used by this caller".to_owned());
        }
        if let Some(obstacle) = (self.obstacle)(agent) {
            return Some(obstacle.to_owned());
        }
        let needed = (self.min_confidence)(candidate.place);
        (*score < needed).then(|| format!("needs a confidence of {needed:.2} (min_confidence)"))
    }

    /// The first that its configuration names, if it may be asked.
    fn stand_in(&self, agent: &AgentName, question: &Question<'_>) -> Option<AgentName> {
        let may = |name: &AgentName| {
            question
                .permitted
                .is_none_or(|permitted| permitted.contains(name))
                && (self.obstacle)(name).is_none()
        };
        (self.stand_ins)(agent).into_iter().find(may)
    }

    fn fall_back(&self, question: &Question<'_>) -> Result<Chosen, Denied> {
        match question.permitted {
            Some(permitted) if !permitted.contains(self.fallback) => {
                Err(Denied(permitted.to_vec()))
            }
            _ => Ok(Chosen {
                agent: self.fallback.clone(),
                score: 0.0,
                part: None,
                is_fallback: true,
            }),
        }
    }

    /// Where several are wanted and one thing is asked, all do it that fit at least a third as well.
    fn add_rivals(&self, errand: &Errand, question: &Question<'_>, chosen: &mut Vec<Chosen>) {
        let best = chosen[0].score;
        for candidate in errand.options.iter() {
            let agent = &candidate.agent;
            let fits = candidate.score * 3.0 >= best;
            let known = chosen.iter().any(|known| known.agent == *agent);
            if fits && !known && self.objection(candidate, question).is_none() {
                chosen.push(Chosen {
                    agent: agent.clone(),
                    score: candidate.score,
                    part: None,
                    is_fallback: false,
                });
            }
        }
    }
}

fn plan(draft: &Draft, mode: Mode, is_told: bool, chosen: &[Chosen], remarks: &[String]) -> Plan {
    let mode = if chosen.len() == 1 && !is_told {
        Mode::Single
    } else {
        mode
    };
    let primary = &chosen[0];
    let strategy = if primary.is_fallback {
        Decided::Fallback
    } else {
        draft.errands[0].decided
    };
    let parts = if chosen.len() > 1 {
        chosen
            .iter()
            .filter_map(|choice| choice.part.as_deref())
            .map(Into::into)
            .collect()
    } else {
        Vec::new()
    };
    let agents: Vec<AgentName> = chosen.iter().map(|choice| choice.agent.clone()).collect();
    let routing = Routing {
        strategy,
        primary_agent: primary.agent.clone(),
        secondary_agents: agents[1..].to_vec(),
        confidence: primary.score,
        reasoning: reasoning(draft, primary, chosen, mode),
        candidates: candidates(draft),
        llm: draft.advice.clone(),
        cached: false,
        fallback_reason: (!remarks.is_empty()).then(|| remarks.join("; ")),
    };
    Plan {
        mode,
        parts: if parts.len() == agents.len() {
            parts
        } else {
            Vec::new()
        },
        agents,
        routing: Arc::new(routing),
    }
}

fn reasoning(draft: &Draft, primary: &Chosen, chosen: &[Chosen], mode: Mode) -> Arc<str> {
    let first = &draft.errands[0].reasoning;
    if primary.is_fallback {
        return format!("{first}, so the fallback agent answers").into();
    }
    if chosen.len() == 1 || draft.errands.len() == 1 {
        return Arc::clone(first);
    }
    let names: Vec<&str> = chosen[1..].iter().map(|choice| &*choice.agent).collect();
    let how = match mode {
        Mode::Sequential => "then",
        Mode::Single | Mode::Parallel => "at the same time",
    };
    let names = names.join(", ");
    format!("{first}; the request asks for more, {how} {names}").into()
}

/// All that were considered: those of the first errand, and the best of each other.
fn candidates(draft: &Draft) -> Arc<[Candidate]> {
    if draft.errands.len() == 1 {
        return Arc::clone(&draft.errands[0].options);
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    let rest = draft.errands[1..]
        .iter()
        .filter_map(|errand| errand.options.first());
    for candidate in draft.errands[0].options.iter().chain(rest) {
        match candidates
            .iter_mut()
            .find(|known| known.agent == candidate.agent)
        {
            Some(known) if known.score < candidate.score => {
                *known = candidate.clone();
            }
            Some(_) => {}
            None => candidates.push(candidate.clone()),
        }
    }
    candidates.into()
}
