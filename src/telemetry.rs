//! What the orchestrator knows of itself: how it has been doing, and how it is.
//!
//! The hot path adds to sums of its own thread; the metrics actor collects them about once a
//! second and writes them to the store. The health monitor, another actor, asks every agent how
//! it is.

mod health;
mod histogram;
mod metrics;
mod monitor;
mod recorder;
mod resources;
mod rounds;
mod summary;

pub use health::{AgentHealth, AgentsHealth, OrchestratorStatus, agents_health};
pub use histogram::Histogram;
pub use metrics::MetricsHandle;
pub(crate) use metrics::{Metrics, MetricsConfig};
pub(crate) use monitor::HealthMonitor;
pub use recorder::{AgentCall, Observation};
pub use resources::{ResourceGauge, Resources};
pub use summary::{Figures, Summary, Sums};
