//! Who may get a task at all: looked at before anybody is compared, and nowhere else.

use std::time::{Duration, Instant};

use super::{BalancingConfig, Member};
use crate::judgement::BreakerState;
use crate::mailbox::{Claim, Refusal};
use crate::words::InstanceId;

/// The members of a pool that may get a task, and why the others may not.
#[derive(Debug, Default)]
pub(super) struct Eligible {
    members: Vec<usize>,
    /// Those of them that may although their breaker is open.
    emergency: Vec<usize>,
    refusal: Option<Refusal>,
}

impl Eligible {
    pub(super) fn among(
        members: &[Member],
        config: &BalancingConfig,
        claim: Claim,
        tried: &[InstanceId],
        now: Instant,
    ) -> Self {
        let mut found = Self {
            members: Vec::with_capacity(members.len()),
            ..Self::default()
        };
        let (mut barred, mut some_work) = (Vec::new(), false);
        for (number, member) in members.iter().enumerate() {
            let refusal = member.mailbox.refusal(claim, now);
            let is_busy = matches!(
                refusal,
                Some(Refusal::Full { .. } | Refusal::TooLate { .. })
            );
            if refusal.is_none() || is_busy {
                some_work |= member.mailbox.breaker_state(now) == BreakerState::Closed;
            }
            match refusal {
                None => found.members.push(number),
                Some(refusal) => {
                    found.refuse(refusal);
                    if let Refusal::Open { retry_after } = refusal {
                        barred.push((retry_after, number));
                    }
                }
            }
        }
        if some_work && !barred.is_empty() {
            found.declare_emergency(barred, members.len(), config);
        }
        if !tried.is_empty() {
            let was_tried = |number: &usize| tried.contains(members[*number].mailbox.instance());
            found.members.retain(|number| !was_tried(number));
        }
        let is_well = |number: &usize| !members[*number].mailbox.is_unwell();
        let works = |number: &usize| is_well(number) && !found.emergency.contains(number);
        if found.members.iter().any(works) {
            found.members.retain(is_well);
        }
        found
    }

    /// Breakers are there to spare an agent, not to take it away: while some of its instances
    /// work, only so many others may be left out, and none when those that work would be overrun.
    /// When none works for sure, nothing is gained by asking: each breaker lets its own probes
    /// through.
    fn declare_emergency(
        &mut self,
        mut barred: Vec<(Duration, usize)>,
        all: usize,
        config: &BalancingConfig,
    ) {
        let most = share(config.max_ejection, all).floor().max(1.0);
        let mut let_in = barred.len().saturating_sub(count(most));
        let eligible = self.members.len() + let_in;
        if eligible < count(share(config.panic_threshold, all).ceil()) {
            let_in = barred.len();
        }
        if let_in == 0 {
            return;
        }
        barred.sort_unstable();
        let let_in = barred.into_iter().take(let_in).map(|(_, number)| number);
        self.emergency = let_in.collect();
        self.members.extend(&self.emergency);
        self.members.sort_unstable();
    }

    /// The numbers of those who may get the task, in order.
    pub(super) fn members(&self) -> impl Iterator<Item = usize> {
        self.members.iter().copied()
    }

    /// Whether that one may although its breaker is open.
    pub(super) fn is_an_emergency(&self, number: usize) -> bool {
        self.emergency.contains(&number)
    }

    /// One more will not have it.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let sooner = |other: &Refusal| wait(&refusal) < wait(other);
        if self.refusal.as_ref().is_none_or(sooner) {
            self.refusal = Some(refusal);
        }
    }

    /// The refusal that promises the soonest return.
    pub(super) fn soonest(self) -> Refusal {
        let stopped = Refusal::Stopped { retry_after: None };
        self.refusal.unwrap_or(stopped)
    }
}

/// A full instance has room again sooner than a breaker closes, and both sooner than what has no
/// life or is paused.
fn wait(refusal: &Refusal) -> (u8, Duration) {
    match *refusal {
        Refusal::Full { retry_after } | Refusal::TooLate { retry_after } => (0, retry_after),
        Refusal::Open { retry_after } | Refusal::Cooling { retry_after } => (1, retry_after),
        Refusal::Stopped {
            retry_after: Some(pause),
        } => (2, pause),
        Refusal::Paused | Refusal::HeldOpen => (3, Duration::ZERO),
        Refusal::Stopped { retry_after: None } => (4, Duration::ZERO),
    }
}

#[allow(clippy::cast_precision_loss)] // nobody has 2^52 instances
fn share(share: f64, all: usize) -> f64 {
    share * all as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a count is one
fn count(number: f64) -> usize {
    number as usize
}
