//! Which agents get a request.
//!
//! The [`Router`] is an actor that follows who there is, and publishes what they are known for as a
//! table of rules; routing itself happens on the caller's thread. A request that names its agents is not
//! routed. One that matches no rule goes to the fallback agent, and the record of the decision
//! says why. A router never fails a request.

mod decision;
mod router;
mod rules;
mod text;

pub use decision::{Candidate, Decided, Mode, Plan, Routing, RoutingStrategy};
pub use router::{Router, Routes, Survey};
pub use rules::{Match, RuleTable};
