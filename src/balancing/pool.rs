use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::eligible::Eligible;
use super::{BalancingConfig, Candidate, Strategy};
use crate::judgement::{BreakerState, RetryBudget, RetryBudgetConfig};
use crate::mailbox::{Claim, InstanceState, Lease, Mailbox, Refusal};
use crate::words::InstanceId;

/// The instances of one agent, and the rule for choosing among them: a snapshot.
#[derive(Debug, Clone)]
pub struct Pool {
    members: Arc<[Member]>,
    config: BalancingConfig,
    strategy: Option<Arc<dyn Strategy>>,
    retries: Arc<RetryBudget>,
    hedges: Arc<RetryBudget>,
}

/// One instance of a pool.
#[derive(Clone)]
pub struct Member {
    /// Where its tasks go.
    pub mailbox: Arc<Mailbox>,
    /// When it came or came back, if that was later than its siblings came.
    pub since: Option<Instant>,
    /// Whether it had no life when it was last looked at.
    pub(super) was_away: bool,
}

/// The least that a cold instance is thought worth.
const COLDEST: f64 = 0.1;

impl Member {
    /// One that is there from the start.
    #[must_use]
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            mailbox,
            since: None,
            was_away: false,
        }
    }

    /// One that came, or came back, later than its siblings.
    #[must_use]
    pub fn late(mailbox: Arc<Mailbox>, since: Instant) -> Self {
        Self {
            since: Some(since),
            ..Self::new(mailbox)
        }
    }

    fn warmth(&self, slow_start: Duration, now: Instant) -> f64 {
        let Some(since) = self.since.filter(|_| !slow_start.is_zero()) else {
            return 1.0;
        };
        let age = now.saturating_duration_since(since);
        (age.as_secs_f64() / slow_start.as_secs_f64()).clamp(COLDEST, 1.0)
    }

    fn is_on_trial(&self, now: Instant) -> bool {
        self.mailbox.breaker_state(now) == BreakerState::HalfOpen
    }

    fn health(&self) -> f64 {
        if self.mailbox.is_unwell() {
            0.0
        } else if self.mailbox.state() != InstanceState::Healthy {
            0.5
        } else {
            1.0
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.mailbox.instance(), f)
    }
}

impl Pool {
    /// A pool of these instances, which have been asked nothing yet.
    #[must_use]
    pub fn new(members: Vec<Member>, config: BalancingConfig) -> Self {
        Self {
            members: members.into(),
            config,
            strategy: config.strategy(),
            retries: Arc::new(RetryBudget::new(RetryBudgetConfig::RETRIES)),
            hedges: Arc::new(RetryBudget::new(RetryBudgetConfig::HEDGES)),
        }
    }

    /// The same with another strategy.
    #[must_use]
    pub fn with_strategy(mut self, strategy: Arc<dyn Strategy>) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// The pool that follows this one when instances come, go, or come back. A strategy that
    /// remembers something of them starts anew unless they are the same.
    #[must_use]
    pub fn followed_by(&self, members: Vec<Member>) -> Self {
        let same = |(one, other): (&Member, &Member)| Arc::ptr_eq(&one.mailbox, &other.mailbox);
        let same =
            self.members.len() == members.len() && self.members.iter().zip(&members).all(same);
        let strategy = if same {
            self.strategy.clone()
        } else {
            self.config.strategy()
        };
        Self {
            members: members.into(),
            strategy,
            ..self.clone()
        }
    }

    /// Its instances, in order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What may be tried a second time after a failure.
    #[must_use]
    pub fn retries(&self) -> &RetryBudget {
        &self.retries
    }

    /// What may be asked a second time because the first takes long.
    #[must_use]
    pub fn hedges(&self) -> &RetryBudget {
        &self.hedges
    }

    /// Chooses an instance that was not `tried` and takes a place in it.
    ///
    /// # Errors
    /// When none will have the task: the refusal that promises the soonest return.
    pub fn lease(
        &self,
        claim: Claim,
        tried: &[InstanceId],
        now: Instant,
        chance: &mut Rng,
    ) -> Result<Lease, Refusal> {
        if let ([only], []) = (&*self.members, tried) {
            return only.mailbox.reserve(claim, now);
        }
        let mut eligible = Eligible::among(&self.members, &self.config, claim, tried, now);
        let mut candidates: Vec<Candidate<'_>> = eligible
            .members()
            .map(|number| self.candidate(number, now))
            .collect();
        while !candidates.is_empty() {
            let index = self.choose(&candidates, now, chance);
            let number = candidates.remove(index).member;
            let mailbox = &self.members[number].mailbox;
            let leased = if eligible.is_an_emergency(number) {
                mailbox.reserve_regardless(claim, now)
            } else {
                mailbox.reserve(claim, now)
            };
            match leased {
                Ok(lease) => return Ok(lease),
                // Somebody else took the last place since we looked.
                Err(refusal) => eligible.refuse(refusal),
            }
        }
        Err(eligible.soonest())
    }

    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize {
        match &self.strategy {
            Some(strategy) if candidates.len() > 1 => strategy.choose(candidates, now, chance),
            _ => 0,
        }
    }

    fn candidate(&self, number: usize, now: Instant) -> Candidate<'_> {
        let member = &self.members[number];
        let mailbox = &*member.mailbox;
        Candidate {
            member: number,
            weight: mailbox.weight(),
            taken: mailbox.load().taken(),
            concurrency: mailbox.capacity().concurrency,
            health: member.health(),
            warmth: member.warmth(self.config.slow_start, now),
            on_trial: member.is_on_trial(now),
            load: mailbox.load(),
        }
    }
}
