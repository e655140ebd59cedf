use std::sync::Arc;
use std::time::Duration;

use super::{
    Adaptive, Choices, LeastConnections, P2cEwma, RoundRobin, Seed, Strategy, Weighted,
    WeightedRoundRobin,
};

/// How instances are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BalancingConfig {
    /// Whether load counts at all; otherwise the first eligible instance is taken.
    pub enabled: bool,
    /// The rule.
    pub algorithm: Algorithm,
    /// How many instances [`Adaptive`] compares.
    pub choices: Choices,
    /// Whether [`Algorithm::Weighted`] is the rule as it was first written down, [`Seed`].
    pub legacy: bool,
    /// How long an instance that has come later than its siblings is spared.
    pub slow_start: Duration,
    /// The share of an agent's instances, from 0 to 1, that breakers may take out, and at least
    /// one; others are asked though their breaker is open.
    pub max_ejection: f64,
    /// When less than this share of an agent's instances is eligible, from 0 to 1, those that are
    /// could not do the work, and all are asked though their breakers are open.
    pub panic_threshold: f64,
}

impl Default for BalancingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            algorithm: Algorithm::Adaptive,
            choices: Choices::Auto,
            legacy: false,
            slow_start: Duration::from_secs(20),
            max_ejection: 0.5,
            panic_threshold: 0.5,
        }
    }
}

impl BalancingConfig {
    /// A strategy that has chosen nothing yet; `None` when load does not count.
    #[must_use]
    pub fn strategy(&self) -> Option<Arc<dyn Strategy>> {
        self.enabled.then(|| -> Arc<dyn Strategy> {
            match self.algorithm {
                Algorithm::Adaptive => Arc::new(Adaptive::new(self.choices)),
                Algorithm::P2cEwma => Arc::new(P2cEwma),
                Algorithm::LeastConnections => Arc::new(LeastConnections),
                Algorithm::Weighted if self.legacy => Arc::new(Seed),
                Algorithm::Weighted => Arc::new(Weighted),
                Algorithm::WeightedRoundRobin => Arc::<WeightedRoundRobin>::default(),
                Algorithm::RoundRobin => Arc::<RoundRobin>::default(),
            }
        })
    }
}

/// The rules by the names that the configuration knows them by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// [`Adaptive`]
    Adaptive,
    /// [`P2cEwma`]
    P2cEwma,
    /// [`LeastConnections`]
    LeastConnections,
    /// [`Weighted`]
    Weighted,
    /// [`WeightedRoundRobin`]
    WeightedRoundRobin,
    /// [`RoundRobin`]
    RoundRobin,
}

impl Algorithm {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("adaptive", Self::Adaptive),
        ("p2c_ewma", Self::P2cEwma),
        ("least_connections", Self::LeastConnections),
        ("weighted", Self::Weighted),
        ("weighted_round_robin", Self::WeightedRoundRobin),
        ("round_robin", Self::RoundRobin),
    ];
}
