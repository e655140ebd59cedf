//! The state machine of a circuit breaker: what is known, and what follows.

use std::time::{Duration, Instant};

use super::window::{Sample, Share, Window};
use super::{
    BreakerCause, BreakerChange, BreakerConfig, BreakerState, Deadline, Forced, Outcome, Verdict,
};

/// See the [module's documentation](self). Time and chance are arguments.
#[derive(Debug)]
pub(super) struct Circuit {
    config: BreakerConfig,
    /// How long a probe may be out before it counts as lost.
    lease: Duration,
    epoch: u64,
    phase: Phase,
    forced: Option<Forced>,
    /// When it opened first, of all the times since it was closed.
    failing_since: Option<Instant>,
    window: Window,
    /// Failures since the last success.
    failures: u32,
    /// The agent has asked to be left alone until then.
    cooling: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { probe: Option<Instant>, good: u32 },
}

/// Until when nothing goes through a circuit.
pub(super) enum Barred {
    Never,
    Until(Instant),
    ForEver,
}

impl From<Option<Instant>> for Barred {
    fn from(until: Option<Instant>) -> Self {
        until.map_or(Self::Never, Self::Until)
    }
}

/// What became of a probe may be told a little later than the call may take.
const GRACE: Duration = Duration::from_millis(250);

/// Nobody is left alone for longer than this for having asked for it.
const LONGEST_COOLING: Duration = Duration::from_secs(300);

impl Circuit {
    /// A closed one, of an agent whose calls may take that long.
    pub(super) fn new(config: BreakerConfig, longest_call: Duration) -> Self {
        let span = config.window.max(longest_call.saturating_mul(2));
        Self {
            config,
            lease: longest_call.saturating_add(GRACE),
            epoch: 0,
            phase: Phase::Closed,
            forced: None,
            failing_since: None,
            window: Window::new(span),
            failures: 0,
            cooling: None,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn forced(&self) -> Option<Forced> {
        self.forced
    }

    pub(super) fn state(&self) -> BreakerState {
        match (self.forced, self.phase) {
            (Some(Forced::Open), _) | (None, Phase::Open { .. }) => BreakerState::Open,
            (Some(Forced::Closed), _) | (None, Phase::Closed) => BreakerState::Closed,
            (None, Phase::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    /// Whether everybody is let through without changing anything.
    pub(super) fn is_clear(&self) -> bool {
        let undisturbed = self.forced.is_none() && self.cooling.is_none();
        undisturbed && matches!(self.phase, Phase::Closed)
    }

    /// Until when nothing goes through.
    pub(super) fn barred(&self) -> Barred {
        match (self.forced, self.phase) {
            (Some(Forced::Open), _) => Barred::ForEver,
            (Some(Forced::Closed), _) => Barred::Never,
            (None, Phase::Open { until }) => Barred::Until(until),
            (None, Phase::HalfOpen { probe, .. }) => probe.or(self.cooling).into(),
            (None, Phase::Closed) => self.cooling.into(),
        }
    }

    /// Whether it is the agent that has asked for that.
    pub(super) fn is_cooling(&self) -> bool {
        match (self.phase, self.cooling) {
            (Phase::Open { until }, Some(cooling)) => cooling >= until,
            (Phase::Closed, cooling) => cooling.is_some(),
            _ => false,
        }
    }

    /// Lets a call through of which it was made sure that nothing bars it.
    pub(super) fn admit(&mut self, now: Instant) -> Option<BreakerChange> {
        if self.forced.is_some() {
            return None;
        }
        self.cooling = self.cooling.filter(|until| *until > now);
        let woken = match self.phase {
            Phase::Open { .. } => Some(self.enter(half_open(), BreakerCause::Rested)),
            _ => None,
        };
        if let Phase::HalfOpen { probe, .. } = &mut self.phase {
            if probe.is_some() {
                // It was lost; what it may still report is of no interest any more.
                self.epoch += 1;
            }
            *probe = Some(Deadline::after(now, self.lease).instant());
        }
        woken
    }

    /// A call that was let through in that epoch was given up without a verdict.
    pub(super) fn give_back(&mut self, epoch: u64) {
        if self.epoch == epoch
            && let Phase::HalfOpen { probe, .. } = &mut self.phase
        {
            *probe = None;
        }
    }

    /// A call that was let through in that epoch has ended. `chance` is from 0 to 1.
    pub(super) fn learn(
        &mut self,
        epoch: u64,
        verdict: Verdict,
        now: Instant,
        chance: f64,
    ) -> Option<BreakerChange> {
        if !self.config.enabled || self.forced.is_some() {
            return None;
        }
        if let Outcome::Busy {
            retry_after: Some(pause),
        } = verdict.outcome
        {
            self.cool(Deadline::after(now, pause.min(LONGEST_COOLING)).instant());
        }
        if self.epoch != epoch {
            return None;
        }
        match (self.phase, verdict.outcome) {
            (_, Outcome::UserError | Outcome::Unjudged) => {
                self.give_back(epoch);
                None
            }
            (Phase::Closed, outcome) => self.observe(outcome, verdict.slow, now, chance),
            (Phase::HalfOpen { good, .. }, Outcome::Success) if !self.is_slow(verdict) => {
                self.probe_succeeded(good + 1)
            }
            (Phase::HalfOpen { .. }, _) => Some(self.trip(BreakerCause::ProbeFailed, now, chance)),
            (Phase::Open { .. }, _) => None,
        }
    }

    /// The agent has begun a life that does not owe its beginning to a failure.
    pub(super) fn renew(&mut self) -> Option<BreakerChange> {
        self.cooling = None;
        match self.phase {
            Phase::Open { .. } => Some(self.enter(half_open(), BreakerCause::Restarted)),
            Phase::Closed | Phase::HalfOpen { .. } => None,
        }
    }

    /// Somebody else has found that the agent keeps failing. `chance` is from 0 to 1.
    pub(super) fn heed(&mut self, now: Instant, chance: f64) -> Option<BreakerChange> {
        let heeds = self.config.enabled && self.forced.is_none();
        let closed = matches!(self.phase, Phase::Closed);
        (heeds && closed).then(|| self.trip(BreakerCause::Elsewhere, now, chance))
    }

    /// Does as an operator says; `None` is to judge by itself again, from the beginning.
    pub(super) fn force(&mut self, forced: Option<Forced>) -> Option<BreakerChange> {
        let before = self.state();
        self.forced = forced;
        self.cooling = None;
        self.failing_since = None;
        let change = self.enter(Phase::Closed, BreakerCause::Operator);
        (before != change.state).then_some(change)
    }

    /// The agent asks to be left alone until then, at whatever it was asked.
    fn cool(&mut self, until: Instant) {
        self.cooling = self.cooling.max(Some(until));
        if let Phase::Open { until: rested } = &mut self.phase {
            *rested = until.max(*rested);
        }
    }

    fn observe(
        &mut self,
        outcome: Outcome,
        slow: bool,
        now: Instant,
        chance: f64,
    ) -> Option<BreakerChange> {
        let failed = outcome != Outcome::Success;
        self.window.add(Sample { failed, slow }, now);
        match outcome {
            Outcome::Success => self.failures = 0,
            Outcome::Failure => self.failures += 1,
            // It answers, if only that it has too much to do: no series of failures.
            _ => {}
        }
        let cause = self.reason_to_open()?;
        Some(self.trip(cause, now, chance))
    }

    fn reason_to_open(&self) -> Option<BreakerCause> {
        if self.failures >= self.config.failure_threshold {
            return Some(BreakerCause::FailuresInARow(self.failures));
        }
        let too_many = |share: Share, limit: Option<f64>| {
            let minimum = self.config.minimum_calls;
            limit.is_some_and(|limit| share.reaches(limit, minimum))
        };
        let (failed, slow) = (self.window.failures(), self.window.slow_calls());
        if too_many(failed, self.config.failure_rate) {
            let Share { part: failed, of } = failed;
            return Some(BreakerCause::FailureRate { failed, of });
        }
        too_many(slow, self.config.slow_call_rate).then_some({
            let Share { part: slow, of } = slow;
            BreakerCause::SlowCalls { slow, of }
        })
    }

    fn is_slow(&self, verdict: Verdict) -> bool {
        verdict.slow && self.config.slow_call_rate.is_some()
    }

    fn probe_succeeded(&mut self, good: u32) -> Option<BreakerChange> {
        if good < self.config.success_threshold {
            self.phase = Phase::HalfOpen { probe: None, good };
            return None;
        }
        self.failing_since = None;
        Some(self.enter(Phase::Closed, BreakerCause::Recovered(good)))
    }

    fn trip(&mut self, cause: BreakerCause, now: Instant, chance: f64) -> BreakerChange {
        let failing_since = *self.failing_since.get_or_insert(now);
        let outage = now.saturating_duration_since(failing_since);
        let pause = self.config.pause(outage, chance);
        let rested = Deadline::after(now, pause).instant();
        let until = self.cooling.map_or(rested, |cool| cool.max(rested));
        self.enter(Phase::Open { until }, cause)
    }

    fn enter(&mut self, phase: Phase, cause: BreakerCause) -> BreakerChange {
        self.epoch += 1;
        self.phase = phase;
        self.failures = 0;
        self.window.clear();
        let state = self.state();
        BreakerChange { state, cause }
    }
}

fn half_open() -> Phase {
    let (probe, good) = (None, 0);
    Phase::HalfOpen { probe, good }
}
