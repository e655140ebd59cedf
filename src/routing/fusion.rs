//! What a language model said, weighed against what the classifier and the rules said.

use super::advice::Consultation;
use super::decision::{Candidate, Decided, Mode, RoutingStrategy, Signal};
use super::draft::{Draft, Errand};
use super::guide::Guide;
use crate::words::AgentName;

/// How much a model counts: as a power of its probability. Where it is asked first it counts more.
const AS_AN_EQUAL: i32 = 1;
const AS_THE_FIRST: i32 = 3;
/// How probable its choice is taken to be where the server does not tell.
const UNTOLD: f64 = 0.7;
/// No probability is taken for less, or its opposite for more: nobody is that sure.
const LEAST: f64 = 0.02;

impl Guide {
    /// Adds to a draft what the model said of it.
    pub fn fuse(&self, draft: &mut Draft, consultation: Consultation, strategy: RoutingStrategy) {
        let Consultation { advice, unknown } = consultation;
        draft.advice = Some(advice.clone());
        if !unknown.is_empty() {
            let names = unknown.join("`, `");
            draft
                .trouble
                .push(format!("the language model named `{names}`, which there is not").into());
        }
        let power = match strategy {
            RoutingStrategy::Llm => AS_THE_FIRST,
            RoutingStrategy::Simple | RoutingStrategy::Hybrid => AS_AN_EQUAL,
        };
        let Some(first) = advice.agents.first() else {
            if strategy == RoutingStrategy::Llm || draft.errands[0].best().is_none() {
                decline(draft, &advice.model);
            }
            return;
        };
        let told = advice
            .probability
            .unwrap_or(UNTOLD)
            .clamp(LEAST, 1.0 - LEAST);
        let Some(mut errand) = self.weighed(&draft.errands[0], first, told, power) else {
            return;
        };
        if strategy == RoutingStrategy::Llm && draft.errands[0].best().is_none() {
            // Where nobody else is sure of anybody, whoever is asked first is followed.
            let mut options = errand.options.to_vec();
            options.sort_by_key(|option| option.agent != *first);
            errand.options = options.into();
        }
        let agrees = errand.options[0].agent == *first;
        if !agrees {
            draft.errands[0] = errand;
            return;
        }
        let reasoning = format!(
            "the language model {} chose {first}; before, {}",
            advice.model, draft.errands[0].reasoning
        );
        let primary = Errand {
            decided: Decided::Llm,
            reasoning: reasoning.into(),
            ..errand
        };
        self.adopt(draft, primary, &advice.agents[1..]);
    }

    /// The options of an errand, with the model's choice among them, each as probable as both make it.
    fn weighed(&self, errand: &Errand, first: &AgentName, told: f64, power: i32) -> Option<Errand> {
        let mut options = errand.options.to_vec();
        if !options.iter().any(|option| option.agent == *first) {
            options.push(self.opinion(first, 0.0)?);
        }
        #[allow(clippy::cast_precision_loss)] // a handful
        let others = (1.0 - told) / (options.len() - 1).max(1) as f64;
        for option in &mut options {
            let chosen = option.agent == *first;
            let said: f64 = if chosen { told } else { others };
            if chosen {
                option.signals.push(Signal::LanguageModel(told));
            }
            option.score = option.score.max(LEAST) * said.powi(power);
        }
        let sum: f64 = options.iter().map(|option| option.score).sum();
        for option in &mut options {
            option.score = (option.score / sum * 1000.0).round() / 1000.0;
        }
        options.sort_by(|a, b| b.score.total_cmp(&a.score));
        Some(Errand {
            options: options.into(),
            ..errand.clone()
        })
    }

    /// Takes the model's list for the draft's, but for parts that the draft knows.
    fn adopt(&self, draft: &mut Draft, primary: Errand, others: &[AgentName]) {
        let known = std::mem::take(&mut draft.errands);
        let part_of = |agent: &AgentName| {
            let asked = |errand: &&Errand| errand.best().is_some_and(|best| best.agent == *agent);
            known
                .iter()
                .find(asked)
                .and_then(|errand| errand.part.clone())
        };
        let first = primary.options[0].agent.clone();
        draft.errands.push(Errand {
            part: part_of(&first),
            ..primary
        });
        for agent in others {
            let Some(opinion) = self.opinion(agent, UNTOLD) else {
                continue;
            };
            draft.errands.push(Errand {
                part: part_of(agent),
                options: [opinion].into(),
                decided: Decided::Llm,
                reasoning: format!("the language model chose {agent}, too").into(),
            });
        }
        if draft.errands.len() == 1 {
            draft.mode = Mode::Single;
            draft.errands[0].part = None;
        } else if draft.mode == Mode::Single {
            draft.mode = Mode::Sequential;
        }
        if draft.errands.iter().any(|errand| errand.part.is_none()) {
            draft
                .errands
                .iter_mut()
                .for_each(|errand| errand.part = None);
        }
    }

    fn opinion(&self, agent: &AgentName, score: f64) -> Option<Candidate> {
        let place = self.cards.iter().position(|card| card.name == *agent)?;
        Some(Candidate {
            agent: agent.clone(),
            score,
            signals: Vec::new(),
            place,
        })
    }
}

fn decline(draft: &mut Draft, model: &str) {
    let first = &mut draft.errands[0];
    first.decided = Decided::Fallback;
    first.part = None;
    first.reasoning = format!("the language model {model} finds that no agent fits").into();
    draft.errands.truncate(1);
    draft.mode = Mode::Single;
}
