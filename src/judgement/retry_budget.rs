use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many second attempts may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudgetConfig {
    /// So many for each first attempt, from 0 to 1.
    pub ratio: f64,
    /// So many may be under way at once, however few first attempts there are.
    pub reserve: usize,
}

impl RetryBudgetConfig {
    /// For those who try again after a failure.
    pub const RETRIES: Self = Self {
        ratio: 0.2,
        reserve: 3,
    };

    /// For those who ask a second one because the first takes long.
    pub const HEDGES: Self = Self {
        ratio: 0.05,
        reserve: 0,
    };
}

/// Keeps second attempts from becoming a flood when first ones fail.
///
/// Whoever tries again at every failure multiplies the load of a service just when it has too much
/// of it, and may keep it from ever recovering. So second attempts are paid for by first ones: of
/// those of the last ten seconds a certain share may be repeated. As in Finagle's and tower's
/// retry budgets.
///
/// ```
/// use std::time::Instant;
/// use agent_orchestrator::judgement::{RetryBudget, RetryBudgetConfig};
///
/// let now = Instant::now();
/// let budget = RetryBudget::new(RetryBudgetConfig { ratio: 0.2, reserve: 0 });
/// for _ in 0..5 {
///     assert!(budget.withdraw(now).is_none());
///     budget.deposit(now);
/// }
/// assert!(budget.withdraw(now).is_some());
/// assert!(budget.withdraw(now).is_none());
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// By the second in which they were made, counted from the first of all: first attempts, and
    /// second ones.
    seconds: VecDeque<(u64, u64, u64)>,
    opened: Option<Instant>,
    under_way: usize,
}

/// So many seconds are looked at.
const REMEMBERED: u64 = 10;

/// Leave for one second attempt; it is under way until this is dropped.
#[derive(Debug)]
#[must_use = "a second attempt is under way until this is dropped"]
pub struct Retry {
    budget: Arc<RetryBudget>,
}

impl RetryBudget {
    /// Without any attempt so far.
    #[must_use]
    pub fn new(config: RetryBudgetConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            books: Mutex::default(),
        })
    }

    /// A first attempt is made.
    pub fn deposit(&self, now: Instant) {
        self.books().entry(now).1 += 1;
    }

    /// Leave for a second attempt; `None` when there were too many of late.
    #[must_use]
    pub fn withdraw(self: &Arc<Self>, now: Instant) -> Option<Retry> {
        let mut books = self.books();
        books.entry(now);
        let (first, second) = books.sums();
        #[allow(clippy::cast_precision_loss)] // of ten seconds
        let paid_for = second as f64 + 1.0 <= first as f64 * self.config.ratio;
        if !paid_for && books.under_way >= self.config.reserve {
            return None;
        }
        books.entry(now).2 += 1;
        books.under_way += 1;
        Some(Retry {
            budget: Arc::clone(self),
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// The entry of this second; older ones than are remembered are gone.
    fn entry(&mut self, now: Instant) -> &mut (u64, u64, u64) {
        let opened = *self.opened.get_or_insert(now);
        let second = now.saturating_duration_since(opened).as_secs();
        while self
            .seconds
            .front()
            .is_some_and(|it| it.0 + REMEMBERED <= second)
        {
            self.seconds.pop_front();
        }
        if self.seconds.back().is_none_or(|it| it.0 < second) {
            self.seconds.push_back((second, 0, 0));
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    fn sums(&self) -> (u64, u64) {
        let add = |(first, second), it: &(u64, u64, u64)| (first + it.1, second + it.2);
        self.seconds.iter().fold((0, 0), add)
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        self.budget.books().under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_few_may_be_tried_again_where_there_is_little_to_do() {
        let now = Instant::now();
        let budget = RetryBudget::new(RetryBudgetConfig::RETRIES);
        budget.deposit(now);
        let retries: Vec<_> = (0..4).filter_map(|_| budget.withdraw(now)).collect();
        assert_eq!(retries.len(), 3);
        drop(retries);
        assert!(budget.withdraw(now).is_some());
    }

    #[test]
    fn what_is_older_than_ten_seconds_pays_for_nothing() {
        let now = Instant::now();
        let budget = RetryBudget::new(RetryBudgetConfig::HEDGES);
        (0..100).for_each(|_| budget.deposit(now));
        assert!(budget.withdraw(now + 9 * SECOND).is_some());
        assert!(budget.withdraw(now + 10 * SECOND).is_none());
    }

    proptest! {
        /// However attempts come: of any ten seconds, no more are second ones than the share, and
        /// those in the reserve.
        #[test]
        fn second_attempts_stay_within_their_share(
            steps in prop::collection::vec((0_u64..400, any::<bool>()), 1..400),
            reserve in 0_usize..4,
        ) {
            let start = Instant::now();
            let budget = RetryBudget::new(RetryBudgetConfig { ratio: 0.2, reserve });
            let (mut ms, mut held) = (0, Vec::new());
            let (mut first, mut second): (Vec<u64>, Vec<u64>) = Default::default();
            for (pause, retry) in steps {
                ms += pause;
                let now = start + Duration::from_millis(ms);
                if retry {
                    if let Some(retry) = budget.withdraw(now) {
                        held.push(retry);
                        second.push(ms);
                    }
                } else {
                    budget.deposit(now);
                    first.push(ms);
                }
            }
            // Nothing in the reserve comes back here, so it is spent once.
            #[allow(clippy::cast_precision_loss)]
            let most = first.len() as f64 * 0.2 + reserve as f64;
            #[allow(clippy::cast_precision_loss)]
            let made = second.len() as f64;
            prop_assert!(made <= most.max(reserve as f64), "{made} of {most}");
        }
    }
}
