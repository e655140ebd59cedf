use std::borrow::Cow;
use std::sync::Arc;

use super::decision::{Advice, Candidate, Decided, Mode, Plan};

/// A lead that is no more than this is none.
const NARROW: f64 = 0.05;
/// Requests of more bytes are long.
const LONG: usize = 600;
/// So many agents that all may fit are many.
const MANY: usize = 5;
const RIVAL: f64 = 0.2;

/// A decision in the making: what is asked, and who could do it. What agents are allowed, able and
/// safe to do is not looked at yet.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The things that are asked, that of the primary agent first; never empty.
    pub errands: Vec<Errand>,
    pub mode: Mode,
    /// What a language model said of it.
    pub advice: Option<Advice>,
    /// What did not work on the way.
    pub trouble: Vec<Cow<'static, str>>,
}

/// One thing that is asked.
#[derive(Debug, Clone)]
pub(super) struct Errand {
    /// Its words; `None`: all of the request.
    pub part: Option<String>,
    /// Who could do it, best first.
    pub options: Arc<[Candidate]>,
    pub decided: Decided,
    pub reasoning: Arc<str>,
}

impl Draft {
    /// Whether the plan asks just those that fit best.
    pub fn is_followed_by(&self, plan: &Plan) -> bool {
        let best = self.errands.iter().filter_map(Errand::best);
        let best = best.map(|best| &best.agent);
        self.trouble.is_empty()
            && plan
                .agents
                .iter()
                .all(|agent| best.clone().any(|it| it == agent))
    }

    /// Whether it should be looked at again: some agent is not sure enough, or hardly ahead of another.
    /// With a threshold of 0, nothing should.
    pub fn is_unsure(&self, threshold: f64) -> bool {
        let unsure = |errand: &Errand| errand.confidence() < threshold || errand.margin() < NARROW;
        threshold > 0.0 && self.errands.iter().any(unsure)
    }

    /// Whether a larger model had better look at it.
    pub fn is_complex(&self, text: &str) -> bool {
        let first = &self.errands[0].options;
        let rivals = first.iter().filter(|option| option.score >= RIVAL).count();
        self.errands.len() > 1 || text.len() > LONG || rivals >= MANY
    }
}

impl Errand {
    /// The agent that fits best, where any does.
    pub fn best(&self) -> Option<&Candidate> {
        self.options
            .first()
            .filter(|_| self.decided != Decided::Fallback)
    }

    /// How sure to be of it.
    pub fn confidence(&self) -> f64 {
        self.best().map_or(0.0, |best| best.score)
    }

    /// By how much it is ahead of the next.
    pub fn margin(&self) -> f64 {
        let next = self.options.get(1).map_or(0.0, |next| next.score);
        self.confidence() - next
    }
}
