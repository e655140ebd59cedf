use std::time::Duration;

/// The first and the longest pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The pause after the first failure.
    pub initial: Duration,
    /// No pause is longer.
    pub max: Duration,
}

/// A pause that grows with each failure in a row.
///
/// ```
/// use std::time::Duration;
/// use agent_orchestrator::judgement::{Backoff, BackoffConfig};
///
/// let config = BackoffConfig { initial: Duration::from_millis(10), max: Duration::from_secs(10) };
/// let mut backoff = Backoff::default();
/// let pauses = [1.0, 1.0, 0.0].map(|chance| backoff.next(config, chance).as_millis());
/// assert_eq!(pauses, [10, 20, 20]);
/// ```
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause: doubled with each failure up to the longest, then jittered between half
    /// of it and all of it, so that agents that fell together do not rise together. `chance` is a
    /// random number in `0.0..1.0`.
    pub fn next(&mut self, config: BackoffConfig, chance: f64) -> Duration {
        let doubled = config.initial.saturating_mul(1 << self.failures.min(30));
        self.failures = self.failures.saturating_add(1);
        jittered(doubled.min(config.max), chance)
    }

    /// All is well: the next pause is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between half of a pause and all of it: `chance` is a random number in `0.0..1.0`.
pub(super) fn jittered(pause: Duration, chance: f64) -> Duration {
    pause.mul_f64(0.5 + 0.5 * chance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list model: each pause lies between half and all of a value that doubles, up
        /// to the longest, and starts over at each reset.
        #[test]
        fn pauses_double_up_to_the_longest_with_jitter_below(
            initial in 1_u64..100,
            longest in 1_u64..100_000,
            steps in prop::collection::vec((0.0..1.0_f64, prop::bool::weighted(0.1)), 1..80),
        ) {
            let config = BackoffConfig {
                initial: Duration::from_millis(initial),
                max: Duration::from_millis(longest),
            };
            let (mut backoff, mut doubled) = (Backoff::default(), initial);
            for (chance, well) in steps {
                if well {
                    backoff.reset();
                    doubled = initial;
                }
                let pause = backoff.next(config, chance).as_secs_f64() * 1e3;
                #[allow(clippy::cast_precision_loss)] // below 100 000
                let whole = doubled.min(longest) as f64;
                prop_assert!((whole / 2.0 - 1e-3..=whole + 1e-3).contains(&pause));
                doubled = doubled.saturating_mul(2);
            }
        }
    }
}
