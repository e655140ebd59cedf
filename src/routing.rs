//! Which agents get a request.
//!
//! A cascade, cheapest first, each stage with a confidence and a reason:
//!
//! - a request that names its agents is not routed at all;
//! - rules (words, phrases, regular expressions, see [`RuleTable`]) and a classifier that is trained at
//!   the start from what agents are known for, in microseconds;
//! - a language model, where those are unsure and one is configured;
//! - the fallback agent.
//!
//! Whatever they say, permission, health and risk are looked at afterwards. The [`Router`] is an actor
//! that follows who there is and publishes what it has learned; deciding happens on the caller's
//! thread. A router never fails a request.

mod advice;
mod asking;
mod classifier;
mod clauses;
mod decision;
mod draft;
mod drafting;
mod embedding;
mod evaluation;
mod evidence;
mod fusion;
mod guide;
mod injection;
mod judging;
mod learning;
mod memory;
mod negation;
mod orders;
mod policy;
mod question;
mod router;
mod routes;
mod rules;
mod school;
mod signs;
mod text;
mod vectors;

pub use advice::AdviceConfig;
pub(crate) use advice::Adviser;
pub use decision::{Advice, Candidate, Decided, Mode, Plan, Routing, RoutingStrategy, Signal};
pub(crate) use embedding::Embedder;
pub use embedding::{EmbeddingConfig, EmbeddingReport};
pub use evaluation::{Coverage, Evaluation, Mistake, OutOfScope, Report, Sample};
pub use learning::Schooling;
pub use memory::MemoryConfig;
pub use orders::{Inspect, Learn, ModelReport, Remember, RollBack, Survey};
pub use policy::Denied;
pub use question::Question;
pub use router::Router;
pub(crate) use routes::Helpers;
pub use routes::Routes;
pub use rules::{Match, RuleError, RuleTable};
pub use school::{NoPreviousModel, Version, VersionState};
