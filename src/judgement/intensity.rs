use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The restarts within a sliding window, of all the children of one supervisor: OTP's
/// `add_restart`, which also knows whose restarts they were.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::judgement::Intensity;
///
/// let (mut intensity, now) = (Intensity::default(), Instant::now());
/// let window = Duration::from_secs(5);
/// assert_eq!(intensity.add(7, now, window), 1);
/// assert_eq!(intensity.add(8, now + window, window), 2);
/// assert_eq!(intensity.add(8, now + window * 3 / 2, window), 2, "the first is too old");
/// assert!(intensity.is_most_frequent(8));
/// ```
#[derive(Debug, Default)]
pub struct Intensity {
    restarts: VecDeque<(Instant, u64)>,
}

impl Intensity {
    /// Adds a restart of that child; how many lie within the window now.
    pub fn add(&mut self, child: u64, now: Instant, window: Duration) -> usize {
        while let Some((oldest, _)) = self.restarts.front()
            && now.saturating_duration_since(*oldest) > window
        {
            self.restarts.pop_front();
        }
        self.restarts.push_back((now, child));
        self.restarts.len()
    }

    /// Whether no other child was restarted more often than that one.
    #[must_use]
    pub fn is_most_frequent(&self, child: u64) -> bool {
        let own = self.count(child);
        let mut others = self.restarts.iter().map(|(_, other)| *other);
        others.all(|other| self.count(other) <= own)
    }

    /// Forgets the restarts of that child.
    pub fn forget(&mut self, child: u64) {
        self.restarts.retain(|(_, other)| *other != child);
    }

    fn count(&self, child: u64) -> usize {
        let of_child = self.restarts.iter().filter(|(_, other)| *other == child);
        of_child.count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list model: what lies within the window is counted, and nothing else.
        #[test]
        fn the_window_slides(steps in prop::collection::vec((0_u64..200, 0_u64..4), 1..60)) {
            let (start, window) = (Instant::now(), Duration::from_millis(100));
            let (mut intensity, mut at) = (Intensity::default(), 0);
            let mut model: Vec<(u64, u64)> = Vec::new();
            for (gap, child) in steps {
                at += gap;
                model.push((at, child));
                model.retain(|(then, _)| at - then <= 100);
                let counted = intensity.add(child, start + Duration::from_millis(at), window);
                prop_assert_eq!(counted, model.len());
                let of = |child| model.iter().filter(|(_, other)| *other == child).count();
                for child in 0..4 {
                    let most = (0..4).all(|other| of(other) <= of(child));
                    prop_assert_eq!(intensity.is_most_frequent(child), most);
                }
            }
        }

        /// Against a list model: only the restarts of that child are forgotten.
        #[test]
        fn to_forget_a_child_leaves_the_others(children in prop::collection::vec(0_u64..4, 1..40), gone in 0_u64..4) {
            let (now, window) = (Instant::now(), Duration::from_secs(1));
            let mut intensity = Intensity::default();
            for child in &children {
                intensity.add(*child, now, window);
            }
            intensity.forget(gone);
            let left = children.iter().filter(|child| **child != gone).count();
            prop_assert_eq!(intensity.add(9, now, window), left + 1);
        }
    }
}
