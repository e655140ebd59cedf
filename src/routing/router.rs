use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message, StreamHandler};
use arc_swap::ArcSwapOption;
use log::error;

use super::decision::{Candidate, Decided, Routing, RoutingStrategy};
use super::rules::{Match, RuleTable};
use crate::supervision::{Changed, Registry};
use crate::words::{AgentCard, AgentName};

/// Candidates that the record names at most.
const SHOWN: usize = 5;

/// Owns the rules that follow from what agents are known for, and publishes them. It follows the
/// registry: an agent that cannot be expected to take work is not routed to.
#[derive(Debug)]
pub struct Router {
    registry: Registry,
    published: Routes,
}

/// The rules as last published; cheap to clone, read from any thread without waiting.
#[derive(Debug, Clone)]
pub struct Routes {
    fallback: AgentName,
    table: Arc<ArcSwapOption<RuleTable>>,
}

/// Looks at the registry now; answered when what follows is published.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Survey;

impl Router {
    /// A router to the agents of that registry, which publishes to `published`.
    #[must_use]
    pub fn new(registry: Registry, published: Routes) -> Self {
        Self {
            registry,
            published,
        }
    }

    fn survey(&self) {
        let agents = self.registry.all();
        let available = agents.iter().filter(|agent| agent.is_available());
        self.published.publish(available.map(|agent| &agent.card));
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(self.registry.changes());
    }
}

impl Handler<Survey> for Router {
    type Result = ();

    fn handle(&mut self, _: Survey, _: &mut Self::Context) {
        self.survey();
    }
}

impl StreamHandler<Changed> for Router {
    fn handle(&mut self, _: Changed, _: &mut Self::Context) {
        self.survey();
    }
}

impl Routes {
    /// No rules yet: everything goes to the fallback agent.
    #[must_use]
    pub fn new(fallback: AgentName) -> Self {
        Self {
            fallback,
            table: Arc::default(),
        }
    }

    /// Replaces the rules by those of these agents; on failure the old ones stay.
    pub fn publish<'a>(&self, cards: impl IntoIterator<Item = &'a AgentCard>) {
        match RuleTable::new(cards) {
            Ok(table) => self.table.store(Some(Arc::new(table))),
            Err(reason) => error!("routing rules are not replaced: {reason}"),
        }
    }

    /// Decides who should work on the text.
    #[must_use]
    pub fn route(&self, text: &str, strategy: RoutingStrategy) -> Routing {
        let table = self.table.load();
        let matches = table.as_ref().map(|table| table.matches(text));
        let mut routing = match matches {
            Some(matches) if !matches.is_empty() => by_rules(&matches),
            _ => self.fall_back(),
        };
        if strategy == RoutingStrategy::Llm {
            routing.fallback_reason = Some("no language model is configured".to_owned());
        }
        routing
    }

    fn fall_back(&self) -> Routing {
        let reason = "no keyword of any agent is in the request";
        Routing {
            strategy: Decided::Fallback,
            primary_agent: self.fallback.clone(),
            secondary_agents: Vec::new(),
            confidence: 0.0,
            reasoning: format!("{reason}, so the fallback agent answers"),
            candidates: Vec::new(),
            llm: None,
            cached: false,
            fallback_reason: Some(reason.to_owned()),
        }
    }
}

fn by_rules(matches: &[Match]) -> Routing {
    let total: f64 = matches.iter().map(|m| m.weight).sum();
    let primary = &matches[0];
    let rivals = matches[1..].iter();
    let secondary = rivals.take_while(|rival| rival.weight * 2.0 >= primary.weight);
    Routing {
        strategy: Decided::Simple,
        primary_agent: primary.agent.clone(),
        secondary_agents: secondary.map(|m| m.agent.clone()).collect(),
        confidence: confidence(primary.weight, total),
        reasoning: reasoning(primary),
        candidates: matches
            .iter()
            .take(SHOWN)
            .map(|m| candidate(m, total))
            .collect(),
        llm: None,
        cached: false,
        fallback_reason: None,
    }
}

fn candidate(found: &Match, total: f64) -> Candidate {
    let signals = found.keywords.iter().map(|k| format!("keyword: {k}"));
    Candidate {
        agent: found.agent.clone(),
        score: confidence(found.weight, total),
        signals: signals.collect(),
    }
}

/// The agent's share of all that speaks for anybody, less what so little evidence leaves open:
/// one ordinary keyword alone makes for 0.63, two for 0.86, four for 0.98.
fn confidence(weight: f64, total: f64) -> f64 {
    let certainty = (weight / total) * (1.0 - (-weight).exp());
    (certainty * 1000.0).round() / 1000.0
}

fn reasoning(found: &Match) -> String {
    let quoted: Vec<String> = found.keywords.iter().map(|k| format!("\"{k}\"")).collect();
    format!("{} speaks for {}", quoted.join(", "), found.agent)
}
