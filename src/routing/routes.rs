mod helping;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::decision::{Plan, RoutingStrategy};
use super::draft::Draft;
use super::guide::Guide;
use super::learning::Schooling;
use super::memory::{Circumstances, Memory, MemoryConfig, Remembered};
use super::policy::{Denied, Gate};
use super::question::Question;
use super::rules::RuleError;
use crate::supervision::Registry;
use crate::words::{AgentCard, AgentName};

pub(crate) use helping::Helpers;

/// What the router knows, as last published; cheap to clone, read from any thread without waiting.
#[derive(Debug, Clone)]
pub struct Routes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fallback: AgentName,
    /// Says who takes work; without one, everybody does.
    registry: Option<Registry>,
    guide: ArcSwap<Edition>,
    editions: AtomicU64,
    memory: Memory,
    helpers: Helpers,
}

/// A guide, and its number.
#[derive(Debug)]
pub(super) struct Edition {
    pub number: u64,
    pub guide: Guide,
}

/// A decision that may still need advice.
enum Decision {
    /// It is made.
    Made(Plan),
    /// Here is what can be said without asking anybody.
    Drafted(Sketch),
}

/// A draft, with what it was drafted by and what it will be remembered by.
struct Sketch {
    edition: Arc<Edition>,
    draft: Draft,
    circumstances: Circumstances,
}

impl Routes {
    /// Nothing is known yet: everything goes to the fallback agent. Nothing is remembered either.
    #[must_use]
    pub fn new(fallback: AgentName) -> Self {
        Self::of(fallback, None, MemoryConfig::NONE, Helpers::default())
    }

    /// The same, for agents that may take no work, as the registry says.
    pub(crate) fn of(
        fallback: AgentName,
        registry: Option<Registry>,
        memory: MemoryConfig,
        helpers: Helpers,
    ) -> Self {
        let nobody = Edition {
            number: 0,
            guide: Guide::ignorant(),
        };
        Self {
            shared: Arc::new(Shared {
                fallback,
                registry,
                guide: ArcSwap::from_pointee(nobody),
                editions: AtomicU64::new(1),
                memory: Memory::new(memory),
                helpers,
            }),
        }
    }

    /// Learns what there is to learn of these agents, and decides by that from now on.
    ///
    /// # Errors
    /// When their keywords cannot be used; what was known before stays.
    pub fn publish<'a>(
        &self,
        cards: impl IntoIterator<Item = &'a AgentCard>,
    ) -> Result<Option<Schooling>, RuleError> {
        let (guide, schooling) = Guide::new(cards.into_iter().cloned().collect(), &[])?;
        self.replace(guide);
        Ok(schooling)
    }

    pub(super) fn replace(&self, guide: Guide) {
        // What is made at the first use is not to be waited for by the first request.
        guide.draft(&Question::new("First this, and then don't do that."), None);
        let number = self.shared.editions.fetch_add(1, Ordering::Relaxed);
        self.shared.guide.store(Arc::new(Edition { number, guide }));
    }

    /// Decides who works on the question; a language model is asked where that is configured, the
    /// question's strategy wants it and the rest is unsure, for at most half of the time that there is.
    ///
    /// Dropping the future cancels whatever it waits for.
    ///
    /// # Errors
    /// When the caller may use nobody who fits, nor the fallback agent.
    pub async fn decide(&self, question: &Question<'_>, time: Duration) -> Result<Plan, Denied> {
        let mut sketch = match self.begin(question)? {
            Decision::Made(plan) => return Ok(plan),
            Decision::Drafted(sketch) => sketch,
        };
        let was_helped = self.help(&mut sketch, question, time).await;
        self.settle(sketch, question, was_helped)
    }

    /// Decides who works on the question, without a language model.
    ///
    /// # Errors
    /// When the caller may use nobody who fits, nor the fallback agent.
    pub fn route(&self, question: &Question<'_>) -> Result<Plan, Denied> {
        let question = &Question {
            strategy: RoutingStrategy::Simple,
            ..*question
        };
        match self.begin(question)? {
            Decision::Made(plan) => Ok(plan),
            Decision::Drafted(sketch) => self.settle(sketch, question, true),
        }
    }

    /// What is remembered, or else a draft.
    fn begin(&self, question: &Question<'_>) -> Result<Decision, Denied> {
        let edition = self.shared.guide.load();
        let memory = &self.shared.memory;
        let circumstances = memory.circumstances(question, edition.number);
        if let Some(found) = memory.find(question.content, circumstances) {
            if let Some(plan) = found.plan_again().filter(|plan| self.is_clear(plan)) {
                return Ok(Decision::Made(plan.clone()));
            }
            let plan = self.gate(&edition.guide, |gate| gate.settle(&found.draft, question));
            return Ok(Decision::Made(plan?.remembered()));
        }
        Ok(Decision::Drafted(Sketch {
            draft: edition.guide.draft(question, None),
            edition: Arc::clone(&edition),
            circumstances,
        }))
    }

    /// Makes a plan of a draft, and remembers it if it may be.
    fn settle(
        &self,
        sketch: Sketch,
        question: &Question<'_>,
        may_remember: bool,
    ) -> Result<Plan, Denied> {
        let Sketch {
            edition,
            draft,
            circumstances,
        } = sketch;
        self.gate(&edition.guide, |gate| {
            let plan = gate.settle(&draft, question)?;
            if may_remember {
                let memory = &self.shared.memory;
                memory.keep(question.content, circumstances, || {
                    let follows = draft.is_followed_by(&plan);
                    Remembered::new(draft, follows.then(|| plan.clone()))
                });
            }
            Ok(plan)
        })
    }

    fn gate<T>(&self, guide: &Guide, pass: impl FnOnce(&Gate<'_>) -> T) -> T {
        pass(&Gate {
            fallback: &self.shared.fallback,
            obstacle: &|agent| self.obstacle(agent),
            stand_ins: &|agent| self.stand_ins(agent),
            min_confidence: &|place| guide.cards[place].min_confidence,
        })
    }

    /// Whether nothing stands in the way of its agents.
    fn is_clear(&self, plan: &Plan) -> bool {
        plan.agents
            .iter()
            .all(|agent| self.obstacle(agent).is_none())
    }

    /// Why an agent takes no work.
    fn obstacle(&self, agent: &AgentName) -> Option<&'static str> {
        let registry = self.shared.registry.as_ref()?;
        match registry.find(agent) {
            Some(agent) => agent.obstacle(),
            None => Some("is not there any more"),
        }
    }

    /// Who stands in for an agent, as it is configured.
    fn stand_ins(&self, agent: &AgentName) -> Vec<AgentName> {
        let registry = self.shared.registry.as_ref();
        let agent = registry.and_then(|registry| registry.find(agent));
        agent.map_or_else(Vec::new, |agent| agent.fallback.clone())
    }
}
