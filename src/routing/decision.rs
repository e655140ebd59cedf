use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::words::AgentName;

/// How a request asks to be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RoutingStrategy {
    /// By rules and a classifier, without a language model.
    Simple,
    /// By a language model first.
    Llm,
    /// By rules and a classifier, and by a language model where they are unsure.
    #[default]
    Hybrid,
}

impl RoutingStrategy {
    /// All of them, by the names that configuration and requests know them by.
    pub const NAMES: &[(&str, Self)] = &[
        ("simple", Self::Simple),
        ("llm", Self::Llm),
        ("hybrid", Self::Hybrid),
    ];
}

/// How several agents work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One agent.
    Single,
    /// One after another, each with the results of those before it.
    Sequential,
    /// All at once.
    Parallel,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decided {
    /// The request named its agents.
    Explicit,
    /// Keywords; whatever else was asked agreed, or had nothing to say.
    Simple,
    /// The classifier.
    Classifier,
    /// A language model.
    Llm,
    /// Nothing did; the fallback agent answers.
    Fallback,
}

impl Decided {
    /// Its name, as in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Simple => "simple",
            Self::Classifier => "classifier",
            Self::Llm => "llm",
            Self::Fallback => "fallback",
        }
    }
}

/// An agent that was considered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Its name.
    pub agent: AgentName,
    /// How sure the router is of it, 0 to 1.
    pub score: f64,
    /// What speaks for it.
    pub signals: Vec<Signal>,
    /// Its place among the agents that the router knows.
    #[serde(skip)]
    pub(super) place: usize,
}

/// Something that speaks for an agent; in JSON, the sentence that it is displayed as.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A keyword, or a regular expression, that was found.
    Keyword(Arc<str>),
    /// How sure the classifier is of it, 0 to 1.
    Classifier(f64),
    /// How sure the classifier with embeddings is of it, 0 to 1.
    Embedding(f64),
    /// What in the text the classifier goes by: words, and signs such as a path or a quantity.
    Because(Box<str>),
    /// How probable it is to a language model, 0 to 1.
    LanguageModel(f64),
}

impl Signal {
    /// What kind of signal it is, and what it says: together they are the sentence.
    fn with_parts<R>(&self, told: impl FnOnce([&str; 2]) -> R) -> R {
        let (kind, sure) = match self {
            Self::Keyword(keyword) => return told(["keyword: ", keyword]),
            Self::Because(reasons) => return told(["by ", reasons]),
            Self::Classifier(sure) => ("classifier ", sure),
            Self::Embedding(sure) => ("classifier with embeddings ", sure),
            Self::LanguageModel(sure) => ("language model ", sure),
        };
        told([kind, Share::of(*sure).as_str()])
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_parts(|[kind, said]| {
            f.write_str(kind)?;
            f.write_str(said)
        })
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_parts(|parts| serializer.serialize_str(&parts.concat()))
    }
}

/// A share as records tell it: two digits, and without what formatting any number costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share([u8; 4]);

impl Share {
    /// Of a number from 0 to 1.
    pub fn of(share: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 100
        let percent = (share.clamp(0.0, 1.0) * 100.0).round() as u8;
        let digit = |value: u8| b'0' + value % 10;
        Self([
            digit(percent / 100),
            b'.',
            digit(percent / 10),
            digit(percent),
        ])
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and a point are ASCII")
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The record of a routing decision, as every answer carries it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routing {
    /// What decided.
    pub strategy: Decided,
    /// The agent that fits best.
    pub primary_agent: AgentName,
    /// The others that take part, in order.
    pub secondary_agents: Vec<AgentName>,
    /// How sure the router is of the primary agent, 0 to 1.
    pub confidence: f64,
    /// Why, in a sentence.
    pub reasoning: Arc<str>,
    /// All that were considered, best first.
    pub candidates: Arc<[Candidate]>,
    /// What a language model said; null when none was asked, or none answered.
    pub llm: Option<Advice>,
    /// Whether the decision was remembered from an earlier request.
    pub cached: bool,
    /// Why a stage that should have decided did not, or an agent that should have been asked is not.
    pub fallback_reason: Option<String>,
}

/// What a language model said of a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// The model.
    pub model: String,
    /// The agents that it chose, in order; empty when it found none that fits.
    pub agents: Vec<AgentName>,
    /// How probable it found the first of them, 0 to 1, by the probabilities of its words; null where
    /// the server does not tell those. What a model says of its own confidence is not asked for.
    pub probability: Option<f64>,
    /// How long it took, milliseconds.
    pub took_ms: f64,
}

/// Who works on a request, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How they work together.
    pub mode: Mode,
    /// Who works, in order; never empty.
    pub agents: Vec<AgentName>,
    /// What each of them is asked, where the request asks several things; empty where all are asked
    /// the whole of it.
    pub parts: Vec<Arc<str>>,
    /// Why.
    pub routing: Arc<Routing>,
}

impl Plan {
    /// The agents as the caller named them; `None` mode means one alone, several in sequence.
    #[must_use]
    pub fn explicit(agents: Vec<AgentName>, mode: Option<Mode>) -> Option<Self> {
        let (primary, secondary) = agents.split_first()?;
        let routing = Routing {
            strategy: Decided::Explicit,
            primary_agent: primary.clone(),
            secondary_agents: secondary.to_vec(),
            confidence: 1.0,
            reasoning: "the request names its agents".into(),
            candidates: Arc::default(),
            llm: None,
            cached: false,
            fallback_reason: None,
        };
        let mode = mode.unwrap_or(match secondary {
            [] => Mode::Single,
            _ => Mode::Sequential,
        });
        Some(Self {
            mode,
            agents,
            parts: Vec::new(),
            routing: Arc::new(routing),
        })
    }

    /// The same plan, as one that was remembered.
    pub(super) fn remembered(&self) -> Self {
        let routing = Routing {
            cached: true,
            ..Routing::clone(&self.routing)
        };
        Self {
            routing: Arc::new(routing),
            ..self.clone()
        }
    }
}
