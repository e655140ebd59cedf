use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many second attempts may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudgetConfig {
    /// So many for each first attempt, from 0 to 1.
    pub ratio: f64,
    /// So many beside them in any ten seconds, however few first attempts there are.
    pub reserve: u32,
}

impl RetryBudgetConfig {
    /// For those who try again after a failure.
    pub const RETRIES: Self = Self {
        ratio: 0.2,
        reserve: 10,
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
///     assert!(!budget.withdraw(now));
///     budget.deposit(now);
/// }
/// assert!(budget.withdraw(now));
/// assert!(!budget.withdraw(now));
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    opened: Option<Instant>,
    seconds: VecDeque<Second>,
}

/// What was done in one second, counted from the first of all.
#[derive(Debug, Default)]
struct Second {
    number: u64,
    first_attempts: u64,
    second_attempts: u64,
}

/// So many seconds are looked at.
const REMEMBERED: u64 = 10;

impl RetryBudget {
    /// Without any attempt so far.
    #[must_use]
    pub fn new(config: RetryBudgetConfig) -> Self {
        Self {
            config,
            books: Mutex::default(),
        }
    }

    /// A first attempt is made.
    pub fn deposit(&self, now: Instant) {
        self.books().at(now).first_attempts += 1;
    }

    /// Asks for leave for a second attempt; `false` when there were too many of late.
    #[must_use]
    pub fn withdraw(&self, now: Instant) -> bool {
        let mut books = self.books();
        books.at(now);
        let (first, second) = books.sums();
        #[allow(clippy::cast_precision_loss)] // of ten seconds
        let left =
            first as f64 * self.config.ratio + f64::from(self.config.reserve) - second as f64;
        let granted = left >= 1.0;
        if granted {
            books.at(now).second_attempts += 1;
        }
        granted
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// The entry of this second; those of seconds long past are gone.
    fn at(&mut self, now: Instant) -> &mut Second {
        let opened = *self.opened.get_or_insert(now);
        let number = now.saturating_duration_since(opened).as_secs();
        let is_old = |second: &Second| second.number + REMEMBERED <= number;
        while self.seconds.front().is_some_and(is_old) {
            self.seconds.pop_front();
        }
        if self.seconds.back().is_none_or(|last| last.number < number) {
            self.seconds.push_back(Second {
                number,
                ..Second::default()
            });
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    fn sums(&self) -> (u64, u64) {
        let sum = |of: fn(&Second) -> u64| self.seconds.iter().map(of).sum();
        (sum(|it| it.first_attempts), sum(|it| it.second_attempts))
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
        let granted = (0..20).filter(|_| budget.withdraw(now)).count();
        assert_eq!(granted, 10);
        assert!(budget.withdraw(now + 10 * SECOND));
    }

    #[test]
    fn what_is_older_than_ten_seconds_pays_for_nothing() {
        let now = Instant::now();
        let budget = RetryBudget::new(RetryBudgetConfig::HEDGES);
        (0..100).for_each(|_| budget.deposit(now));
        assert!(budget.withdraw(now + 9 * SECOND));
        assert!(!budget.withdraw(now + 10 * SECOND));
    }

    proptest! {
        /// Whenever leave is given for one: of the last nine seconds, no more are second ones than
        /// the share of the first ones of the last ten, and the reserve.
        #[test]
        fn second_attempts_stay_within_their_share(
            steps in prop::collection::vec((0_u64..400, any::<bool>()), 1..400),
            reserve in 0_u32..4,
        ) {
            let start = Instant::now();
            let budget = RetryBudget::new(RetryBudgetConfig { ratio: 0.2, reserve });
            let (mut ms, mut first, mut second) = (0, Vec::new(), Vec::new());
            for (pause, again) in steps {
                ms += pause;
                let now = start + Duration::from_millis(ms);
                if !again {
                    budget.deposit(now);
                    first.push(ms);
                    continue;
                }
                if !budget.withdraw(now) {
                    continue;
                }
                second.push(ms);
                let since = |all: &[u64], span| all.iter().filter(|at| *at + span > ms).count();
                #[allow(clippy::cast_precision_loss)]
                let (made, paid) = (since(&second, 9_000) as f64, since(&first, 10_000) as f64 * 0.2);
                prop_assert!(made <= paid + f64::from(reserve), "{made} of {paid}");
            }
        }
    }
}
